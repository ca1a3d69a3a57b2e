"""Where hair grows on the scalp, for the colour of closely cropped hair: the head has no hair geometry.

The hairline is a curve in the side view, drawn on the average head after the usual proportions: it begins a third of
the face's height above the brows, steps back at the temples, ends in a sideburn before the ear, goes round the ear and
down to the nape. It belongs to the mesh, so each person's and each expression's follows the skin.
"""

from __future__ import annotations

import numpy as np

from ..geometry.polygon import inside
from .model import FaceModel

_EDGE = 0.3
"""Distances between the outer eye corners over which the weight goes from 0 to 1; its middle is the hairline."""
_EYES_MM = 82.6
"""The distance between the outer eye corners on the head that _HAIRLINE was drawn on."""
# Millimetres (forward, up) from between the ears.
_HAIRLINE = np.array([
    (130, 84), (91, 84), (80, 87), (69, 84), (59, 74), (53, 62), (45, 52), (38, 38), (35, 20), (33, 2), (31, -8),
    (25, -8), (24, 4), (22, 14), (16, 23), (6, 25), (-5, 24), (-12, 15), (-14, 2), (-15, -16), (-16, -32), (-24, -46),
    (-38, -56), (-52, -59), (-130, -59), (-130, 200), (130, 200),
], np.float64)  # fmt: skip


def scalp_weights(model: FaceModel) -> np.ndarray:
    """(V,) float32: 1 where hair grows on the scalp, 0 on bare skin, and 0.5 on the hairline, in between in proportion
    to the distance from it; all 0 on a model whose landmarks do not tell its size."""
    weights = np.zeros(len(model.neutral), np.float32)
    if (model.landmarks68[[36, 45]] < 0).any() or "skin" not in model.material_names:
        return weights
    skin = np.unique(model.faces[model.face_material == model.material_names.index("skin")])
    skin = skin[skin >= 0]
    eyes = float(np.linalg.norm(model.neutral[model.landmarks68[45]] - model.neutral[model.landmarks68[36]]))
    if eyes <= 0:
        return weights
    side_view = model.neutral[skin][:, [2, 1]] * (_EYES_MM / eyes)
    weights[skin] = np.clip(0.5 + _inwards(side_view, _HAIRLINE) / (_EDGE * _EYES_MM), 0, 1)
    return weights


def _inwards(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """(N,) signed distances of points (N, 2) from a closed polygon (M, 2), positive within it."""
    nearest = np.full(len(points), np.inf)
    for start, end in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        along = end - start
        t = np.clip((points - start) @ along / (along @ along), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - start - t[:, None] * along, axis=1))
    return np.where(inside(polygon, *points.T), nearest, -nearest)
