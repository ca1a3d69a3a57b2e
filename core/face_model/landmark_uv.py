"""Where the 68 landmarks lie in the detail UV."""

from __future__ import annotations

import numpy as np

from ..errors import DnpmError
from .model import FaceModel

_NEAR_MM = 25.0


def landmark_uv(model: FaceModel) -> np.ndarray:
    """(68, 2) float64, v up. A landmark just outside of the layer (the jaw's) gets the nearest place within.

    Raises DnpmError when the model lacks a landmark, or one lies far outside of the layer.
    """
    if (model.landmarks68 < 0).any():
        raise DnpmError(f"face model {model.name!r} lacks some of the 68 landmarks, which place wrinkles and brows")
    used = model.faces_detail_uv >= 0
    place = np.full(len(model.neutral), -1)
    place[model.faces[used]] = model.faces_detail_uv[used]
    corner = place[model.landmarks68]
    uv = model.detail_uv[np.maximum(corner, 0)].astype(np.float64)
    inside = np.flatnonzero(place >= 0)
    for i in np.flatnonzero(corner < 0):
        distance = np.linalg.norm(model.neutral[inside] - model.neutral[model.landmarks68[i]], axis=1)
        if distance.min() > _NEAR_MM:
            raise DnpmError(
                f"face model {model.name!r}: landmark {i} lies {distance.min():.0f} mm outside of the detail layer"
            )
        uv[i] = model.detail_uv[place[inside[distance.argmin()]]]
    return uv
