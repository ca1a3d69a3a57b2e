"""A job for a render farm: an Open Job Description bundle (docs/farm.md).

Writes into --out:
  template.json           the job: its parameters, its tasks in chunks, the environment's check
  parameters.json         the parameters' values, for `openjd run`
  parameter_values.json   the same, for `deadline bundle submit`
  asset_references.json   the files that the job reads (libraries, pictures, sounds, presets) and where it writes
"""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path
from typing import Any

from .. import logs
from ..batch import job as jobs
from ..batch.chunks import read_frames
from ..batch.sequence import FORMS
from ..errors import DnpmError
from ..farm import bundle
from ..farm.template import Work
from ..files import json_file
from .batch import start_blender
from .scene import SIZES

log = logs.logger(__name__)

EPILOG = """\
  dnpm farm job.json --out bundle                          a batch, 10 items a task
  dnpm farm shot.blend --out bundle --chunk-size 4         the scene's frames, 4 a task
  dnpm farm shot.blend --do bake --out bundle              the maps of its frames, then shot_baked.blend
  openjd run bundle/template.json --step Render -p file://bundle/parameters.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The work, its parts, and where to."""
    parser.epilog = EPILOG
    parser.add_argument("job", type=Path, help="a batch's JSON job file, or a .blend")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the bundle")
    parser.add_argument("--do", choices=("render", "bake"), default="render", help="with a .blend (default: render)")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="folder for what the job makes (default: NAME_out beside the job)"
    )
    parser.add_argument("--frames", metavar="1-24", help="of a .blend: a frame or a range (default: the scene's)")
    parser.add_argument("--chunk-size", type=int, default=10, metavar="N", help="items or frames a task (default 10)")
    parser.add_argument("--form", choices=list(FORMS), default="EXR16", help="of baked maps (default %(default)s)")
    parser.add_argument("--size", type=int, choices=SIZES, default=1024, help="texels of a baked map's side")
    parser.add_argument(
        "--scripts", action="store_true", help="run the .blend's own scripts and Python drivers: only files you trust"
    )
    parser.add_argument("--gpu", action="store_true", help="only machines with a graphics card")
    with_ = parser.add_argument_group("with")
    with_.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    with_.add_argument("--blender", metavar="PROGRAM", help="the Blender that looks into a .blend here (default: bpy)")


def run(args: argparse.Namespace) -> int:
    """Look at the work, write the bundle, say how to run it."""
    if args.chunk_size < 1:
        raise DnpmError(f"--chunk-size {args.chunk_size}: give at least 1")
    if not args.job.is_file():
        raise DnpmError(f"{args.job}: no such file; give a job file (.json) or a .blend")
    work = _scene(args) if args.job.suffix.lower() == ".blend" else _batch(args)
    for path in bundle.write(args.out, work):
        print(path)
    tasks = -(-(work.last - work.first + 1) // work.chunk)
    print(f"{tasks} tasks of up to {work.chunk} {'items' if work.kind == 'batch' else 'frames'}; to run them here:")
    last = "Collect --run-dependencies" if work.kind == "bake" else work.kind.capitalize()
    files = [shlex.quote(str(args.out / name)) for name in (bundle.TEMPLATE, bundle.PARAMETERS)]
    print(f"  openjd run {files[0]} --step {last} -p file://{files[1]}")
    return 0


def _work(args: argparse.Namespace, kind: str, first: int, last: int, inputs: list[Path], words: list[str]) -> Work:
    source = args.job.absolute()
    out = args.results.absolute() if args.results is not None else source.with_name(f"{source.stem}_out")
    for name in ("face_model", "weights"):
        path = getattr(args, name)
        if path is not None and not path.exists():
            raise DnpmError(f"--{name.replace('_', '-')} {path}: is not there; name another")
    face_model, weights = (path.absolute() if path is not None else None for path in (args.face_model, args.weights))
    return Work(
        kind, source, out, first, last, args.chunk_size, face_model, weights, tuple(inputs), tuple(words), args.gpu
    )


def _batch(args: argparse.Namespace) -> Work:
    if args.frames or args.scripts or args.do != "render":
        raise DnpmError(f"{args.job}: is a batch: --do, --frames and --scripts are for a .blend; leave them out")
    job = jobs.load(args.job)
    presets = [item.preset.absolute() for item in job.items if item.preset is not None]
    for path in presets:
        if not path.is_file():
            raise DnpmError(f"{args.job}: its preset {path} is not there; bring it along, or leave the item out")
    return _work(args, "batch", 1, len(job.items), presets, [])


def _scene(args: argparse.Namespace) -> Work:
    found = _looked_into(args)
    frames = read_frames(args.frames) if args.frames else range(found["frames"][0], found["frames"][1] + 1)
    if frames[0] < 0:
        raise DnpmError(f"{args.job}: its scene begins at frame {frames[0]}; give --frames from 0 on")
    gone = [path for path in found["libraries"] if path in found["missing"]]
    if gone:
        raise DnpmError(f"{args.job}: linked files are not there ({', '.join(gone[:4])}); bring them along")
    for path in found["missing"]:
        log.warning("%s: needs %s, which is not there", args.job, path)
    words = []
    if args.do == "bake":
        if not found["faces"]:
            raise DnpmError(f"{args.job}: has no face to bake (linked, frozen and baked ones do not count)")
        words = [f"--form={args.form}", f"--size={args.size}"]
    elif found["film"]:
        raise DnpmError(f"{args.job}: renders a film, which tasks cannot share: choose a format for single pictures")
    inputs = [Path(path) for path in (*found["libraries"], *found["files"]) if path not in found["missing"]]
    return _work(args, args.do, frames[0], frames[-1], inputs, words + (["--scripts"] if args.scripts else []))


def _looked_into(args: argparse.Namespace) -> dict[str, Any]:
    """What the .blend is made of, as `operators/headless/scene.py: references` writes it."""
    with tempfile.TemporaryDirectory(prefix="dnpm-farm-") as folder:
        words = ["scene", "references", str(args.job.absolute()), f"--out={folder}"]
        words += [f"--face-model={args.face_model.absolute()}"] if args.face_model is not None else []
        if status := start_blender(words, args.blender, None):
            raise DnpmError(f"{args.job}: Blender could not look into it (exit code {status}); see the lines above")
        found: dict[str, Any] = json_file.read(Path(folder) / "references.json")
        return found
