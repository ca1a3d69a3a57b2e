"""A skull as broad and as long as people's: the base mesh's, over which hair is worn, is narrow and long.

The heads of 3,997 workers in the United States (Zhuang and Bradtmiller 2005, "Head-and-face anthropometric survey of
U.S. respirator users") are 2.37 times as broad and 3.04 times as long as their pupils are apart, women's and men's
alike; the mean adult's were 2.28 and 3.18. The skull is widened above the face and behind the ears, and drawn in behind
the ears. Face, ears' place and neck stay.
"""

from __future__ import annotations

import numpy as np

from .head import Head
from .smooth import ramp

_BROADER, _SHORTER = 0.04, 0.09
"""Shares of a vertex's distance from the middle plane, and from the ears' plane behind it."""
_EARS_MM = 15.0
"""z of the ears' plane."""
_SIDE_MM = 69.0
"""How far from the middle the skull ends and an ear begins; ears move with what they stand on."""


class Skull:
    """mean: (V, 3) mm, the mean adult's finished mesh. Linear, so that components and expressions go along."""

    def __init__(self, head: Head, mean: np.ndarray) -> None:
        skin = np.asarray(mean[: head.n_skin], float)
        x, y, z = np.abs(skin[:, 0]), skin[:, 1], skin[:, 2]
        # The forehead's front and the temples stay: landmarks know their place.
        above = ramp(y, 24.0, 54.0) * np.maximum(ramp(50.0 - z, 0.0, 35.0), ramp(y, 66.0, 90.0))
        behind = ramp(-z, 0.0, 45.0) * ramp(y, -45.0, -5.0)
        self._factor = np.zeros((len(mean), 3), np.float32)
        self._factor[: head.n_skin, 0] = (
            _BROADER * (1 - (1 - above) * (1 - behind)) * np.minimum(1, _SIDE_MM / np.maximum(x, 1.0))
        )
        self._factor[: head.n_skin, 2] = -_SHORTER * ramp(_EARS_MM - z, 0.0, 40.0) * ramp(y, -60.0, -5.0)

    def mixed(self, vertices: np.ndarray) -> np.ndarray:
        """(..., V, 3): what components and expressions add, in numbers as wide as these (the file's size)."""
        return (vertices + self._factor * vertices).astype(vertices.dtype)

    def rest(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) mm at rest."""
        return self.mixed(vertices) - self._factor * np.array([0.0, 0.0, _EARS_MM], np.float32)
