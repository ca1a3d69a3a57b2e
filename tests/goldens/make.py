"""Makes the golden pictures: eight small renders of the default face model with the shipped weights.

    python tests/goldens/make.py [--out DIR]         (`make goldens`: into this folder)

Faces at rest and in expressions, near and from the side; a frame of a face that speaks a recording; and the face that
is fitted to a photo, the photo being one of these pictures. In wrong/ lie three that must not pass for theirs: the head
turned by two degrees, the detail left out, another skin tone (test_goldens.py). Look at what has changed before you
commit it: what the pictures show is what users get.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
PORTRAIT = {"name": "portrait", "azimuth": 21, "elevation": 3, "target": "portrait", "zoom": 1.1}
TURNED = PORTRAIT | {"azimuth": 23}
CLOSE = {"name": "close", "azimuth": 28, "elevation": 4, "target": "face", "zoom": 1.3}
SIDE = {"name": "side", "azimuth": -62, "elevation": 0, "target": "portrait", "zoom": 1.1}
SETTINGS = {"size": [160, 184], "samples": 16, "map_size": 1024, "subdivision": 2, "views": [PORTRAIT]}
ACTOR = {
    "identity": {"seed": 46, "age": 56},
    "look": {"tone": "fair", "stubble": 0.35, "freckles": 0.2, "iris": "hazel"},
}
OLD = {"identity": {"seed": 123, "age": 66}, "look": {"tone": "brown", "stubble": 0.5, "iris": "dark"}}


def both(**values: float) -> dict[str, float]:
    """Each value on both sides."""
    return {f"{name}{side}": value for name, value in values.items() for side in ("Left", "Right")}


SMILE = both(mouthSmile=0.85, cheekSquint=0.7, eyeSquint=0.4, mouthUpperUp=0.45, mouthLowerDown=0.2)
ANGER = both(browDown=1.0, noseSneer=0.4, mouthPress=0.8, eyeSquint=0.35, mouthFrown=0.4)
ITEMS: dict[str, dict[str, Any]] = {
    "rest": {"identity": {"seed": 57, "age": 30}, "look": {"tone": "olive", "freckles": 0.0, "iris": "green"}},
    "smile": {"expression": SMILE | {"jawOpen": 0.06}} | ACTOR,
    "surprise": {
        "expression": both(browOuterUp=0.9, eyeWide=0.8) | {"browInnerUp": 1.0, "jawOpen": 0.4},
        "identity": {"seed": 115, "age": 24}, "look": {"tone": "porcelain", "freckles": 1.4, "iris": "blue"},
    },
    "anger": {"expression": ANGER, "views": [CLOSE]} | OLD,
    "wink": {
        "expression": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.9, "mouthSmileLeft": 0.7, "browOuterUpRight": 0.5},
        "identity": {"seed": 120, "age": 46}, "look": {"tone": "deep", "stubble": 0.3, "iris": "dark"},
    },
    "kiss": {"expression": both(eyeSquint=0.3) | {"mouthPucker": 1.0}, "views": [SIDE]} | ACTOR,
}  # fmt: skip
SPOKEN_FROM, SPOKEN_S, SPOKEN_AT = 10.0, 4.0, 2.2
"""Seconds into the recording, of it, and into that part: the mouth is open there."""
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "pose": ("smile", {"views": [TURNED]}),
    "detail": ("anger", {"detail": 0}),
    "colour": ("rest", {"look": {"tone": "medium", "freckles": 0.0, "iris": "green"}}),
}
"""What is wrong -> which picture is made wrongly, and how."""
NAMES = (*ITEMS, "spoken", "photo")


def pictures(work: Path, photo: Path | None = None, wrong: bool = False) -> dict[str, Path]:
    """Render all of NAMES (and, when `wrong`, the wrong ones) in the folder `work`.

    photo: the picture that the last one is fitted to; None: the smile that was just made.
    """
    items = [{"name": name} | item for name, item in ITEMS.items()] + [
        {"name": "spoken", "expression": spoken(work)} | ACTOR
    ]
    if wrong:
        items += [{"name": f"wrong-{name}"} | ITEMS[of] | change for name, (of, change) in WRONG.items()]
    made = _batch(work / "faces", items)
    words = ("--resolution", "512", "--levels", "0", "--no-sheet")
    dnpm("reconstruct", str(photo or made["smile"]), "--out", str(work / "photo"), *words)
    return made | _batch(work / "again", [{"name": "photo", "preset": str(work / "photo" / "face.json")}])


def spoken(work: Path) -> dict[str, float]:
    """The expression in the middle of a word."""
    from dnpm.core.capture.read import read_capture
    from dnpm.core.face_model.arkit import ARKIT_NAMES

    (package,) = {Path(p) for p in importlib.util.find_spec("pyannote").submodule_search_locations}
    samples, rate = soundfile.read(package / "audio" / "sample" / "sample.wav", dtype="float32")
    first = round(SPOKEN_FROM * rate)
    soundfile.write(work / "speech.wav", samples[first : first + round(SPOKEN_S * rate)], rate)
    dnpm("animate", "--audio", str(work / "speech.wav"), "--out", str(work / "speech"), "--fps", "25")
    track = read_capture(work / "speech" / "curves.csv").track
    frame = track.expression[int(np.argmin(np.abs(track.times - SPOKEN_AT)))]
    return {name: round(float(value), 4) for name, value in zip(ARKIT_NAMES, frame, strict=True) if value > 0}


def _batch(folder: Path, items: list[dict[str, Any]]) -> dict[str, Path]:
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"settings": SETTINGS, "items": items}))
    dnpm("batch", str(folder / "job.json"), "--out", str(folder / "out"), "--device", "cpu")
    view = lambda item: item.get("views", [PORTRAIT])[0]["name"]  # noqa: E731
    return {item["name"]: folder / "out" / item["name"] / f"{view(item)}.png" for item in items}


def dnpm(*words: str) -> None:
    """A command of the project's own; what it prints is shown when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "dnpm", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1500
    )
    if done.returncode:
        raise RuntimeError(f"dnpm {' '.join(words)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the pictures (default: this one)")
    args = parser.parse_args()
    (args.out / "wrong").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dnpm-goldens-") as work:
        for name, file in pictures(Path(work), wrong=True).items():
            kind, _, rest = name.partition("-")
            target = args.out / "wrong" / f"{rest}.png" if kind == "wrong" else args.out / f"{name}.png"
            shutil.copyfile(file, target)
            print(f"{target}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
