"""The 52 face units on the mean adult, mended before they are carried to other heads.

Measured against ICT-FaceKit's ARKit shapes at the same distance of the outer eye corners, MakeHuman's noseSneer has
half the strength and leaves the upper lip still, mouthPucker pushes the corners of the mouth too little, and some
others are faint. Its smile and cheekSquint draw the cheeks up without bunching them: under the eye ICT's come 1.0 to
1.6 mm forward, MakeHuman's go .1 and .8 back. Its smile and mouthStretch draw the corners of the mouth sideways and
leave the lips before the teeth, where a smile draws them back and along the arch; and its smile lifts the lower lip
past the upper. What lacks is taken from units that have it, or added as a smooth bump.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from ..arkit import ARKIT_NAMES, mirror_name
from .head import Head

INDEX = {name: i for i, name in enumerate(ARKIT_NAMES)}
# Faint, but right in shape.
_GAIN = {
    "mouthShrugLower": 1.4, "mouthUpperUpLeft": 1.3, "mouthUpperUpRight": 1.3, "eyeLookDownLeft": 1.5,
    "eyeLookDownRight": 1.5, "browInnerUp": 1.25,
}  # fmt: skip
_DRAWN: dict[str, dict[int, tuple[float, float, float]]] = {
    "mouthSmile": {
        50: (-1.4, 0.1, -1.3), 51: (-0.8, 0.3, -1.6), 52: (0.7, 0.3, -2.3), 53: (3.5, 0.6, -4.8),
        54: (-0.4, -2.7, -3.1), 55: (-1.2, -3.2, -1.8), 56: (-0.8, -2.2, -1.8), 57: (-1.0, -1.7, -1.1),
        58: (-1.0, -1.2, -0.8),
        61: (-1.2, 0.2, -1.1), 62: (-0.8, 0.2, -1.3), 63: (1.0, -0.8, -2.6), 64: (0.0, -2.2, -3.3),
        65: (-0.1, -2.0, -1.8), 66: (-0.8, -1.5, -0.8), 67: (-1.0, -0.6, -0.7),
    },
    "mouthStretch": {
        50: (-0.7, 0.0, -0.7), 51: (-0.4, 0.0, -0.9), 52: (-0.2, 0.0, -1.1), 53: (0.0, 0.3, -1.9),
        54: (1.0, 0.0, -3.2), 55: (1.0, 0.4, -1.9), 56: (0.4, 0.4, -1.3), 57: (-0.3, 0.4, -0.9), 58: (-0.7, 0.2, -0.6),
        61: (-0.7, 0.0, -0.7), 62: (-0.4, 0.1, -0.9), 63: (0.0, 0.2, -1.2), 64: (1.4, 0.0, -3.2),
        65: (0.5, 0.4, -1.1), 66: (-0.4, 0.3, -0.7), 67: (-0.7, 0.1, -0.5),
    },
}  # fmt: skip
"""What a left unit lacks of ICT's at landmarks of the mouth (iBUG's numbers), mm; elsewhere on the lips nothing."""
_DRAWN_REACH_MM, _DRAWN_EVEN = 8.0, 0.02
"""How far a landmark's bump reaches; and singular values of the bumps, by the largest, that are not inverted: the inner
landmarks lie so close to the outer ones that exactness would tear the lips."""
_MIRRORED = np.arange(68)
_MIRRORED[48:68] = [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
"""Landmarks of the mouth -> those of its other side."""


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
    _lips_onto_teeth(units, mean, lm, head.n_skin)
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


def _lips_onto_teeth(units: np.ndarray, mean: np.ndarray, lm: np.ndarray, n_skin: int) -> None:
    """AU 12 and AU 20: the lips go back onto the teeth and along them, and keep on each other."""
    # The landmarks of the two sides are not exact mirror images.
    mirrored = lm[_MIRRORED] * [-1, 1, 1]
    mouth = 0.5 * (lm[48:68] + mirrored[48:68])
    bump = lambda points: np.exp(-0.5 * (cdist(points, mouth) / _DRAWN_REACH_MM) ** 2)  # noqa: E731
    shares = bump(mean[:n_skin]) @ np.linalg.pinv(bump(mouth), rcond=_DRAWN_EVEN)
    for stem, lacks in _DRAWN.items():
        drawn = np.zeros((20, 3))
        for number, lack in lacks.items():
            drawn[number - 48] = lack
        left = shares @ drawn
        units[INDEX[f"{stem}Left"], :n_skin] += left
        other = drawn[_MIRRORED[48:68] - 48] * [-1, 1, 1]
        units[INDEX[f"{stem}Right"], :n_skin] += shares @ other


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
