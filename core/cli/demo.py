"""Show what this is: renders the demonstration's faces headless and lays pictures, a map and a .blend in one folder.

Run again, it goes on where it stopped; nothing that is done is rendered twice.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..batch import demo
from ..files.writing import write_text
from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how good."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), metavar="DIR", help="folder for the results")
    pictures.add_options(parser, "360x432", 12)


def run(args: argparse.Namespace) -> int:
    """The batch, then the sheets."""
    start = time.monotonic()
    out = args.out.absolute()
    items = out / "items"
    data = demo.demo_job(pictures.size_of(args), args.samples)
    status = pictures.render(data, out, args, "the demonstration")
    if status:
        return status
    made = demo.make_sheets(items, out)
    listing = "\n".join(f"{file.name:24} {file.stat().st_size / 1e6:7.2f} MB  {what}" for file, what in made)
    text = f"{listing}\nmade from job.json, in {time.monotonic() - start:.0f} s\n"
    write_text(out / "contents.txt", text)
    print(f"\n{text}\nThey lie in {out}")
    return 0
