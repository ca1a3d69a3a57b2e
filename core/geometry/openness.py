"""How much of the surroundings' light reaches each vertex of a mesh: little in nostrils, beside the wings of the nose,
under brows. It is ambient occlusion (Landis 2002), seen from some directions by z-buffers.
"""

from __future__ import annotations

import numpy as np

from .mesh import vertex_normals
from .rasteriser import all_triangles, rasterise

DIRECTIONS = 32
_SIDE = 256
"""Pixels a side of the z-buffers."""
_CLOSE = 1.2
"""Pixels: what lies no deeper than this behind the nearest surface counts as seen, or surfaces would hide
themselves."""
_AWAY = 10.0
"""Distance of the views in sizes of the mesh: nearly parallel."""


def openness(vertices: np.ndarray, faces: np.ndarray, directions: int = DIRECTIONS) -> np.ndarray:
    """(V,) float32, 0 to 1: the share of the light of an evenly bright sky, weighted by the cosine to the normal, that
    comes in; 1 on what is convex. vertices (V, 3) mm, faces (F, 4), -1 fourth of a triangle."""
    triangles, normals = all_triangles(faces), vertex_normals(vertices, faces)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    low, high = vertices.min(0), vertices.max(0)
    placed = vertices - (low + high) / 2
    size = float(np.linalg.norm(high - low))
    come, possible = np.zeros(len(vertices)), np.zeros(len(vertices))
    for toward in _sphere(directions):
        side = np.cross(toward, [0.0, 1.0, 0.0] if abs(toward[1]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        flat = placed @ np.stack([side, np.cross(toward, side)], 1) * (_SIDE / size) + _SIDE / 2
        depth = _AWAY * size - placed @ toward
        shown, weights = rasterise(flat, depth, triangles, (_SIDE, _SIDE))
        nearest = (weights * depth[triangles[shown]]).sum(-1)
        nearest[shown < 0] = np.inf
        column, row = np.clip(flat.astype(int), 0, _SIDE - 1).T
        cosine = np.clip(normals @ toward, 0, None)
        # A slanted surface changes its depth within a pixel.
        slack = _CLOSE * size / _SIDE * (1 + np.sqrt(1 - np.minimum(cosine, 1) ** 2) / np.maximum(cosine, 0.25))
        come += cosine * (depth <= nearest[row, column] + slack)
        possible += cosine
    return np.asarray(come / np.maximum(possible, 1e-9), np.float32)


def _sphere(count: int) -> np.ndarray:
    """(count, 3) unit directions that lie evenly: Fibonacci's spiral."""
    k = np.arange(count) + 0.5
    y, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    out = np.sqrt(1 - y * y)
    return np.stack([out * np.cos(turn), y, out * np.sin(turn)], 1)
