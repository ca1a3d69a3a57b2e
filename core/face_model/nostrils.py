"""Which skin lies within the nostrils, and how deep: light hardly comes there."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .model import FaceModel

_BASE = slice(31, 36)
"""The 68 landmarks below the nose, from wing to wing."""
_NEAR_MM = 14.0
"""How far a nostril's middle is from them at most; the lips' inner side lies farther down."""
_DEEP_MM, _DEEPEST = 2.0, 1.4
"""Behind the rim no light is left from so far on; and the depth that this is for `mouth.light_at`."""


def nostril_depths(model: FaceModel) -> np.ndarray:
    """(V,) float32: 0 outside and on the rims, _DEEPEST from _DEEP_MM behind them on. The nostrils are holes of the
    detail layer: patches of skin without it at the base of the nose. All 0 where the model has no landmarks or no such
    patches."""
    depths = np.zeros(len(model.neutral), np.float32)
    if model.landmarks68.min() < 0 or "skin" not in model.material_names:
        return depths
    skin = model.face_material == model.material_names.index("skin")
    bare = (model.faces_detail_uv[:, :3] < 0).any(1)
    corners = lambda chosen: np.where(model.faces[chosen] < 0, model.faces[chosen][:, :1], model.faces[chosen])  # noqa: E731
    inside, outside = corners(skin & bare), np.unique(corners(skin & ~bare))
    if not len(inside):
        return depths
    count = len(depths)
    edges = (np.ones(inside.size), (np.repeat(inside[:, 0], 4), inside.ravel()))
    patch = connected_components(coo_matrix(edges, (count, count)), directed=False)[1]
    used, base = np.unique(inside), model.neutral[model.landmarks68[_BASE]]
    for one in np.unique(patch[used]):
        own = used[patch[used] == one]
        rim = np.intersect1d(own, outside)
        away = np.linalg.norm(model.neutral[own].mean(0) - base, axis=1).min()
        if away > _NEAR_MM or not len(rim):
            continue
        apart = np.linalg.norm(model.neutral[own][:, None] - model.neutral[rim][None], axis=2).min(1)
        depths[own] = _DEEPEST * np.clip(apart / _DEEP_MM, 0, 1)
    return depths
