"""Makes docs/pictures/speech_mouths.jpg: mouths at what can be told of sounds, the whole face, the wrinkles' motion.

    make_mouth_pictures.py --row "reading=a.wav" --row "anger=a.wav:anger" --row "clip=b.wav:b.csv" [--style CARD]

A row is LABEL=SOUND, LABEL=SOUND:EMOTION (at 0.7), or LABEL=SOUND:CAPTURE, whose curves are drawn in place of ours. The
moments are told by the curves: where the lips meet most (m, b, p), the lip is nearest to the teeth (f, v), the mouth is
most open, roundest, widest, and the tongue shows most. Drawn by `core/photo/portrait.py`, not by Blender.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.batch.demo import ACTOR
from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.painter import Painter
from dnpm.core.evaluation.performance import RESOLUTION, as_sliders
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.files import contact_sheet
from dnpm.core.photo.portrait import portrait
from dnpm.core.speech import contact, emotions
from dnpm.core.speech.animate import Animator, animate, open_animator
from dnpm.core.speech.audio import open_sound
from dnpm.core.speech.controls import USUAL

ROOT = Path(__file__).resolve().parents[1]
SIZE, TILE, HEAD, SIDE = 320, (200, 150), 24, 96
MOUTH = (0.20, 0.54, 0.60, 0.84)
"""Left, top, right, bottom of the close-up, as shares of the portrait."""
MOMENTS = ("m, b, p", "f, v", "open", "round", "wide", "tongue")
MAPS = 12


def main() -> int:
    """Draw, put together; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", action="append", required=True, metavar="LABEL=SOUND[:EMOTION|:CAPTURE]")
    parser.add_argument("--style", metavar="NAME", help="the style of our curves")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures/speech_mouths.jpg", metavar="FILE")
    args = parser.parse_args()
    try:
        animator = open_animator()
        painter = Painter.of(argparse.Namespace(face_model=None, weights=None))
        rows = [_row(text, animator, painter, args.style) for text in args.row]
        contact_sheet.save(_sheet(rows), args.out)
    except (DnpmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _row(text: str, animator: Animator, painter: Painter, style: str | None) -> tuple[str, list[Image.Image]]:
    """A label and its tiles."""
    label, _, rest = text.partition("=")
    sound, _, more = rest.partition(":")
    if more.endswith((".csv", ".json")):
        curves = read_capture(more).track.expression.clip(0, 1)
    else:
        controls = replace(USUAL, emotions=emotions.parse([more]) if more else ())
        curves = animate(open_sound(sound), animator, fps=30.0, speaker=style, controls=controls).track.expression
    identity = random_identity(painter.model, ACTOR)
    tiles = [_mouth(painter, identity, curves[k]) for k in moments(curves)]
    strongest = int(np.abs(curves - np.median(curves, 0)).sum(1).argmax())
    tiles.append(_face(painter, identity, curves[strongest]).resize((TILE[1], TILE[1])))
    places = np.linspace(0, len(curves) - 1, MAPS).round().astype(int)
    made = [painter.map(identity, as_sliders(painter, curves[k]), RESOLUTION) for k in places]
    grey = (np.stack(made).std(0) / 0.06).clip(0, 1) * 255
    tiles.append(Image.fromarray(grey.astype(np.uint8)).convert("RGB").resize((TILE[1], TILE[1])))
    return label, tiles


def moments(curves: np.ndarray) -> list[int]:
    """Frames of MOMENTS in curves (T, 52)."""
    value = {name: curves[:, k] for k, name in enumerate(ARKIT_NAMES)}
    jaw = np.convolve(value["jawOpen"], np.ones(9) / 9, "same")
    shut = jaw - 4 * contact.opening(curves)  # Shut in the midst of motion, not in a pause.
    scores = (
        shut, value["mouthRollLower"] - value["mouthRollUpper"], value["jawOpen"] - value["mouthClose"],
        value["mouthPucker"] + value["mouthFunnel"],
        value["mouthStretchLeft"] + value["mouthSmileLeft"] + value["mouthDimpleLeft"], value["tongueOut"],
    )  # fmt: skip
    return [int(score.argmax()) for score in scores]


def _face(painter: Painter, identity: np.ndarray, row: np.ndarray) -> Image.Image:
    sliders = as_sliders(painter, row)
    return Image.fromarray(
        portrait(painter.model, identity, sliders, displacement=painter.map(identity, sliders, 512), size=SIZE)
    )


def _mouth(painter: Painter, identity: np.ndarray, row: np.ndarray) -> Image.Image:
    box = tuple(round(share * SIZE) for share in MOUTH)
    return _face(painter, identity, row).crop(box).resize(TILE, Image.Resampling.LANCZOS)


def _sheet(rows: list[tuple[str, list[Image.Image]]]) -> Image.Image:
    """A row for each sound; named moments, the face at its strongest, and how much the wrinkles move."""
    font = ImageFont.load_default(14)
    names = (*MOMENTS, "strongest", "wrinkles")
    widths = [tile.width for tile in rows[0][1]]
    sheet = Image.new("RGB", (SIDE + sum(widths), HEAD + len(rows) * TILE[1]), contact_sheet.PAPER)
    draw = ImageDraw.Draw(sheet)
    lefts = SIDE + np.concatenate([[0], np.cumsum(widths)])
    for name, left, width in zip(names, lefts[:-1], widths, strict=True):
        draw.text((left + width / 2, HEAD / 2), name, contact_sheet.INK, font, anchor="mm")
    for k, (label, tiles) in enumerate(rows):
        top = HEAD + k * TILE[1]
        draw.text((SIDE / 2, top + TILE[1] / 2), label.replace(" ", "\n"), contact_sheet.INK, font, anchor="mm")
        for left, tile in zip(lefts[:-1], tiles, strict=True):
            sheet.paste(tile, (int(left), top))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
