"""Render the paper's Figures 3 and 4 with these weights: identity components and expressions, faces and maps.

Run again, it goes on where it stopped; nothing that is done is rendered twice.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..batch import figures
from ..batch import job as jobs
from ..errors import DnpmError
from . import batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how good."""
    parser.add_argument("--out", type=Path, default=Path("docs/figures"), metavar="DIR", help="folder for the sheets")
    parser.add_argument(
        "--work", type=Path, default=Path("build/figures"), metavar="DIR", help="folder for single pictures and maps"
    )
    parser.add_argument("--size", default="300x360", metavar="WxH", help="pixels of a face in a sheet (%(default)s)")
    parser.add_argument("--samples", type=int, default=16, metavar="N", help="Cycles samples a pixel (%(default)s)")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    parser.add_argument("--device", help="cpu, cuda, mps or xpu (default: the fastest there is)")
    parser.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")


def run(args: argparse.Namespace) -> int:
    """The batch, then the sheets."""
    start = time.monotonic()
    width, _, height = args.size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise DnpmError(f"--size {args.size}: must be WIDTHxHEIGHT, for example 300x360")
    work = args.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    data = figures.figures_job((int(width), int(height)), args.samples)
    jobs.parse(data, work, "figures")
    job_file = work / "job.json"
    job_file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    words = [str(job_file), f"--out={work / 'items'}"]
    words += [f"--{key.replace('_', '-')}={Path(getattr(args, key)).absolute()}"
              for key in ("face_model", "weights") if getattr(args, key)]  # fmt: skip
    words += [f"--device={args.device}"] if args.device else []
    (work / "items").mkdir(exist_ok=True)
    status = batch.start_blender(words, args.blender, None)
    if status:
        print(f"the figures are not complete: see the lines above and {work / 'items' / 'blender.log'}")
        return status
    for file, what in figures.make_sheets(work / "items", args.out):
        print(f"{file}  {what}")
    print(f"in {time.monotonic() - start:.0f} s")
    return 0
