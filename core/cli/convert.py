"""`dnpm build convert`: other face models to this project's format, each by its own reader."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .. import logs
from ..errors import DnpmError

if TYPE_CHECKING:
    from ..face_model.model import FaceModel
    from ..face_model.readers.head import ForeignHead

log = logs.logger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-subcommand a format."""
    kinds = parser.add_subparsers(dest="format", metavar="FORMAT", required=True)
    ict = kinds.add_parser("ict", help="ICT-FaceKit's folder FaceXModel (OBJ files, MIT)")
    ict.add_argument("input", type=Path, metavar="FOLDER", help="the folder FaceXModel of ICT-FaceKit")
    ict.set_defaults(read=_ict)

    facescape = kinds.add_parser(
        "facescape",
        help="FaceScape's bilinear model v1.6 (.npz) or v1.3 (.npy)",
        description="v1.6: FILE.npz alone. v1.3: core_847_50_52.npy with --factors factors_id_847_50_52.npy and "
        "--mesh, any registered OBJ of the data set, which brings the faces. The result is under FaceScape's licence.",
    )
    facescape.add_argument("input", type=Path, metavar="FILE", help="the bilinear model's file")
    facescape.add_argument("--factors", type=Path, metavar="FILE", help="identity factors of the people (.npy)")
    facescape.add_argument("--mesh", type=Path, metavar="FILE", help="a registered mesh (.obj); v1.3 alone")
    facescape.set_defaults(read=_facescape)

    meshes = kinds.add_parser(
        "meshes",
        help="a folder of registered meshes: FOLDER/PERSON/EXPRESSION.obj, and neutral.obj in each",
        description="Compresses registered meshes (one topology, one folder a person) to a bilinear model by HOSVD. "
        "The expressions are named by their files.",
    )
    meshes.add_argument("input", type=Path, metavar="FOLDER", help="a folder of people's folders of registered meshes")
    meshes.add_argument("--unit", choices=("mm", "cm", "m"), default="mm", help="of the meshes (default mm)")
    meshes.add_argument("--landmarks", type=Path, metavar="FILE", help="68 vertex indices from 0, multi-PIE's order")
    meshes.add_argument(
        "--detail-uv", default="0,0,1,1", metavar="U0,V0,U1,V1",
        help="the part of the texture that is the face, or `facescape` (default: all of it)",
    )  # fmt: skip
    meshes.set_defaults(read=_meshes)
    heads = _add_heads(kinds)
    for sub in (ict, facescape, meshes, *heads):
        sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="the face model (.safetensors)")
        sub.add_argument("--identities", type=int, metavar="N", help="identity components to keep (default 50, or all)")
    parser.set_defaults(build=run)


def _add_heads(kinds: argparse._SubParsersAction) -> list[argparse.ArgumentParser]:
    """Heads that our face model is laid over, for place, detail layer, landmarks and names."""
    fitted = "Our face model is laid over it: that gives its place, detail layer and landmarks"
    gnm = kinds.add_parser(
        "gnm",
        help="Google's GNM Head v3 (gnm_head.npz, Apache-2.0)",
        description=f"{fitted}, and ARKit's names, which are fitted to its regional modes. Takes some minutes.",
    )
    gnm.add_argument("input", type=Path, metavar="FILE", help="gnm_head.npz")
    gnm.set_defaults(read=_gnm)
    flame = kinds.add_parser(
        "flame",
        help="FLAME 2020 or 2023 (generic_model.pkl, flame2023.pkl or .npz)",
        description=f"{fitted}, and ARKit's names, which are fitted to its modes and its jaw. The pickle is not run. "
        "The result is under FLAME's licence.",
    )
    flame.add_argument("input", type=Path, metavar="FILE", help="the model's file (.pkl or .npz)")
    flame.add_argument("--mesh", type=Path, metavar="FILE", help="head_template.obj, for its texture coordinates")
    flame.set_defaults(read=_flame)
    faceverse = kinds.add_parser(
        "faceverse",
        help="FaceVerse v2, v3 or v4 (.npy)",
        description=f"{fitted}, and its size; v2 and v3 have ARKit's names, v4's modes get them fitted. The pickle "
        "inside is not run.",
    )
    faceverse.add_argument("input", type=Path, metavar="FILE", help="faceverse_v3_6_s.npy, faceverse_v4_2.npy, ...")
    faceverse.set_defaults(read=_faceverse)
    for sub in (gnm, flame, faceverse):
        sub.add_argument("--face-model", metavar="FILE", help="ours, which is laid over it (default: the built one)")
        sub.add_argument("--networks", metavar="FILE", help="another file of landmark networks")
    return [gnm, flame, faceverse]


def run(args: argparse.Namespace) -> int:
    """Read, write, say what it is."""
    if args.out.suffix != ".safetensors":
        raise DnpmError(f"--out {args.out}: a face model's file name ends in .safetensors")
    model: FaceModel = args.read(args)
    model.save(args.out)
    size = args.out.stat().st_size / 1e6
    log.info(
        "%s: %d vertices, %d identity components, %d expressions, %.0f MB",
        model.name, len(model.neutral), model.n_id, model.n_exp, size,
    )  # fmt: skip
    print(args.out)
    return 0


def _ict(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers import read_ict

    return read_ict(args.input, args.identities)


def _facescape(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers import read_facescape, read_facescape_pair

    if args.input.suffix == ".npz":
        if args.mesh is not None:
            raise DnpmError(f"--mesh goes with v1.3's .npy files; {args.input} carries its faces itself")
        return read_facescape(args.input, args.identities, args.factors)
    if args.factors is None or args.mesh is None:
        raise DnpmError(
            f"{args.input}: v1.3 needs --factors (factors_id_847_50_52.npy) and --mesh (a registered OBJ) too"
        )
    return read_facescape_pair(args.input, args.factors, args.mesh, args.identities)


def _meshes(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers import read_registered
    from ..face_model.readers.facescape import DETAIL_RECTANGLE

    if args.detail_uv == "facescape":
        rectangle = DETAIL_RECTANGLE
    else:
        try:
            u0, v0, u1, v1 = (float(part) for part in args.detail_uv.split(","))
        except ValueError as error:
            raise DnpmError(f"--detail-uv {args.detail_uv}: give four numbers U0,V0,U1,V1, or `facescape`") from error
        rectangle = (u0, v0, u1, v1)
    return read_registered(args.input, args.unit, args.identities, rectangle, args.landmarks)


def _gnm(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers.gnm import read_gnm

    return _adopted(read_gnm(args.input), args)


def _flame(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers.flame import read_flame

    return _adopted(read_flame(args.input, args.mesh), args)


def _faceverse(args: argparse.Namespace) -> FaceModel:
    from ..face_model.readers.faceverse import read_faceverse

    return _adopted(read_faceverse(args.input), args)


def _adopted(head: ForeignHead, args: argparse.Namespace) -> FaceModel:
    """Our face model laid over the head."""
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..transfer.adopt import adopt

    ours = FaceModel.load(face_model_path(args.face_model))
    work = adopt(head, ours, LandmarkNetworks.load(args.networks), args.identities)
    try:
        while True:
            log.info("%s", next(work))
    except StopIteration as end:
        model: FaceModel = end.value
        return model
