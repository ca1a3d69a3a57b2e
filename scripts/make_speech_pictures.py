"""Makes the pictures of docs/speech.md and the moving one of README.md from a spoken sentence.

    make_speech_pictures.py --audio sentence.wav [--work build/speech_pictures] [--out docs/pictures] [--emotion joy:.5]

- speech_emotions.jpg: the eight emotions at two moments of the sentence, the lips a little and wide apart, as the small
  renderer draws them;
- speech_maps.jpg: how much the wrinkles move, per emotion: deviation of the displacement map over the sentence;
- speaking.webp: the sentence, twelve frames a second, with --film (renders for some minutes).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.batch.demo import ACTOR_LOOK
from dnpm.core.capture.track import CurveTrack
from dnpm.core.cli.main import main as dnpm
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.painter import Painter
from dnpm.core.evaluation.performance import RESOLUTION, as_sliders
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.looks import read_look
from dnpm.core.files import contact_sheet
from dnpm.core.photo.portrait import portrait
from dnpm.core.speech import contact, emotions
from dnpm.core.speech.animate import Animator, animate, open_animator
from dnpm.core.speech.audio import open_sound
from dnpm.core.speech.controls import USUAL

ROOT = Path(__file__).resolve().parents[1]
TILE, SIDE, OFF = (220, 264), 268, (-10, 0)
"""A tile, the portrait that it is cut from, and how far the face lies off that one's middle; pixels."""
OPEN, BLINK = (0.4, 0.85), 0.15
FILM_FPS, FILM_SIZE, FILM_BYTES = 12, (280, 336), 1_000_000


def main() -> int:
    """Render, put together; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--audio", type=Path, required=True, metavar="FILE", help="a spoken sentence")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build/speech_pictures", metavar="DIR", help="single pictures"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures", metavar="DIR", help="where the pictures go")
    parser.add_argument("--film", action="store_true", help="make speaking.webp instead of the sheets")
    parser.add_argument("--emotion", default="joy:.4", metavar="TEXT", help="of the film (default %(default)s)")
    args = parser.parse_args()
    try:
        args.work.mkdir(parents=True, exist_ok=True)
        args.out.mkdir(parents=True, exist_ok=True)
        if args.film:
            film(args.audio, args.emotion, args.work, args.out / "speaking.webp")
        else:
            animator = open_animator()
            tracks = {name: spoken(args.audio, animator, name) for name in emotions.CHOICES}
            painter = Painter.of(argparse.Namespace(face_model=None, weights=None))
            contact_sheet.save(faces(tracks, painter), args.out / "speech_emotions.jpg")
            contact_sheet.save(maps(tracks, painter), args.out / "speech_maps.jpg")
    except (DnpmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def spoken(audio: Path, animator: Animator, emotion: str) -> CurveTrack:
    """The sentence with an emotion at 0.7."""
    controls = replace(USUAL, emotions=emotions.parse([emotion]))
    return animate(open_sound(audio), animator, fps=30.0, controls=controls).track


def faces(tracks: dict[str, CurveTrack], painter: Painter) -> Image.Image:
    """A row for each moment, a column for each emotion, with the curves as they are there; by `core/photo/portrait.py`,
    not by Blender. The mean face: many a person's brows frown or slant at rest, which looks like a feeling."""
    identity, look = np.zeros(painter.model.n_id, np.float32), read_look(ACTOR_LOOK)
    left, top = (SIDE - TILE[0]) // 2 + OFF[0], (SIDE - TILE[1]) // 2 + OFF[1]
    tiles: dict[str, list[Image.Image]] = {name: [] for name in tracks}
    for frame in moments(tracks[emotions.NEUTRAL].expression):
        for name, track in tracks.items():
            sliders = as_sliders(painter, track.expression[frame])
            heights = painter.shown(identity, sliders, 512)
            picture = portrait(painter.model, identity, sliders, look, displacement=heights, size=SIDE)
            tiles[name].append(Image.fromarray(picture).crop((left, top, left + TILE[0], top + TILE[1])))
    return _sheet(tiles)


def moments(curves: np.ndarray) -> list[int]:
    """Frames of curves (T, 52) at which the lips are apart as in OPEN of its frames, without a blink."""
    lids = curves[:, [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]].max(1)
    free = np.flatnonzero(lids < BLINK)
    by_opening = free[np.argsort(contact.opening(curves[free]), kind="stable")]
    return [int(by_opening[round(share * (len(free) - 1))]) for share in OPEN]


def maps(tracks: dict[str, CurveTrack], painter: Painter) -> Image.Image:
    """Deviation of the displacement map over time: white is 0.06 mm."""
    identity = np.zeros(painter.model.n_id, np.float32)
    tiles = {}
    for name, track in tracks.items():
        moments = np.linspace(0, len(track.times) - 1, 20).round().astype(int)
        made = [painter.shown(identity, as_sliders(painter, track.expression[k]), RESOLUTION) for k in moments]
        grey = (np.stack(made).std(0) / 0.06).clip(0, 1) * 255
        tiles[name] = [Image.fromarray(grey.astype(np.uint8)).convert("RGB").resize((TILE[0], TILE[0]))]
    return _sheet(tiles)


def film(audio: Path, emotion: str, work: Path, out: Path) -> None:
    """The sentence as an animated WebP that stays below FILM_BYTES."""
    folder = work / "film"
    shutil.rmtree(folder, ignore_errors=True)
    words = [
        "animate",
        "--audio",
        str(audio),
        "--out",
        str(folder),
        "--frames",
        "--fps",
        str(FILM_FPS),
        "--emotion",
        emotion,
    ]
    size = f"{FILM_SIZE[0]}x{FILM_SIZE[1]}"
    if dnpm([*words, "--size", size, "--view", "closeup", "--samples", "8", "--subdivision", "1", "--map-size", "512"]):
        raise DnpmError(f"{folder}: the frames were not rendered")
    frames = [Image.open(path).convert("RGB") for path in sorted((folder / "frames").glob("*.png"))]
    for quality in (80, 60, 45, 30):
        frames[0].save(
            out, save_all=True, append_images=frames[1:], duration=round(1000 / FILM_FPS), loop=0, quality=quality,
            method=6,
        )  # fmt: skip
        if out.stat().st_size <= FILM_BYTES:
            return
    raise DnpmError(f"{out}: {out.stat().st_size} bytes are too many; give a shorter sentence")


def _sheet(tiles: dict[str, list[Image.Image]]) -> Image.Image:
    """Two blocks of four columns, each headed by its name."""
    font, head = ImageFont.load_default(15), 24
    names = list(tiles)
    columns = len(names) // 2
    width, height = tiles[names[0]][0].size
    rows = len(tiles[names[0]])
    sheet = Image.new("RGB", (columns * width, 2 * (head + rows * height)), contact_sheet.PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, name in enumerate(names):
        x, y = place % columns * width, place // columns * (head + rows * height)
        draw.text((x + width / 2, y + head / 2), name, contact_sheet.INK, font, anchor="mm")
        for k, tile in enumerate(tiles[name]):
            sheet.paste(tile, (x, y + head + k * height))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
