"""Where the teacher's folds beside nose and mouth are, and how much softer their grooves are to be shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ...detail.finish import Finish
from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel

_WAY = (
    ("wing", 0.02, 0.10), ("wing", 0.30, 0.12), ("mouth", 0.48, 0.20), ("mouth", 0.45, -0.10), ("mouth", 0.22, -0.36),
    ("mouth", -0.02, -0.34), ("mouth", 0.015, 0.0), ("mouth", 0.0, 0.10), ("wing", 0.03, -0.05),
)  # fmt: skip
"""Around the fold, the cheek lines and the marionette line of the left side: from the wing of the nose or the corner of
the mouth so far outwards and upwards, in distances of the eyes' outer corners."""
_GROOVE_MM, _FOLD_MM, _FORM_MM = 0.35, 2.2, 6.0
_GROOVE_FACTOR, _FOLD_FACTOR = 0.35, 4.3
_PORE_LIMIT_MM, _GROOVE_LIMIT_MM, _FOLD_LIMIT_MM = 0.05, 0.12, 0.7


def finish(model: FaceModel) -> dict[str, Any]:
    """The card's entry `finish` of weights that learnt from this teacher. Raises DnpmError as `landmark_uv`."""
    uv = landmark_uv(model)
    eyes = float(np.linalg.norm(uv[45] - uv[36]))
    across = model.neutral[model.landmarks68[45]] - model.neutral[model.landmarks68[36]]
    places = {"wing": uv[35], "mouth": uv[54]}
    left = np.array([places[name] + eyes * np.array(step) for name, *step in _WAY]).clip(0, 1)
    regions = tuple(
        tuple((round(float(u), 4), round(float(v), 4)) for u, v in side) for side in (left, left * [-1, 1] + [1, 0])
    )
    return asdict(
        Finish(
            regions, round(float(np.linalg.norm(across)) / eyes, 1), _GROOVE_MM, _FOLD_MM, _FORM_MM, _GROOVE_FACTOR,
            _FOLD_FACTOR, _PORE_LIMIT_MM, _GROOVE_LIMIT_MM, _FOLD_LIMIT_MM,
        )
    )  # fmt: skip
