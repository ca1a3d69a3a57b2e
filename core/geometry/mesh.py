"""A mesh in core's millimetres, its normals, and a UV layer's corners as weights of its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True)
class Mesh:
    """A mesh in core's millimetres and axes. Faces as in FaceModel: (F, 4), -1 fourth of a triangle; UV per corner."""

    vertices: np.ndarray
    normals: np.ndarray
    """(V, 3) float32 of length 1, outward."""
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    detail_uv: np.ndarray
    faces_detail_uv: np.ndarray
    face_material: np.ndarray


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3), (F, 4) -> (V, 3) float32 of length 1: the faces' normals around, weighted by their areas.

    A vertex without a face, or with faces of no area, gets (0, 0, 0): displacement leaves it where it is.
    """
    p = vertices[as_quads(faces)]
    # The diagonals' cross product is twice the area times the normal; of a triangle as well, whose fourth is its third.
    face = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    rows, columns = np.nonzero(np.asarray(faces) >= 0)
    corners = faces[rows, columns]
    total = np.stack([np.bincount(corners, face[rows, axis], len(vertices)) for axis in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 1e-12).astype(np.float32)


def as_quads(faces: np.ndarray) -> np.ndarray:
    """(F, 4) with a triangle's third corner written twice instead of -1."""
    faces = np.asarray(faces)
    return np.where(faces < 0, faces[:, [0, 1, 2, 2]], faces)


def corner_sampler(faces: np.ndarray, faces_uv: np.ndarray, n_vertices: int, n_corners: int) -> sparse.csr_matrix:
    """(V, D) float32: a UV layer's corners -> vertices; the mean of several at a seam, 0 outside of the layer."""
    from scipy import sparse  # Blender, which has none, takes its normals from this file.

    rows, columns = np.nonzero((np.asarray(faces) >= 0) & (np.asarray(faces_uv) >= 0))
    pairs = np.unique(np.stack([faces[rows, columns], faces_uv[rows, columns]], 1), axis=0)
    weights = (1 / np.bincount(pairs[:, 0], minlength=n_vertices)[pairs[:, 0]]).astype(np.float32)
    return sparse.csr_matrix((weights, (pairs[:, 0], pairs[:, 1])), (n_vertices, n_corners))
