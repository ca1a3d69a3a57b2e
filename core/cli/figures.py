"""Render the paper's Figures 3 and 4 with these weights: identity components and expressions, faces and maps.

Run again, it goes on where it stopped; nothing that is done is rendered twice.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..batch import figures
from ..files.writing import folder as made_folder
from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how good."""
    parser.add_argument("--out", type=Path, default=Path("docs/figures"), metavar="DIR", help="folder for the sheets")
    parser.add_argument(
        "--work", type=Path, default=Path("build/figures"), metavar="DIR", help="folder for single pictures and maps"
    )
    pictures.add_options(parser, "300x360", 16)


def run(args: argparse.Namespace) -> int:
    """The batch, then the sheets."""
    start = time.monotonic()
    work = args.work.absolute()
    status = pictures.render(figures.figures_job(pictures.size_of(args), args.samples), work, args, "the figures")
    if status:
        return status
    made_folder(args.out)
    for file, what in figures.make_sheets(work / "items", args.out):
        print(f"{file}  {what}")
    print(f"in {time.monotonic() - start:.0f} s")
    return 0
