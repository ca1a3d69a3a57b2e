"""What the demonstration and the figures share: options of a batch that the program makes itself, and running it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..batch import job as jobs
from ..errors import DnpmError
from ..files.writing import folder as made_folder
from ..files.writing import write_text
from ..options import add_device
from . import batch


def add_options(parser: argparse.ArgumentParser, size: str, samples: int) -> None:
    """How good, and with what."""
    parser.add_argument("--size", default=size, metavar="WxH", help="pixels of a face in a sheet (%(default)s)")
    parser.add_argument(
        "--samples", type=int, default=samples, metavar="N", help="Cycles samples a pixel (%(default)s)"
    )
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    add_device(parser, None)
    parser.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")


def size_of(args: argparse.Namespace) -> tuple[int, int]:
    """--size as (width, height). Raises DnpmError when it is none."""
    width, _, height = args.size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise DnpmError(f"--size {args.size}: must be WIDTHxHEIGHT, for example 360x432")
    return int(width), int(height)


def render(data: dict[str, Any], folder: Path, args: argparse.Namespace, what: str) -> int:
    """Run the job `data` into folder/items; returns the exit code. Raises DnpmError when it is not a valid job."""
    items = folder / "items"
    made_folder(items)
    jobs.parse(data, folder, what)
    job_file = folder / "job.json"
    write_text(job_file, json.dumps(data, indent=1) + "\n")
    words = [str(job_file), f"--out={items}"]
    words += [f"--{key.replace('_', '-')}={Path(getattr(args, key)).absolute()}"
              for key in ("face_model", "weights") if getattr(args, key)]  # fmt: skip
    words += [f"--device={args.device}"] if args.device else []
    status = batch.start_blender(words, args.blender, None)
    if status:
        print(f"{what}: not complete; see the lines above and {items / 'blender.log'}")
    return status
