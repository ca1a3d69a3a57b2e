"""Makes docs/pictures/skins.jpg: the maps of 24 random people at rest, lit from the upper left, with their years.

    make_skins_picture.py [--weights DIR] [--teacher] [--out docs/pictures/skins.jpg]

The people are the first of `dnpm evaluate people`. Half a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.dataset.given_map import texel_size
from dnpm.core.evaluation.painter import Painter
from dnpm.core.evaluation.people import FIRST_PERSON, ages
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.files import contact_sheet
from dnpm.core.training.teacher import Teacher

ROOT = Path(__file__).resolve().parents[1]
SIDE, TILE, GAP, COLUMNS, PEOPLE = 512, 270, 6, 6, 24
_MARGIN = 20
"""Texels at the map's border that show next to nothing."""
_LIGHT = np.array([-0.45, -0.55, 0.7]) / np.linalg.norm([-0.45, -0.55, 0.7])


def lit(heights: np.ndarray, texel_mm: float) -> Image.Image:
    """(R, R) mm as a grey surface."""
    down, right = np.gradient(heights / texel_mm)
    normals = np.stack([-right, -down, np.ones_like(heights)], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    grey = Image.fromarray((np.clip(1.05 * normals @ _LIGHT, 0, 1) * 255).astype(np.uint8))
    inside = (_MARGIN, _MARGIN, len(heights) - _MARGIN, len(heights) - _MARGIN)
    return grey.crop(inside).resize((TILE, TILE), Image.Resampling.LANCZOS)


def main() -> None:
    """Paint and put beside each other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, metavar="DIR", help="default: the shipped ones")
    parser.add_argument("--teacher", action="store_true", help="the teacher's own maps in place of the weights'")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "skins.jpg")
    args = parser.parse_args()
    model = FaceModel.load(face_model_path(None))
    rest = model.expression()
    if args.teacher:
        teacher = Teacher(model, SIDE)
        maps = lambda identity: teacher.map(identity, rest)  # noqa: E731
    else:
        painter = Painter.of(argparse.Namespace(face_model=None, weights=args.weights))
        maps = lambda identity: painter.shown(identity, rest, SIDE)  # noqa: E731
    people = [random_identity(model, FIRST_PERSON + k) for k in range(PEOPLE)]
    years = ages(model, people)
    size = texel_size(model, SIDE, model.detail_mask)
    rows = -(-PEOPLE // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, rows * (TILE + GAP) + GAP), contact_sheet.PAPER)
    for k, identity in enumerate(people):
        tile = lit(maps(identity), size).convert("RGB")
        if years is not None:
            ImageDraw.Draw(tile).text((8, 6), f"{years[k]:.0f}", (40, 40, 40), ImageFont.load_default(15))
        sheet.paste(tile, (GAP + k % COLUMNS * (TILE + GAP), GAP + k // COLUMNS * (TILE + GAP)))
    sheet.save(args.out, quality=85)
    print(args.out)


if __name__ == "__main__":
    main()
