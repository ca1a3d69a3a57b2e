"""Our own face as somebody else's mesh: another topology, other UVs, another unit and other axes, and the truth kept.

The head is seen from a vertical axis in its middle, as a cylinder scanner sees it: a regular grid of bearings and
heights, each with the outermost place of the surface. Lids, lips and eyes are one skin then, as on many scans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.model import FaceModel
from ..geometry.rasteriser import all_triangles, rasterise
from ..transfer.target import Target

_WIDTH, _HEIGHT = 240, 220
_BEARING = np.radians(118.0)
_LONGEST_MM = 9.0
_WAVES, _ALIKE_MM, _BENT_MM = 64, 28.0, 2.5


@dataclass(frozen=True)
class Foreign:
    """target: a mesh in its own unit and axes; corners (V, 3) and weights (V, 3): each vertex's place on the model's
    mesh; uv (V, 2): its own texture coordinates; matrix (3, 3), shift: core's millimetres -> the target's space."""

    target: Target
    corners: np.ndarray
    weights: np.ndarray
    uv: np.ndarray
    matrix: np.ndarray
    shift: np.ndarray

    def carried(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) in core's millimetres -> in the target's space."""
        return points @ self.matrix.T + self.shift


def foreign(model: FaceModel, vertices: np.ndarray, mm_per_unit: float = 1000.0) -> Foreign:
    """vertices (V, 3) mm of the model -> the mesh, z up and facing -y, at some place."""
    axis_z = float(np.median(vertices[:, 2]))
    away = vertices - [0.0, 0.0, axis_z]
    bearing, radius = np.arctan2(away[:, 0], away[:, 2]), np.hypot(away[:, 0], away[:, 2])
    skin = [model.material_names.index(name) for name in ("skin", "lips", "eye") if name in model.material_names]
    triangles = all_triangles(model.faces[np.isin(model.face_material, skin)])
    triangles = triangles[np.ptp(bearing[triangles], axis=1) < 1.0]
    low, high = vertices[triangles, 1].min() + 20, vertices[triangles, 1].max() - 2
    x = (bearing / _BEARING * 0.5 + 0.5) * _WIDTH
    y = (high - vertices[:, 1]) / (high - low) * _HEIGHT
    shown, weights = rasterise(np.stack([x, y], 1), 400.0 - radius, triangles, (_WIDTH, _HEIGHT))
    there = shown >= 0
    number = np.full(there.shape, -1)
    number[there] = np.arange(there.sum())
    corners, share = triangles[shown[there]], weights[there].astype(float)
    points = np.einsum("nk,nkc->nc", share, vertices[corners].astype(float))
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], -1).reshape(-1, 4)
    quads = quads[(quads >= 0).all(1)]
    p = points[quads]
    quads = quads[np.linalg.norm(p - np.roll(p, 1, 1), axis=2).max(1) < _LONGEST_MM]
    rows, columns = np.nonzero(there)
    uv = np.stack([0.05 + 0.9 * (columns + 0.5) / _WIDTH, 0.95 - 0.9 * (rows + 0.5) / _HEIGHT], 1)
    # z up, facing -y.
    matrix = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) / mm_per_unit
    shift = np.array([0.3, -0.2, 1.6]) * 1000.0 / mm_per_unit
    mesh = Target(points @ matrix.T + shift, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    return Foreign(mesh, corners, share, uv.astype(np.float32), matrix, shift)


def bent(vertices: np.ndarray, seed: int) -> np.ndarray:
    """(V, 3) mm -> the same person bent smoothly in space, as no person of the model is: heads of other makers differ
    from ours in ways that our components do not have. 2.5 mm in each direction (standard deviation), alike within some
    28 mm: a sum of random waves (Rahimi and Recht 2007)."""
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(size=(_WAVES, 3)) / _ALIKE_MM, rng.uniform(0, 2 * np.pi, _WAVES)
    heights = rng.normal(size=(_WAVES, 3)) * _BENT_MM * np.sqrt(2 / _WAVES)
    return vertices + np.cos(vertices @ waves.T + phases) @ heights
