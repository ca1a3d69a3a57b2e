"""Show what this is: renders the demonstration's faces headless and lays pictures, a map and a .blend in one folder.

Run again, it goes on where it stopped; nothing that is done is rendered twice.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..batch import demo
from ..batch import job as jobs
from ..errors import DnpmError
from . import batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how good."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), metavar="DIR", help="folder for the results")
    parser.add_argument("--size", default="360x432", metavar="WxH", help="pixels of a face in a sheet (%(default)s)")
    parser.add_argument("--samples", type=int, default=12, metavar="N", help="Cycles samples a pixel (%(default)s)")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    parser.add_argument("--device", help="cpu, cuda, mps or xpu (default: the fastest there is)")
    parser.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")


def run(args: argparse.Namespace) -> int:
    """The batch, then the sheets."""
    start = time.monotonic()
    out = args.out.absolute()
    items = out / "items"
    items.mkdir(parents=True, exist_ok=True)
    width, _, height = args.size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise DnpmError(f"--size {args.size}: must be WIDTHxHEIGHT, for example 360x432")
    data = demo.demo_job((int(width), int(height)), args.samples)
    jobs.parse(data, out, "demo")
    job_file = out / "job.json"
    job_file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    words = [str(job_file), f"--out={items}"]
    words += [f"--{key.replace('_', '-')}={Path(getattr(args, key)).absolute()}"
              for key in ("face_model", "weights") if getattr(args, key)]  # fmt: skip
    words += [f"--device={args.device}"] if args.device else []
    status = batch.start_blender(words, args.blender, None)
    if status:
        print(f"the demonstration is not complete: see the lines above and {items / 'blender.log'}")
        return status
    made = demo.make_sheets(items, out)
    listing = "\n".join(f"{file.name:24} {file.stat().st_size / 1e6:7.2f} MB  {what}" for file, what in made)
    text = f"{listing}\nmade from {job_file.name}, in {time.monotonic() - start:.0f} s\n"
    (out / "contents.txt").write_text(text, encoding="utf-8")
    print(f"\n{text}\nThey lie in {out}")
    return 0
