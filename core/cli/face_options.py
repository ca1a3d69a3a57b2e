"""The options that say which face: a preset, a seed on top, named sliders and colours on top of both."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..batch import job as jobs
from ..batch import sliders
from ..errors import DnpmError
from ..face_model.looks import AMOUNTS, HAIRS, IRISES, TONES, TONES_HAIR, Look, read_look, read_pairs
from ..face_model.model import FaceModel
from ..face_model.presets import STRENGTH_LIMIT


def add_face(parser: argparse.ArgumentParser, *, expression: bool = True) -> None:
    """The group of options; `expression`: whether the face is wanted in one."""
    face = parser.add_argument_group("the face")
    face.add_argument("--identity", default="", metavar="1=1.5,3=-1", help="identity sliders")
    face.add_argument("--seed", type=int, metavar="N", help="a random identity; the same number, the same face")
    face.add_argument("--preset", type=Path, metavar="FILE", help="a saved face (JSON)")
    if expression:
        face.add_argument("--expression", default="", metavar="jawOpen=.5,...", help="expression sliders")
    face.add_argument("--scale", type=float, metavar="S", help="strength of the detail (default: the preset's, else 1)")
    face.add_argument(
        "--look",
        default="",
        metavar="tone=T,...",
        help=f"colours: tone ({', '.join(TONES)}), {', '.join(AMOUNTS)} (0 to 2), hair_colour ({TONES_HAIR}, "
        f"{', '.join(HAIRS)}), iris ({', '.join(IRISES)})",
    )


def read_face(args: argparse.Namespace, model: FaceModel) -> tuple[np.ndarray, np.ndarray, float, Look]:
    """Identity (n_id,), expression (n_exp,), detail strength and look. Raises DnpmError on what is wrong with them."""
    if args.seed is not None and args.seed < 0:
        raise DnpmError(f"--seed {args.seed}: must be 0 or more")
    if args.scale is not None and not 0 <= args.scale <= STRENGTH_LIMIT:
        raise DnpmError(f"--scale {args.scale}: must be 0 (no detail) to {STRENGTH_LIMIT:g}")
    seed = None if args.seed is None else {"seed": args.seed}
    item = jobs.Item("face", seed, None, args.preset, jobs.Settings(detail=args.scale))
    identity, expression, strength = sliders.resolve(item, model)
    identity = sliders.identity_vector(_pairs("--identity", args.identity), model, identity)
    expression = sliders.expression_vector(_pairs("--expression", getattr(args, "expression", "")), model, expression)
    try:
        look = read_look(read_pairs(args.look), sliders.look_of(item, model))
    except ValueError as error:
        raise DnpmError(f"--look {args.look}: {error}") from error
    return identity, expression, strength, look


def _pairs(option: str, text: str) -> dict[str, float] | None:
    try:
        return jobs.read_pairs(text) if text.strip() else None
    except ValueError as error:
        raise DnpmError(f"{option} {text}: {error}") from error
