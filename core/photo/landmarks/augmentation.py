"""More than one look at a face: the points of several cuts of it, averaged, and how far those lie apart.

A network's points jump by a hundredth of the eyes' distance when its square is moved, turned or mirrored a little; on
blurred faces by twice as much. The mean of six looks has a tenth less error than one, and what they differ by tells how
far off that mean is: their errors' ratio is the same from sharp pictures to blurred ones (docs/photo.md).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch

_LOOKS = (
    (1.0, 0.0, 0.0, 0.0, True), (0.94, 6.0, 0.0, 0.0, True), (1.07, -6.0, 0.0, 0.0, False),
    (1.0, 0.0, 0.04, -0.03, False), (1.0, 0.0, -0.04, 0.03, True),
)  # fmt: skip
"""Size, turn in degrees, shift right and down in sides of the square, mirrored."""
_IRISES = (473, 474, 477, 476, 475, 468, 469, 472, 471, 470)
"""The other eye's points for 468 to 477: a centre, then right, top, left, bottom."""
Cut = Callable[[np.ndarray, float, float, int], tuple[Any, np.ndarray]]
"""(middle (2,), side, angle, pixels) -> the square (1, n, n, 3) and the (2, 3) that takes its pixels back."""


def augment_at_test_time(
    points: np.ndarray, middle: np.ndarray, side: float, angle: float, cut: Cut,
    network: Callable[[Any], tuple[np.ndarray, float]], other_side: np.ndarray, size: int,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """(478, 3) points of a first look at a square -> the mean with those of more looks, and the looks' standard
    deviation about it (root mean square over the face's points and coordinates, pixels); other_side (478,) is the
    number of each point's fellow on the face's other side."""
    found = [points.astype(float)]
    for scale, degrees, right, down, mirrored in _LOOKS:
        square, affine = cut(middle + side * np.array([right, down]), scale * side, angle + np.radians(degrees), size)
        inside = network(torch.flip(square, [2]) if mirrored else square)[0].astype(float)
        if mirrored:
            inside[:, 0] = size - inside[:, 0]
            inside = inside[other_side]
        flat = inside[:, :2] @ affine[:, :2].T + affine[:, 2]
        found.append(np.concatenate([flat, inside[:, 2:] * scale * side / size], 1))
    looks = np.stack(found)
    mean = looks.mean(0)
    face = (looks - mean)[:, : len(mean) - len(_IRISES), :2]
    return mean, float(np.sqrt((face**2).mean()))


@lru_cache(maxsize=4)
def _other_side(canonical: bytes) -> np.ndarray:
    points = np.frombuffer(canonical, np.float32).reshape(-1, 3)
    other = points * np.array([-1.0, 1.0, 1.0])
    return np.append(np.linalg.norm(other[:, None] - points[None], axis=2).argmin(1), _IRISES)


def other_side(canonical: np.ndarray) -> np.ndarray:
    """(478,): each point's fellow on the face's other side, by the canonical face (468, 3) and the irises' order."""
    return _other_side(np.ascontiguousarray(canonical, np.float32).tobytes())
