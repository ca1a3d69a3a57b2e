"""A face from picture to picture: the square of the last points is looked at, and the detector asked when it is lost.

Each picture gets two looks, as it is and mirrored, in one pass: their mean is steadier than one, and how far they lie
apart is a measure of this picture's reliability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..photo.landmarks.augmentation import other_side
from ..photo.landmarks.detect import PlacedFace, cut, placed_faces, square_about
from ..photo.landmarks.networks import POINTS_SIZE, LandmarkNetworks
from .appearance import appearance

LEAST_PRESENCE = 0.5
_SMALL_EVERY = 25
"""Pictures without a face of which one is searched for small faces, which takes many times as long."""
_MARGIN = 0.25
"""Of the square's side, around it: room for its turn."""
_FAR = 1.0
"""Sizes of the face by which a face that is found again may have moved when there are several."""


@dataclass(frozen=True)
class Seen:
    """One picture's face: points (478, 3) pixels, presence 0 to 1, scores (52 of `SCORE_NAMES` by name), apart: the two
    looks' root mean square distance, in distances between the eyes; looks (2, D): how the face looks in each
    (`appearance.py`), the second time mirrored."""

    points: np.ndarray
    presence: float
    scores: dict[str, float]
    apart: float
    looks: np.ndarray


class Tracker:
    """Follows one face through pictures of one size."""

    def __init__(self, networks: LandmarkNetworks, last: np.ndarray | None = None) -> None:
        """last (478, 3): points of the picture before, where the work goes on from there."""
        self._networks, self._last = networks, last
        self._other = other_side(networks.canonical)
        self._lost = 0

    @property
    def last(self) -> np.ndarray | None:
        """(478, 3) pixels of the last face that was seen."""
        return self._last

    def see(self, image: np.ndarray) -> Seen | None:
        """(h, w, 3) uint8 sRGB, the next picture -> its face; None where it is lost."""
        if self._last is not None and not self._lost:
            seen = self._look(image, self._last)
            if seen is not None:
                return self._keep(seen)
        found = self._found(image)
        if found is None:
            self._lost += 1
            return None
        seen = self._look(image, found.points)
        if seen is None:
            self._lost += 1
            return None
        return self._keep(seen)

    def _keep(self, seen: Seen) -> Seen:
        self._last, self._lost = seen.points, 0
        return seen

    def _found(self, image: np.ndarray) -> PlacedFace | None:
        """The face that was lost, by its place; at first the largest."""
        small = self._lost % _SMALL_EVERY == 0
        faces = placed_faces(image.astype(np.float32) / 255, self._networks, small)
        last = self._last
        if last is None or len(faces) < 2:
            return faces[0] if faces else None
        middle, size = last[:, :2].mean(0), float(np.ptp(last[:, 1]))
        near = [f for f in faces if np.linalg.norm(f.points[:, :2].mean(0) - middle) < _FAR * size]
        return near[0] if near else faces[0]

    def _look(self, image: np.ndarray, points: np.ndarray) -> Seen | None:
        middle, side, angle = square_about(points)
        part, corner = _around(image, middle, side)
        if part.size == 0:
            return None
        square, affine = cut(part, middle - corner, side, angle, POINTS_SIZE)
        with torch.inference_mode():
            both = torch.cat([square, torch.flip(square, [2])])
            network = self._networks.points
            found, presences, *maps = network.up_to((*network.outputs[:2], *self._networks.maps), both)
        presence = float(presences.sigmoid().min())
        if presence < LEAST_PRESENCE:
            return None
        looks = found.reshape(2, -1, 3).numpy().astype(float)
        shown = [appearance([m[k].permute(2, 0, 1) for m in maps], looks[k], self._other) for k in range(2)]
        looks[1, :, 0] = POINTS_SIZE - looks[1, :, 0]
        looks[1] = looks[1, self._other]
        mean, scale = looks.mean(0), side / POINTS_SIZE
        flat = mean[:, :2] @ affine[:, :2].T + affine[:, 2] + corner
        result = np.concatenate([flat, mean[:, 2:] * scale], 1)
        eyes = max(float(np.linalg.norm(result[263, :2] - result[33, :2])), 1e-6)
        apart = float(np.sqrt(((looks[0] - looks[1])[:468, :2] ** 2).mean())) * scale / eyes
        return Seen(result, presence, self._networks.expression(result), apart, np.stack(shown))


def _around(image: np.ndarray, middle: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture that a turned square lies in, as float32 0 to 1, and its corner (2,)."""
    reach = side * (0.5 * np.sqrt(2) + _MARGIN / 2)
    size = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(middle - reach), 0, size).astype(int)
    high = np.clip(np.ceil(middle + reach), 0, size).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]].astype(np.float32) / 255
    return part, low.astype(float)
