"""The sheet's clay: brows and lips stand out of it, on everybody alike."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.sheet import painted_clay


def test_clay_has_brows_and_lips(face_model: FaceModel) -> None:
    clay = painted_clay(face_model)
    assert np.ptp(clay.skin, axis=2).max() < 0.06, "no colours"
    size, uv = len(clay.skin), landmark_uv(face_model)

    def grey(landmark: int) -> float:
        u, v = uv[landmark]
        row, column = round((1 - v) * size), round(u * size)
        return float(clay.skin[row - 2 : row + 3, column - 2 : column + 3].mean())

    nose = grey(29)
    assert min(grey(19), grey(24)) < nose - 0.1, "brows"
    assert min(grey(51), grey(57)) < nose - 0.02, "lips"
