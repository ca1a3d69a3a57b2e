"""A speaking clip's command line: what `dnpm animate` adds to the curves, and what Blender is started with for it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..face_model.looks import read_pairs
from ..face_model.presets import read_preset
from ..options import add_device
from . import job as jobs
from .views import NAMED

PICTURES = "frames"
"""The folder of pictures in the output folder; `frame_0001.png` is the scene's first frame."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What Blender makes of the curves."""
    make = parser.add_argument_group("with Blender (--preset, --blend or --frames start it)")
    make.add_argument("--preset", type=Path, metavar="FILE", help="the face that speaks (default: the average one)")
    make.add_argument("--blend", action="store_true", help="write clip.blend: the face, its keyframes, the sound")
    make.add_argument(
        "--frames", action="store_true", help="render frames/ and, where Blender can, clip.mp4 with sound"
    )
    make.add_argument("--first", type=int, metavar="N", help="first frame to render, from 1 (default: all)")
    make.add_argument("--last", type=int, metavar="N", help="last frame to render")
    make.add_argument("--size", default="480x480", metavar="WxH", help="pixels of a picture (default %(default)s)")
    make.add_argument("--view", default="front", help=f"camera: {', '.join(NAMED)} (default %(default)s)")
    make.add_argument("--engine", choices=jobs.ENGINES, default="cycles", help="default %(default)s")
    make.add_argument("--samples", type=int, default=16, metavar="N", help="samples a pixel (default %(default)s)")
    make.add_argument("--detail", type=float, metavar="S", help="detail strength; 0 is the coarse face")
    make.add_argument("--map-size", type=int, default=1024, metavar="N", help="pixels of a displacement map")
    make.add_argument("--subdivision", type=int, default=3, metavar="N", help="levels of subdivision")
    make.add_argument("--look", metavar="tone=T,...", help="colours, as `dnpm batch --look`")
    make.add_argument("--force", action="store_true", help="render every frame again, done or not")
    make.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")
    make.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    make.add_argument("--detail-weights", type=Path, metavar="DIR", help="another folder of detail weights")
    make.add_argument("--python", metavar="FILE", help="the Python that has torch (default: this one)")
    add_device(make, None, "the networks")


def wants_blender(args: argparse.Namespace) -> bool:
    """Whether more than curves is asked for."""
    return bool(args.preset or args.blend or args.frames)


def read_item(args: argparse.Namespace) -> jobs.Item:
    """The face and how it is shown, checked as a batch's item is. Raises DnpmError on anything wrong with it."""
    width, _, height = args.size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise DnpmError(f"--size {args.size}: must be WIDTHxHEIGHT, for example 480x480")
    settings: dict[str, Any] = {
        "size": [int(width), int(height)], "views": [args.view], "engine": args.engine, "samples": args.samples,
        "map_size": args.map_size, "subdivision": args.subdivision,
    }  # fmt: skip
    if args.detail is not None:
        settings["detail"] = args.detail
    if args.look:
        settings["look"] = read_pairs(args.look)
    item: dict[str, Any] = {"name": "clip"}
    if args.preset is not None:
        read_preset(args.preset)  # Told now, before anything is computed.
        item["preset"] = str(args.preset.absolute())
    for name in ("first", "last"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise DnpmError(f"--{name} {getattr(args, name)}: frames are counted from 1")
    return jobs.parse({"settings": settings, "items": [item]}, Path.cwd(), "command line").items[0]


def forwarded(args: argparse.Namespace) -> list[str]:
    """The words for `operators/headless/clip.py`: paths made absolute."""
    words = ["clip", f"--audio={args.audio.absolute()}", f"--out={args.out.absolute()}", f"--fps={args.fps!r}"]
    for key in ("first", "last", "size", "view", "engine", "samples", "detail", "map_size", "subdivision", "look",
                "device"):  # fmt: skip
        value = getattr(args, key)
        if value is not None:
            words.append(f"--{key.replace('_', '-')}={value}")
    words += [f"--{key.replace('_', '-')}={getattr(args, key).absolute()}"
              for key in ("preset", "face_model", "detail_weights") if getattr(args, key) is not None]  # fmt: skip
    return words + [f"--{key}" for key in ("frames", "force") if getattr(args, key)]


def scene_rate(fps: float) -> tuple[int, float]:
    """Blender's two numbers of a frame rate: a whole one, and what it is divided by. 23.976 -> (24, 1.001)."""
    whole = max(1, math.ceil(fps - 1e-9))
    return whole, whole / fps
