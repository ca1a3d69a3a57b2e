"""Data sets of displacement maps: made of what there is, checked and looked at. The form: docs/data_format.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .. import logs
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel

log = logs.logger(__name__)

_SIZES = (64, 128, 256, 512, 1024, 2048)


def add_subparsers(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`inspect`, `check`, `teacher`, `folder`, `facescape` and `sculpt`."""
    sub = what.add_parser("inspect", help="counts, statistics, heights, spectrum, a sheet of pictures")
    sub.add_argument("folder", type=Path, help="the set's folder")
    sub.add_argument("--sheet", type=Path, metavar="PNG", help="write a sheet of lit reliefs")
    sub.add_argument("--samples", type=int, default=16, metavar="N", help="on the sheet (default %(default)s)")
    sub.add_argument("--json", action="store_true", help="one JSON object on stdout")
    sub.set_defaults(run=_inspect)

    sub = what.add_parser("check", help="read everything: checksums, shapes, numbers, people in one split each")
    sub.add_argument("folder", type=Path, help="the set's folder")
    sub.set_defaults(run=_check)

    sub = _maker(what, "teacher", "let the teacher paint maps; goes on where it was stopped", _teacher)
    sub.add_argument("--samples", type=int, default=2000, metavar="N", help="in all (default %(default)s)")
    sub.add_argument("--painted", type=int, default=1024, metavar="N", help="texels it paints, averaged down")
    sub.add_argument("--processes", type=int, default=2, metavar="N", help="processes that paint (default %(default)s)")
    sub.add_argument("--seed", type=int, default=0, help="of the people and expressions (default %(default)s)")

    sub = _maker(what, "folder", "EXR and 16-bit PNG maps of this project's layout, and a CSV of sliders", _folder)
    sub.add_argument("source", type=Path, help="the folder of maps")
    sub.add_argument("--sliders", type=Path, metavar="CSV", help="columns file, person, id_0 ..., expression names")
    sub.add_argument("--range-mm", type=float, metavar="MM", help="of a PNG, from mid grey to white (default 2)")
    sub.add_argument("--licence", default="unknown", help="written into the set")

    sub = _maker(what, "facescape", "FaceScape's TU models; needs FaceScape's face model", _facescape)
    sub.add_argument("source", type=Path, help="the folder with <id>/dpmap and <id>/models_reg")

    sub = _maker(what, "sculpt", "bake a sculpted mesh (OBJ) to a sample", _sculpt)
    sub.add_argument("--mesh", type=Path, required=True, metavar="OBJ", help="the high-resolution mesh")
    sub.add_argument("--unit", choices=("mm", "cm", "m"), default="mm", help="of the mesh (default %(default)s)")
    sub.add_argument("--identity", default="", metavar="1=1.5,3=-1", help="sliders of the face under the sculpt")
    sub.add_argument(
        "--expression", default="", metavar="jawOpen=.5,...", help="the sculpt's expression (default: at rest)"
    )
    sub.add_argument("--preset", type=Path, metavar="FILE", help="a saved face (JSON) with the sliders")
    sub.add_argument("--fitted", type=Path, metavar="OBJ", help="the face itself, if moved by hand (model's topology)")
    sub.add_argument("--cage", type=float, default=4.0, metavar="MM", help="how far rays go (default %(default)s)")
    sub.add_argument(
        "--levels", type=int, default=3, metavar="N", help="subdivisions of the face (default %(default)s)"
    )
    sub.add_argument("--name", metavar="NAME", help="of the sample (default: the mesh's)")
    sub.add_argument("--person", metavar="NAME", help="whose face it is")
    sub.add_argument("--json", action="store_true", help="one JSON object on stdout: the bake's report")


def _maker(
    what: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str, run: object
) -> argparse.ArgumentParser:
    sub = what.add_parser(name, help=purpose, description=purpose)
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data set; made, or added to")
    sub.add_argument("--resolution", type=int, choices=_SIZES, default=1024, help="texels a side (default %(default)s)")
    sub.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    sub.set_defaults(run=run)
    return sub


def _inspect(args: argparse.Namespace) -> int:
    from ..dataset import inspect
    from ..dataset.dataset import MapDataset

    data = MapDataset.open(args.folder)
    result = inspect.inspect(data)
    if args.sheet is not None:
        if not len(data) or args.samples < 1:
            raise DnpmError(f"{args.folder}: nothing to show on a sheet; add samples, and ask for at least 1")
        try:
            inspect.sheet(data, args.sheet, args.samples)
        except OSError as error:
            raise DnpmError(f"{args.sheet}: cannot be written ({error.strerror or error})") from error
        result["sheet"] = str(args.sheet)
    print(json.dumps(result, indent=2) if args.json else inspect.table(result))
    return 0


def _check(args: argparse.Namespace) -> int:
    from ..dataset.dataset import MapDataset

    data = MapDataset.open(args.folder)
    data.check()
    print(f"{args.folder}: {len(data)} samples of {data.about.people} people are as they were written")
    return 0


def _teacher(args: argparse.Namespace) -> int:
    from ..training.teacher_set import teacher_set

    path = face_model_path(args.face_model)
    count = teacher_set(args.out, path, args.samples, args.resolution, args.painted, args.processes, args.seed)
    return _report(args, count)


def _folder(args: argparse.Namespace) -> int:
    from ..dataset.sets import folder_set

    model = FaceModel.load(face_model_path(args.face_model))
    count = folder_set(args.out, args.source, model, args.resolution, args.sliders, args.range_mm, args.licence)
    return _report(args, count)


def _facescape(args: argparse.Namespace) -> int:
    from ..dataset.sets import facescape_set

    model = FaceModel.load(face_model_path(args.face_model))
    return _report(args, facescape_set(args.out, args.source, model, args.resolution))


def _sculpt(args: argparse.Namespace) -> int:
    from ..batch import job, sliders
    from ..dataset.bake import Surface, bake
    from ..dataset.sets import add_sculpt
    from ..detail.mesh import detailed_mesh, surface_mesh
    from ..face_model.presets import read_preset, vectors
    from ..files.obj import read_obj, read_positions

    model = FaceModel.load(face_model_path(args.face_model))
    identity, expression, unknown = vectors(read_preset(args.preset), model) if args.preset else (None, None, [])
    if unknown:
        raise DnpmError(f"{args.preset}: {model.name} has no {', '.join(unknown[:8])}")
    try:
        named = [job.read_pairs(text) if text else {} for text in (args.identity, args.expression)]
    except ValueError as error:
        raise DnpmError(f"--identity or --expression: {error}") from error
    identity = sliders.identity_vector(named[0], model, identity)
    expression = sliders.expression_vector(named[1], model, expression)
    if args.fitted is None:
        mesh = detailed_mesh(model, identity, expression, None, levels=args.levels)
    else:
        mesh = surface_mesh(model, read_positions(args.fitted, len(model.neutral)), args.levels)
    surface = Surface(mesh.vertices, mesh.normals, mesh.faces, mesh.detail_uv, mesh.faces_detail_uv)
    sculpt = read_obj(args.mesh)
    scale = {"mm": 1.0, "cm": 10.0, "m": 1000.0}[args.unit]
    baked = bake(surface, sculpt.vertices * scale, sculpt.faces, model.detail_mask, args.resolution, args.cage)
    known = args.fitted is None or bool(args.preset or args.identity or args.expression)
    count = add_sculpt(
        args.out, model, args.name or args.mesh.stem, baked, identity if known else None,
        expression if known else None, args.person,
    )  # fmt: skip
    problems = baked.report.problems()
    for problem in problems:
        log.warning("%s", problem)
    if args.json:
        print(json.dumps({**baked.report.entries(), "problems": problems, "samples": count}, indent=2))
        return 0
    r = baked.report
    print(f"heights {r.least_mm:.3f} to {r.most_mm:.3f} mm, displaced face {r.round_trip_mm:.4f} mm from the sculpt")
    return _report(args, count)


def _report(args: argparse.Namespace, count: int) -> int:
    print(f"{args.out}: {count} samples")
    return 0
