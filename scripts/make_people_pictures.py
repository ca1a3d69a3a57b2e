"""Makes docs/pictures/people.jpg, people_more.jpg and people_wrinkles.jpg: portraits, and the faces made from them.

    make_people_pictures.py FILE... [--renders FILE...] [--wrinkled FILE...] [--side 300] [--out docs/pictures]

Of the first files the portraits themselves are shown: they must be free to publish. Of --renders only the faces are.
Each row: portrait, coarse face, with its displacement map, with its colours from the front and from the side. Rows of
people_wrinkles.jpg: portrait, the corrected face with the skin's age as it was fitted, and as it was
read, and the photo's own wrinkles as a map. With --wrinkled alone only that sheet is made. Minutes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.detail.card import weights_dir
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.files import contact_sheet
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.reconstruct import Reconstruction, Reconstructor
from dnpm.core.photo.restore.pipeline import open_restorer
from dnpm.core.photo.sheet import sheet

ROOT = Path(__file__).resolve().parents[1]
HEADS = ("portrait", "coarse", "with its map", "with its colours", "from the side")
WRINKLE_HEADS = ("portrait", "corrected, age as fitted", "corrected, age read", "its own wrinkles")
LIMIT_MM = 0.3
"""Heights that are white and black in the maps."""


def main() -> int:
    """Fit everybody, render, put together; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", nargs="*", type=Path, metavar="FILE", help="portraits that may be shown")
    parser.add_argument("--renders", nargs="*", type=Path, default=[], metavar="FILE", help="their faces alone")
    parser.add_argument("--wrinkled", nargs="*", type=Path, default=[], metavar="FILE", help="may be shown, too")
    parser.add_argument("--side", type=int, default=300, metavar="N", help="pixels a tile (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures", metavar="DIR", help="where the pictures go")
    args = parser.parse_args()
    try:
        tools, fitted = reconstructor(), reconstructor(lines=False)
        rows, lines = list[np.ndarray](), list[np.ndarray]()
        for path in [*args.photos, *args.renders]:
            result = tools.run([read_picture(path)], resolution=512)[0]
            rows.append(row(result, tools.model, args.side, path in args.photos))
            print(path.name, flush=True)
        for path in args.wrinkled:
            before, after = (one.run([read_picture(path)], resolution=512)[0] for one in (fitted, tools))
            lines.append(wrinkles(before, after, tools.model, args.side))
            print(path.name, flush=True)
        half = -(-len(rows) // 2)
        args.out.mkdir(parents=True, exist_ok=True)
        if rows:
            contact_sheet.save(page(rows[:half], HEADS), args.out / "people.jpg")
            contact_sheet.save(page(rows[half:], HEADS), args.out / "people_more.jpg")
        if lines:
            contact_sheet.save(page(lines, WRINKLE_HEADS), args.out / "people_wrinkles.jpg")
    except (DnpmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def reconstructor(*, lines: bool = True) -> Reconstructor:
    """With the weights that ship; lines: the skin's components and age are read."""
    model, folder = FaceModel.load(face_model_path(None)), weights_dir(None)
    detail = load_detail(folder)
    return Reconstructor(model, LandmarkNetworks.load(None), detail, open_restorer(model, detail, folder), lines=lines)


def row(result: Reconstruction, model: FaceModel, side: int, shown: bool) -> np.ndarray:
    """(side, 5 side, 3): see HEADS; the first is dark where the portrait is not shown."""
    made = sheet(result, model, side)
    above, below = made[:side], made[side:]
    photo = above[:, :side] if shown else np.broadcast_to(np.array(contact_sheet.PAPER) / 255, (side, side, 3))
    return np.concatenate([photo, above[:, side:], below[:, : 2 * side]], 1)


def wrinkles(fitted: Reconstruction, read: Reconstruction, model: FaceModel, side: int) -> np.ndarray:
    """(side, 4 side, 3): see WRINKLE_HEADS."""
    relief = read.relief if read.relief is not None else np.zeros_like(read.displacement)
    before, after = (sheet(one, model, side)[:side] for one in (fitted, read))
    heights = Image.fromarray((np.clip(0.5 + 0.5 * relief / LIMIT_MM, 0, 1) * 255).astype(np.uint8))
    inner = heights.crop((40, 20, 472, 452)).resize((side, side))
    grey = np.repeat(np.asarray(inner)[..., None] / 255, 3, 2)
    return np.concatenate([before[:, :side], before[:, 2 * side :], after[:, 2 * side :], grey], 1)


def page(rows: list[np.ndarray], heads: tuple[str, ...]) -> Image.Image:
    """Rows below each other, with a line of words above."""
    picture = Image.fromarray((np.clip(np.concatenate(rows, 0), 0, 1) * 255).astype(np.uint8))
    out = Image.new("RGB", (picture.width, picture.height + 26), contact_sheet.PAPER)
    out.paste(picture, (0, 26))
    draw, side = ImageDraw.Draw(out), picture.width // len(heads)
    for k, words in enumerate(heads):
        draw.text(((k + 0.5) * side, 13), words, contact_sheet.INK, ImageFont.load_default(14), anchor="mm")
    return out


if __name__ == "__main__":
    raise SystemExit(main())
