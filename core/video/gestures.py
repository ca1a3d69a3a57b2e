"""What faces do, as sliders: from these, expressions are drawn to measure the reader by, and clips to measure captures
with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..face_model.arkit import ARKIT_NAMES

UPPER: dict[str, tuple[dict[str, float], float]] = {
    "blink": ({"eyeBlink": 1.0}, 0.04), "wide": ({"eyeWide": 0.9, "browInnerUp": 0.3}, 0.3),
    "squint": ({"eyeSquint": 0.9}, 0.4), "cheeks": ({"cheekSquint": 0.9, "eyeSquint": 0.4}, 0.3),
    "brows up": ({"browInnerUp": 0.9, "browOuterUp": 0.8}, 0.3), "worry": ({"browInnerUp": 0.9}, 0.3),
    "frown": ({"browDown": 0.9}, 0.3),
}  # fmt: skip
LOWER: dict[str, tuple[dict[str, float], float]] = {
    "smile": ({"mouthSmile": 0.9, "cheekSquint": 0.3}, 0.4), "open": ({"jawOpen": 0.7}, 0.15),
    "sad": ({"mouthFrown": 0.8, "browInnerUp": 0.4}, 0.3), "pucker": ({"mouthPucker": 0.9}, 0.2),
    "funnel": ({"mouthFunnel": 0.8, "jawOpen": 0.15}, 0.2), "press": ({"mouthPress": 0.8}, 0.15),
    "stretch": ({"mouthStretch": 0.8, "jawOpen": 0.2}, 0.2), "sneer": ({"noseSneer": 0.9, "mouthUpperUp": 0.5}, 0.3),
    "dimples": ({"mouthDimple": 0.8}, 0.3), "teeth": ({"mouthUpperUp": 0.6, "mouthLowerDown": 0.7}, 0.2),
    "roll": ({"mouthRollLower": 0.7, "mouthRollUpper": 0.6}, 0.15),
    "shrug": ({"mouthShrugLower": 0.8, "mouthShrugUpper": 0.5}, 0.3), "jaw aside": ({"jawLeft": 0.8}, 0.2),
    "mouth aside": ({"mouthLeft": 0.8}, 0.2), "closed": ({"jawOpen": 0.35, "mouthClose": 0.33}, 0.1),
}  # fmt: skip
"""What moves, and seconds that it is held at least. A stem stands for both sides; jaw and mouth go to either side."""
_ONE_SIDED = 0.25
"""Share of gestures that one side makes alone, or makes stronger."""


def drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    """(52,) one gesture at its height, on both sides or more on one."""
    parts = (UPPER.get(name) or LOWER[name])[0]
    sides = _sides(rng)
    result = np.zeros(len(ARKIT_NAMES))
    for stem, value in parts.items():
        for channel, share in _channels(stem, sides, rng):
            result[ARKIT_NAMES.index(channel)] = value * share
    return result


def gaze(aside: np.ndarray | float, up: np.ndarray | float) -> dict[str, np.ndarray]:
    """The eight eyeLook... of eyes that look to the subject's left and up, -1 to 1."""
    a, u = np.asarray(aside, float), np.asarray(up, float)
    values = {
        "eyeLookOutLeft": a, "eyeLookInRight": a, "eyeLookInLeft": -a, "eyeLookOutRight": -a, "eyeLookUpLeft": u,
        "eyeLookUpRight": u, "eyeLookDownLeft": -u, "eyeLookDownRight": -u,
    }  # fmt: skip
    return {name: np.maximum(value, 0) for name, value in values.items()}


def _sides(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() >= _ONE_SIDED:
        return 1.0, 1.0
    weaker = float(rng.choice([0.0, 0.4]))
    return (1.0, weaker) if rng.random() < 0.5 else (weaker, 1.0)


def _channels(stem: str, sides: tuple[float, float], rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    if stem in ARKIT_NAMES:
        other = stem.replace("Left", "Right")
        yield (stem if stem == other or rng.random() < 0.5 else other), 1.0
        return
    if stem == "eyeBlink" and min(sides) > 0:
        sides = (1.0, 1.0)
    for side, share in zip(("Left", "Right"), sides, strict=True):
        yield stem + side, share
