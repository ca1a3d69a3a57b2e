"""Which parts lie within the mouth, and how deep: light hardly comes there."""

from __future__ import annotations

import numpy as np

from .model import FaceModel

MOUTH_KINDS = ("teeth", "gums", "tongue", "mouth")
"""Names of the materials of these parts."""
THROAT_LIGHT = 0.14
"""What is left of the light at depth 1."""


def mouth_depths(model: FaceModel) -> np.ndarray:
    """(V,) float32: on the mouth's parts how deep they lie, 0 at the front of the teeth and 1 at 32 mm behind it."""
    depths = np.zeros(len(model.neutral), np.float32)
    kinds = [k for k, name in enumerate(model.material_names) if name in MOUTH_KINDS]
    inside = np.unique(model.faces[np.isin(model.face_material, kinds)])
    inside = inside[inside >= 0]
    if len(inside):
        # The lining begins at the lips, the teeth behind them.
        front = np.quantile(model.neutral[inside, 2], 0.98) - 10.0
        depths[inside] = np.clip((front - model.neutral[inside, 2]) / 32.0, 0.0, 1.0)
    return depths
