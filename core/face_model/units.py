"""The only place where core's units and axes become Blender's, and back."""

from __future__ import annotations

import numpy as np

MM_PER_M = 1000.0


def to_blender(points_mm: np.ndarray, unit_scale: float = 1.0) -> np.ndarray:
    """(..., 3) mm, y up, face along +z -> (..., 3) Blender units (metres / unit_scale), z up, face along -y."""
    x, y, z = np.moveaxis(np.asarray(points_mm), -1, 0)
    return np.stack([x, -z, y], -1) / (MM_PER_M * unit_scale)


def from_blender(points: np.ndarray, unit_scale: float = 1.0) -> np.ndarray:
    """The inverse of `to_blender`: Blender units to core's millimetres."""
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    return np.stack([x, z, -y], -1) * (MM_PER_M * unit_scale)
