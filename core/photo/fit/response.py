"""What a landmark's usual error depends on: how the head is turned in the picture, and how near it is.

A network drags what it sees towards the faces that it was taught with: the farther a head is turned, the more its
points lag behind, and a near camera's bulge is half lost. Polynomials of the two slopes of the face's axis and of the
nearness follow that; they are held at the ends of what was measured, because polynomials run away beyond.
"""

from __future__ import annotations

import numpy as np

FEATURES = 13
"""1, a, b, aa, ab, bb, aaa, aab, abb, bbb, n, na, nb for the axis's slopes a (right) and b (down), nearness n."""
MIRRORED = np.array([1.0, -1, 1, 1, -1, 1, -1, 1, -1, 1, 1, -1, 1])
"""What the features become when the picture is mirrored."""
_SLOPES = np.array([0.72, 0.45])
_NEARNESS = (0.35, 2.6)


def features(rotation: np.ndarray, turn: np.ndarray, distance: float) -> np.ndarray:
    """(FEATURES,) of a head with rotation (3, 3) into the camera's space, in the picture turned by (2, 2) so that the
    eyes are level (`landmark_errors.level`), `distance` mm away."""
    return _polynomials(*_measures(rotation, turn, distance)[0])


def feature_derivatives(
    rotation: np.ndarray, turn: np.ndarray, distance: float, by_rotation: list[np.ndarray]
) -> np.ndarray:
    """(4, FEATURES): by three unknowns that the rotation's derivatives (3, 3) belong to, and by log distance."""
    (a, b, near), free = _measures(rotation, turn, distance)
    result = np.zeros((4, FEATURES))
    for k, derivative in enumerate(by_rotation):
        u, v = (turn @ derivative[:2, 2]) * free[:2]
        result[k] = [
            0, u, v, 2 * a * u, a * v + b * u, 2 * b * v,
            3 * a * a * u, 2 * a * b * u + a * a * v, b * b * u + 2 * a * b * v, 3 * b * b * v,
            0, near * u, near * v,
        ]  # fmt: skip
    result[3, 10:] = -near * free[2] * np.array([1.0, a, b])
    return result


def measured(rotation: np.ndarray, turn: np.ndarray) -> bool:
    """Whether a head is turned no farther than those that errors were measured on."""
    return bool((np.abs(turn @ rotation[:2, 2]) <= _SLOPES).all())


def _measures(rotation: np.ndarray, turn: np.ndarray, distance: float) -> tuple[tuple[float, float, float], np.ndarray]:
    """Slopes and nearness (1 at a metre) within what was measured; (3,) 1 where each is free to move, 0 where held."""
    slopes, near = turn @ rotation[:2, 2], 1000.0 / distance
    held = slopes.clip(-_SLOPES, _SLOPES)
    kept = float(np.clip(near, *_NEARNESS))
    return (float(held[0]), float(held[1]), kept), np.array([*(held == slopes), kept == near], float)


def _polynomials(a: float, b: float, near: float) -> np.ndarray:
    return np.array([1, a, b, a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3, near, near * a, near * b])
