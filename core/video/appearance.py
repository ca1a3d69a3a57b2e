"""What the landmark network sees around a face's landmarks, beside where it puts them.

Lips that roll in, lids that squint and cheeks that rise change how a face looks more than where its landmarks lie. The
network's inner maps show it: they are read at chosen landmarks, so that the same number belongs to the same place of
every face. A mirrored picture's numbers are those of the mirror image's face (both looks of `tracking.py` give some).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..photo.landmarks.networks import POINTS_SIZE

_LIPS = (61, 185, 40, 39, 37, 78, 80, 81, 82, 87, 88, 178, 84, 181, 91, 146)
_EYE = (33, 133, 159, 145, 160, 158, 144, 153)
_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
_AROUND = (103, 67, 109, 230, 229, 228, 119, 118, 31, 50, 205, 36, 101, 187, 129, 98, 64, 203, 206, 216, 57, 43, 204)
_MIDDLE = (151, 9, 168, 6, 4, 2, 164, 0, 13, 14, 17, 18, 200, 199)
PLACES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((*_LIPS, *_EYE, *_BROW[:5]), (0, 13, 14, 17)),
    ((*_LIPS[::2], *_EYE[::2], *_BROW[:5], *_AROUND), _MIDDLE),
    ((61, 40, 81, 178, 181, 33, 133, 159, 145, 70, 105, 107, 119, 50, 129, 205, 206, 43), _MIDDLE[::2]),
)
"""Of each map: landmarks of the subject's right, which stand for their fellows on the left as well; of the middle."""
CHANNELS, WHOLE = (32, 64, 128), 512
"""Of the maps, and all numbers of the last one."""
NUMBERS = sum(c * (2 * len(right) + len(middle)) for c, (right, middle) in zip(CHANNELS, PLACES, strict=True)) + WHOLE


def appearance(maps: Sequence[Tensor], points: np.ndarray, other: np.ndarray) -> np.ndarray:
    """maps: (C, h, w) each of one look, coarser and coarser, the last one is taken whole; points (478, 2 or 3): the
    look's landmarks in its pixels; other (478,): each one's fellow -> (NUMBERS,) float32."""
    rows = []
    for values, (right, middle) in zip(maps, PLACES, strict=False):
        chosen = [*right, *middle, *other[list(right)]]
        grid = torch.from_numpy(points[chosen, :2].astype(np.float32)) * (2 / POINTS_SIZE) - 1
        rows.append(functional.grid_sample(
            values[None], grid[None, None], mode="bilinear", padding_mode="border", align_corners=False
        )[0, :, 0].reshape(-1))  # fmt: skip
    rows.append(maps[-1].reshape(-1))
    result: np.ndarray = torch.cat(rows).numpy()
    return result
