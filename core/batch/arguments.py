"""The batch's command line, one for `dnpm batch` and for `blender -b --python .../operators/headless/run.py -- ...`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..face_model.looks import AMOUNTS, TONES, read_pairs
from ..files import path_mapping
from ..options import add_device
from . import job as jobs
from .chunks import read_chunk
from .views import NAMED

EPILOG = """\
A job file:
  {"settings": {"size": [800, 960], "views": ["front", "closeup"], "outputs": ["png", "exr", "gltf"]},
   "items": [{"name": "ann_smile", "identity": {"seed": 7}, "expression": {"mouthSmileLeft": 1, "mouthSmileRight": 1}}]}
The whole format: docs/headless.md.

Without a file, every identity is made in every expression:
  dnpm batch --seeds 1-4 --expression rest: --expression grin:mouthSmileLeft=1,mouthSmileRight=.9 --out pictures

Run it again and what is done already is skipped. Exit code: 0 all done, 1 an item failed, 2 the job is wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to make, how, and where."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("job", nargs="?", type=Path, help="a JSON job file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results; kept, added to")
    faces = parser.add_argument_group("instead of a job file")
    faces.add_argument("--seeds", metavar="1,4-6", help="random identities")
    faces.add_argument("--preset", action="append", default=[], metavar="FILE", help="saved faces (repeatable)")
    faces.add_argument(
        "--expression",
        action="append",
        default=[],
        metavar="NAME:a=.5,b=1",
        help="a named expression (repeatable); `rest:` is the face at rest",
    )
    faces.add_argument("--random-expressions", metavar="1,4-6", help="random expressions by seed")
    how = parser.add_argument_group("how (these win over the job's settings, not over an item's own)")
    how.add_argument("--size", metavar="WxH", help="pixels of a picture")
    how.add_argument("--views", metavar="A,B", help=f"cameras: {', '.join(NAMED)}")
    how.add_argument("--outputs", metavar="A,B", help=f"files: {', '.join(jobs.OUTPUTS)}")
    how.add_argument("--engine", choices=jobs.ENGINES, help="renderer (default: the job's, else cycles)")
    how.add_argument("--samples", type=int, metavar="N", help="samples a pixel (cycles, eevee)")
    how.add_argument("--detail", type=float, metavar="S", help="detail strength; 0 is the coarse face")
    how.add_argument("--map-size", type=int, metavar="N", help="pixels of the displacement map")
    how.add_argument("--subdivision", type=int, metavar="N", help="levels of subdivision")
    how.add_argument(
        "--look",
        metavar="tone=T,...",
        help=f"colours: tone ({', '.join(TONES)}), {', '.join(AMOUNTS)} (0 to 2), hair_colour, iris",
    )
    how.add_argument(
        "--background", choices=("studio", "transparent"), help="behind the face (default: the job's, else studio)"
    )
    with_ = parser.add_argument_group("with")
    with_.add_argument("--face-model", type=Path, metavar="FILE", help="another face model (.safetensors)")
    with_.add_argument("--weights", type=Path, metavar="DIR", help="another folder of weights")
    with_.add_argument("--python", metavar="FILE", help="the Python that has torch (default: found by itself)")
    add_device(with_, None)
    with_.add_argument("--force", action="store_true", help="make every item again, done or not")
    farm = parser.add_argument_group("on a farm (`dnpm farm` writes these)")
    add_farm(farm, "items, counted from 1")
    with_.add_argument("--dry-run", action="store_true", help="check the job, list its items and stop")


def add_farm(parser: argparse._ArgumentGroup, what: str) -> None:
    """What a farm's task needs besides: its part of the work, where folders lie, how far it is."""
    parser.add_argument("--chunk", metavar="FIRST:COUNT", help=f"make only these {what}; others make the rest")
    parser.add_argument(
        "--path-mapping", type=Path, metavar="FILE",
        help="JSON that says where the submitter's folders lie here (pathmapping-1.0)",
    )  # fmt: skip
    parser.add_argument("--openjd", action="store_true", help="also print progress as Open Job Description wants it")


def read_job(args: argparse.Namespace) -> jobs.Job:
    """The job that the command line asks for, of it the chunk. Raises DnpmError on anything wrong with it."""
    job, chunk = _whole_job(args), read_chunk(args.chunk)
    if chunk is None:
        return job
    items = tuple(item for number, item in enumerate(job.items, 1) if number in chunk)
    if not items:
        raise DnpmError(f"--chunk {args.chunk}: the job has {len(job.items)} items, and none of these")
    return jobs.Job(items)


def _whole_job(args: argparse.Namespace) -> jobs.Job:
    settings = _settings(args)
    if args.job is not None:
        if args.seeds or args.preset or args.expression or args.random_expressions:
            raise DnpmError("give either a job file or --seeds, --preset, --expression, --random-expressions, not both")
        return _moved(jobs.load(args.job, settings), path_mapping.read(args.path_mapping))
    identities: list[dict[str, Any]] = [
        {"name": f"seed{seed}", "identity": {"seed": seed}} for seed in _numbers(args.seeds, "--seeds")
    ]
    identities += [{"name": Path(file).stem, "preset": str(Path(file).absolute())} for file in args.preset]
    expressions = [_named_expression(text) for text in args.expression]
    expressions += [
        (f"expression{seed}", {"seed": seed}) for seed in _numbers(args.random_expressions, "--random-expressions")
    ]
    if not identities and not expressions:
        raise DnpmError("nothing to make: give a job file, or --seeds, --preset, --expression (see --help)")
    nobody: list[dict[str, Any]] = [{"name": ""}]
    named: list[tuple[str, Any]] = [*expressions] or [("", None)]
    items: list[dict[str, Any]] = [
        face | {"name": "_".join(filter(None, (face["name"], name)))} | ({"expression": spec} if name else {})
        for face in identities or nobody
        for name, spec in named
    ]
    return jobs.parse({"settings": settings, "items": items}, Path.cwd(), "command line")


def _moved(job: jobs.Job, mapping: path_mapping.PathMapping) -> jobs.Job:
    """The same job with its presets where they lie on this machine."""
    return jobs.Job(
        tuple(
            item if item.preset is None else replace(item, preset=Path(mapping.apply(str(item.preset))))
            for item in job.items
        )
    )


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line, in the job file's own form."""
    lists: dict[str, Any] = {key: getattr(args, key).split(",") for key in ("views", "outputs") if getattr(args, key)}
    plain = {
        key: getattr(args, key)
        for key in ("engine", "samples", "detail", "map_size", "subdivision", "background")
        if getattr(args, key) is not None
    }
    if args.size:
        width, _, height = args.size.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise DnpmError(f"--size {args.size}: must be WIDTHxHEIGHT, for example 800x960")
        plain["size"] = [int(width), int(height)]
    if args.look:
        plain["look"] = read_pairs(args.look)
    return lists | plain


def _numbers(text: str | None, option: str) -> list[int]:
    """`1,4-6` -> [1, 4, 5, 6]."""
    numbers: list[int] = []
    for part in filter(None, (text or "").split(",")):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) - int(first) > 100_000:
            raise DnpmError(f"{option} {text}: {part!r} is neither a whole number nor a range such as 4-6")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _named_expression(text: str) -> tuple[str, dict[str, float]]:
    """`grin:mouthSmileLeft=1` -> ("grin", {...}); without a name it is made of the values themselves."""
    name, colon, pairs = text.partition(":")
    if not colon:
        name, pairs = text.replace("=", "").replace(",", "_"), text
    try:
        return name, jobs.read_pairs(pairs) if pairs.strip() else {}
    except ValueError as error:
        raise DnpmError(f"--expression {text}: {error}") from error
