"""Makes docs/pictures/speech_mouths.jpg: mouths at what can be told of sounds, the whole face, the wrinkles' motion.

    make_mouth_pictures.py --row "reading=a.wav" --row "anger=a.wav:anger" --row "clip=b.wav:b.csv" [--style CARD]
    make_mouth_pictures.py --tongue "..." --out speech_tongue.jpg

A row is LABEL=SOUND, LABEL=SOUND:EMOTION (at 0.7), or LABEL=SOUND:CAPTURE, whose curves are drawn in place of ours. The
moments are told by the curves: where the lips meet most (m, b, p), the lip is nearest to the teeth (f, v), the mouth is
most open, roundest, widest, the tongue is furthest out (th), and its tip up in an open mouth (l, t, d, n). Drawn by
`core/photo/portrait.py`, not by Blender.

--tongue: a sentence of a synthetic voice, which says when its l, t, d, n, s and th are; above as they are spoken, below
with a tongue that stays where it rests.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.batch.demo import ACTOR
from dnpm.core.batch.sliders import identity_vector
from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.painter import Painter
from dnpm.core.evaluation.performance import RESOLUTION, as_sliders
from dnpm.core.face_model import tongue
from dnpm.core.face_model.arkit import ARKIT_NAMES, TIP_UP
from dnpm.core.files import contact_sheet
from dnpm.core.photo.portrait import portrait
from dnpm.core.speech import contact, emotions
from dnpm.core.speech.animate import Animator, animate, open_animator
from dnpm.core.speech.audio import RATE, Samples, open_sound
from dnpm.core.speech.controls import USUAL
from dnpm.core.training.speech.voices import choose

ROOT = Path(__file__).resolve().parents[1]
SIZE, TILE, HEAD, SIDE = 320, (200, 150), 24, 96
MOUTH = (0.20, 0.54, 0.60, 0.84)
"""Left, top, right, bottom of the close-up, as shares of the portrait."""
MOMENTS = ("m, b, p", "f, v", "open", "round", "wide", "th", "l, t, d, n")
PHONES = ("L", "T", "D", "N", "S", "TH")
MAPS = 12
BLINK = 0.2


def main() -> int:
    """Draw, put together; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--row", action="append", default=[], metavar="LABEL=SOUND[:EMOTION|:CAPTURE]")
    parser.add_argument("--tongue", metavar="SENTENCE", help="in place of rows: the tongue in a spoken sentence")
    parser.add_argument("--style", metavar="NAME", help="the style of our curves")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures/speech_mouths.jpg", metavar="FILE")
    args = parser.parse_args()
    try:
        animator = open_animator()
        painter = Painter.of(argparse.Namespace(face_model=None, weights=None))
        if args.tongue:
            rows, names = _tongue(args.tongue, animator, painter), tuple(name.lower() for name in PHONES)
        else:
            rows = [_row(text, animator, painter, args.style) for text in args.row]
            names = (*MOMENTS, "strongest", "wrinkles")
        if not rows:
            parser.error("give --row or --tongue")
        contact_sheet.save(_sheet(rows, names), args.out)
    except (DnpmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _row(text: str, animator: Animator, painter: Painter, style: str | None) -> tuple[str, list[Image.Image]]:
    """A label and its tiles."""
    label, _, rest = text.partition("=")
    sound, _, more = rest.partition(":")
    if more.endswith((".csv", ".json")):
        track = read_capture(more).track
    else:
        controls = replace(USUAL, emotions=emotions.parse([more]) if more else ())
        track = animate(open_sound(sound), animator, fps=30.0, speaker=style, controls=controls).track
    curves = track.expression.clip(0, 1)
    up = np.zeros(len(curves)) if track.tip_up is None else track.tip_up
    identity = identity_vector(ACTOR, painter.model)
    tiles = [_mouth(painter, identity, curves[k], up[k]) for k in moments(curves, up)]
    places = _with_open_eyes(curves)
    made = np.stack([painter.shown(identity, as_sliders(painter, curves[k]), RESOLUTION) for k in places])
    rest = painter.shown(identity, as_sliders(painter, np.zeros(len(ARKIT_NAMES))), RESOLUTION)
    strongest = places[int(np.square(made - rest).mean((1, 2)).argmax())]
    tiles.append(_face(painter, identity, curves[strongest], up[strongest]).resize((TILE[1], TILE[1])))
    grey = (made.std(0) / 0.06).clip(0, 1) * 255
    tiles.append(Image.fromarray(grey.astype(np.uint8)).convert("RGB").resize((TILE[1], TILE[1])))
    return label, tiles


def _with_open_eyes(curves: np.ndarray) -> np.ndarray:
    """MAPS frames of curves (T, 52), evenly spaced over those without a blink: two shut lids would outdo all else that
    a face does."""
    lids = curves[:, [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]].max(1)
    free = np.flatnonzero(lids <= max(BLINK, float(np.median(lids))))
    return free[np.linspace(0, len(free) - 1, MAPS).round().astype(int)]


def _tongue(text: str, animator: Animator, painter: Painter) -> list[tuple[str, list[Image.Image]]]:
    """Two rows, a tile for each of PHONES: the frame in its middle, of the one with the most open lips; of th, of the
    one where the tongue is out most."""
    said = choose(["flite-slt"])[0].say(text, 1.0)
    track = animate(Samples(said.samples, RATE), animator, fps=60.0, controls=USUAL).track
    up = track.tip_up
    if up is None:
        raise DnpmError("these weights cannot tell where the tongue is: make their readout first")
    identity = identity_vector(ACTOR, painter.model)
    rows: list[tuple[str, list[Image.Image]]] = [("spoken", []), ("without", [])]
    lips = contact.opening(track.expression)
    for name in PHONES:
        places = [
            int(np.argmin(np.abs(track.times - (p.start + p.end) / 2)))
            for p in said.phones
            if p.name == name or (name == "TH" and p.name == "DH")
        ]
        if not places:
            raise DnpmError(f"the sentence has no {name.lower()}")
        # A tongue that is out as far in a wider mouth is seen better.
        shown = track.expression[:, ARKIT_NAMES.index("tongueOut")] + 0.1 * lips if name == "TH" else lips
        k = max(places, key=lambda place: float(shown[place]))
        still = track.expression[k].copy()
        still[ARKIT_NAMES.index("tongueOut")] = 0
        rows[0][1].append(_mouth(painter, identity, track.expression[k], float(up[k]), wrinkles=False))
        rows[1][1].append(_mouth(painter, identity, still, 0.0, wrinkles=False))
    return rows


def moments(curves: np.ndarray, up: np.ndarray) -> list[int]:
    """Frames of MOMENTS in curves (T, 52) and tongueTipUp (T,)."""
    value = {name: curves[:, k] for k, name in enumerate(ARKIT_NAMES)}
    jaw = np.convolve(value["jawOpen"], np.ones(9) / 9, "same")
    shut = jaw - 4 * contact.opening(curves)  # Shut in the midst of motion, not in a pause.
    scores = (
        shut, value["mouthRollLower"] - value["mouthRollUpper"], value["jawOpen"] - value["mouthClose"],
        value["mouthPucker"] + value["mouthFunnel"],
        value["mouthStretchLeft"] + value["mouthSmileLeft"] + value["mouthDimpleLeft"], value["tongueOut"],
        up * contact.opening(curves) - value["tongueOut"],
    )  # fmt: skip
    return [int(score.argmax()) for score in scores]


def _face(
    painter: Painter, identity: np.ndarray, row: np.ndarray, up: float, wrinkles: bool = True
) -> Image.Image:  # fmt: skip
    sliders = as_sliders(painter, row)
    heights = painter.shown(identity, sliders, 512) if wrinkles else None
    moved = tongue.of(painter.model, identity, {TIP_UP: float(up)})
    return Image.fromarray(portrait(painter.model, identity, sliders, displacement=heights, size=SIZE, moved=moved))


def _mouth(
    painter: Painter, identity: np.ndarray, row: np.ndarray, up: float, wrinkles: bool = True
) -> Image.Image:  # fmt: skip
    box = tuple(round(share * SIZE) for share in MOUTH)
    return _face(painter, identity, row, up, wrinkles).crop(box).resize(TILE, Image.Resampling.LANCZOS)


def _sheet(rows: list[tuple[str, list[Image.Image]]], names: tuple[str, ...]) -> Image.Image:
    """A row for each sound, its tiles under their names."""
    font = ImageFont.load_default(14)
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
