"""The 52 face units on the mean adult, mended before they are carried to other heads.

Measured against ICT-FaceKit's ARKit shapes at the same distance of the outer eye corners, MakeHuman's noseSneer has
half the strength and leaves the upper lip still, mouthPucker pushes the corners of the mouth too little, and some
others are faint. Its smile and cheekSquint draw the cheeks up without bunching them: under the eye ICT's come 1.0 to
1.6 mm forward, MakeHuman's go .1 and .8 back. What lacks is taken from units that have it, or added as a smooth bump.
"""

from __future__ import annotations

import numpy as np

from ..arkit import ARKIT_NAMES, mirror_name
from .head import Head

INDEX = {name: i for i, name in enumerate(ARKIT_NAMES)}
# Faint, but right in shape.
_GAIN = {
    "mouthShrugLower": 1.4, "mouthUpperUpLeft": 1.3, "mouthUpperUpRight": 1.3, "eyeLookDownLeft": 1.5,
    "eyeLookDownRight": 1.5, "browInnerUp": 1.25,
}  # fmt: skip


def mended_units(units: np.ndarray, head: Head, mean: np.ndarray) -> np.ndarray:
    """units (52, V, 3) mm of the base mesh, mean (V, 3) mm -> (52, V, 3) float64 mm, left and right exact mirrors."""
    units = symmetric_units(units, head.mirror)
    lm = mean[head.landmarks68]
    for name, gain in _GAIN.items():
        units[INDEX[name]] *= gain
    _look_up(units)
    _sneer(units, mean, lm)
    _pucker(units, mean, lm)
    _cheeks(units, mean, lm, head)
    return units


def symmetric_units(units: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(52, V, 3) -> the same, left and right units made exact mirror images, the others symmetric."""
    result = np.empty(units.shape, np.float64)
    for name, i in INDEX.items():
        other = units[INDEX[mirror_name(name)]][mirror] * [-1, 1, 1]
        result[i] = 0.5 * (units[i] + other)
    return result


def _look_up(units: np.ndarray) -> None:
    """The upper lid goes with the gaze, as in a wide eye; the unit alone lifts the lower lid over the iris instead."""
    for side in ("Left", "Right"):
        lids = units[INDEX[f"eyeLookUp{side}"]]
        units[INDEX[f"eyeLookUp{side}"]] = 1.5 * lids + 0.75 * units[INDEX[f"eyeWide{side}"]]


def _sneer(units: np.ndarray, mean: np.ndarray, lm: np.ndarray) -> None:
    """AU 9: the wing of the nose and the upper lip go up together; above the eyes the frown stays as it was."""
    eyes, wing = lm[[36, 39, 42, 45], 1].mean(), lm[[31, 35], 1].mean()
    below = _smooth((eyes - mean[:, 1]) / (eyes - wing))[:, None]
    for side in ("Left", "Right"):
        lip = units[INDEX[f"mouthUpperUp{side}"]]
        sneer = units[INDEX[f"noseSneer{side}"]]
        units[INDEX[f"noseSneer{side}"]] = sneer * (1.0 + 0.95 * below) + 0.65 * lip


def _pucker(units: np.ndarray, mean: np.ndarray, lm: np.ndarray) -> None:
    """The corners come forward with the middle, and in until the mouth is two thirds as wide."""
    pucker = 1.15 * units[INDEX["mouthPucker"]]
    # The landmarks of the two corners are not exact mirror images.
    for corner, inwards in ((lm[54] * [-1, 1, 1], 1.0), (lm[54], -1.0)):
        distance = np.linalg.norm(mean - corner, axis=1)
        pucker += np.exp(-((distance / 13.0) ** 2))[:, None] * [3.0 * inwards, 1.4, 3.4]
    units[INDEX["mouthPucker"]] = pucker


def _cheeks(units: np.ndarray, mean: np.ndarray, lm: np.ndarray, head: Head) -> None:
    """AU 12 and AU 6: the cheek is gathered below the eye, to about where ICT-FaceKit's is."""
    left = lm[[42, 45]].mean(0)
    apple = left + 0.42 * (lm[54] - left) + [7.0, 0.0, 0.0]
    outside = np.ones(len(mean))
    outside[head.groups["mouth"]] = 0.0
    for side, mirrored in (("Left", 1.0), ("Right", -1.0)):
        # Across the face: how far the cheek reaches into the head does not matter.
        away = (mean - apple * [mirrored, 1, 1])[:, :2] / [13.0, 10.0]
        share = (np.exp(-(away**2).sum(1)) * outside * (mean[:, 2] > 40.0))[:, None]
        units[INDEX[f"mouthSmile{side}"]] += share * [0.9 * mirrored, 0.6, 1.6]
        units[INDEX[f"cheekSquint{side}"]] += share * [-1.6 * mirrored, 0.0, 2.3]


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
