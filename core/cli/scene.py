"""Frames of a .blend without a window: rendered, their maps baked to files, or exported as Alembic and USD.

  render    pictures in the scene's own format, OUT/NAME_0001.png and so on
  bake      the maps of all faces that are the file's own and not frozen
  collect   a copy of the .blend, OUT/NAME_baked.blend, that shows the baked maps: it renders without this extension
  export    every face that is the file's own as Alembic and USD, its maps beside (docs/exports.md)

Finished frames are not made twice, unless the .blend, what it links, the face model or the weights have changed.
Relative paths count from the .blend. Exit code: 0 all done, 1 a frame failed, 2 nothing was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..batch.arguments import add_farm
from ..batch.chunks import read_chunk, read_frames
from ..batch.sequence import FORMS
from ..errors import DnpmError
from ..options import add_device
from .batch import start_blender

ACTIONS = ("render", "bake", "collect", "export")
FORMATS = ("abc", "usd")
SIZES = (256, 512, 1024)
EPILOG = """\
  dnpm scene render shot.blend --out frames
  dnpm scene bake shot.blend --out maps --frames 1-240
  dnpm scene collect shot.blend --out maps --frames 1-240
  dnpm scene export shot.blend --out shot_files --formats abc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The .blend, its frames, and how."""
    parser.epilog = EPILOG
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("blend", type=Path, help="a .blend file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results; kept, added to")
    parser.add_argument("--frames", metavar="1-24", help="a frame or a range (default: the scene's)")
    parser.add_argument("--form", choices=list(FORMS), default="EXR16", help="of baked maps (default %(default)s)")
    parser.add_argument("--size", type=int, choices=SIZES, default=1024, help="texels of a baked map's side")
    parser.add_argument("--force", action="store_true", help="make every frame again, done or not")
    parser.add_argument(
        "--scripts", action="store_true", help="run the .blend's own scripts and Python drivers: only files you trust"
    )
    to = parser.add_argument_group("with export")
    to.add_argument("--formats", default=",".join(FORMATS), metavar="abc,usd", help="files (default %(default)s)")
    to.add_argument(
        "--displaced",
        action="store_true",
        help="the subdivided, displaced mesh of faces that show baked maps, a point cache (after collect)",
    )
    to.add_argument("--levels", type=int, default=2, metavar="N", help="subdivisions of the displaced mesh, 0 to 4")
    to.add_argument("--no-maps", action="store_true", help="leave out the maps of the frames")
    with_ = parser.add_argument_group("with")
    with_.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")
    with_.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    with_.add_argument("--python", metavar="FILE", help="the Python that has torch (default: this one)")
    add_device(with_, None)
    add_farm(parser.add_argument_group("on a farm (`dnpm farm` writes these)"), "frames")


def run(args: argparse.Namespace) -> int:
    """Check here what costs no start of Blender; then let Blender do it."""
    if not args.blend.is_file():
        raise DnpmError(f"{args.blend}: no such file; give a .blend")
    read_chunk(args.chunk)
    if args.frames:
        read_frames(args.frames)
    formats = [word.strip() for word in args.formats.split(",") if word.strip()]
    if not formats or set(formats) - set(FORMATS):
        raise DnpmError(f"--formats {args.formats}: must be one or more of {', '.join(FORMATS)}")
    if not 0 <= args.levels <= 4:
        raise DnpmError(f"--levels {args.levels}: must be 0 to 4; each makes four times as many faces")
    if args.action == "export" and args.chunk:
        raise DnpmError("--chunk: a file of an animation cannot be written in parts; leave it out")
    words = ["scene", args.action, str(args.blend.absolute()), f"--form={args.form}", f"--size={args.size}"]
    paths = ("out", "face_model", "weights", "path_mapping")
    words += [f"--{k.replace('_', '-')}={getattr(args, k).absolute()}" for k in paths if getattr(args, k) is not None]
    words += [f"--{k}={getattr(args, k)}" for k in ("frames", "chunk", "device") if getattr(args, k) is not None]
    words += [f"--formats={','.join(formats)}", f"--levels={args.levels}"]
    flags = ("force", "scripts", "openjd", "displaced", "no_maps")
    words += [f"--{key.replace('_', '-')}" for key in flags if getattr(args, key)]
    return start_blender(words, args.blender, args.python)
