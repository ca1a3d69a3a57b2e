"""Catmull-Clark subdivision (Catmull and Clark 1978), as sparse matrices that depend on the topology alone.

The matrices are made once for a mesh and serve every identity and expression after that. A UV layer is subdivided by
the same rules on its own topology, its border held in place, as Blender does ("Keep Boundaries").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Subdivision:
    """One mesh's (or UV layer's) step: `matrix @ points` are the new points, `faces` the new faces."""

    matrix: sparse.csr_matrix
    """(n', n) float32; the old points keep their numbers, then come the edges' points, then the faces'."""
    faces: np.ndarray
    """(F', 4) int32, all quads; a face of n corners becomes n quads in a row, each begins at an old corner. -1 in all
    four corners where the old face had no place in the layer."""
    parents: np.ndarray
    """(F',) int32: the old face."""


def subdivide(faces: np.ndarray, n_points: int, sizes: np.ndarray | None = None, *, hold_border: bool) -> Subdivision:
    """One step for faces (F, 4) int, -1 as the fourth index of a triangle, or in all four outside of a UV layer.

    sizes: (F,) corners of each face, which a face without a place in the layer cannot tell (default: counted).
    hold_border: points on the border stay (UV layers); else the border becomes a smooth curve (meshes). An edge with
    more than two faces is treated as a border.
    """
    faces = np.asarray(faces)
    sizes = np.where(faces[:, 3] < 0, 3, 4) if sizes is None else sizes
    n_faces = len(faces)
    parents = np.repeat(np.arange(n_faces), sizes)
    place = np.arange(len(parents)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    placed = faces[parents, 0] >= 0
    face, k, size = parents[placed], place[placed], sizes[parents[placed]]
    corner, following = faces[face, k], faces[face, (k + 1) % size]

    low, high = np.minimum(corner, following).astype(np.int64), np.maximum(corner, following)
    keys, edge, count = np.unique(low * n_points + high, return_inverse=True, return_counts=True)
    edge_a, edge_b, border = keys // n_points, keys % n_points, count != 2
    n_edges = len(keys)
    present = np.unique(face)
    number = np.full(n_faces, -1)
    number[present] = np.arange(len(present))

    # Faces' points: the mean of the corners.
    face_rows = sparse.csr_matrix((1 / size, (number[face], corner)), (len(present), n_points))
    # Edges' points: the mean of both ends and both faces' points; on the border the middle.
    ends = _scatter(edge_a, edge_b, n_edges, n_points)
    faces_of_edge = sparse.csr_matrix((np.ones(len(face)), (edge, number[face])), (n_edges, len(present)))
    inner = sparse.diags((~border).astype(float))
    edge_rows = inner @ (0.25 * ends + 0.25 * faces_of_edge @ face_rows) + sparse.diags(border * 0.5) @ ends
    # Old points: (Q + 2 R + (n - 3) S) / n with the means of the faces' points and of the edges' middles around.
    faces_of_point = sparse.csr_matrix((np.ones(len(face)), (corner, number[face])), (n_points, len(present)))
    valence = np.asarray(faces_of_point.sum(1)).ravel()
    border_edges = sparse.diags(border.astype(float)) @ ends
    on_border = np.asarray(border_edges.sum(0)).ravel()
    smooth = (on_border == 0) & (valence > 0)
    n = np.where(smooth, valence, 1.0)
    middles = 0.5 * ends.T @ ends  # Row i: the sum of the middles of the edges at point i.
    point_rows = sparse.diags(smooth / n**2) @ (faces_of_point @ face_rows + 2 * middles)
    point_rows += sparse.diags(np.where(smooth, (n - 3) / n, 1.0))
    if not hold_border:
        # A point between two border edges: 3/4 of itself, 1/8 of either neighbour. Corners of more stay.
        curve = on_border == 2
        neighbours = border_edges.T @ border_edges  # The diagonal counts the point itself, twice.
        point_rows += sparse.diags(curve / 8.0) @ neighbours - sparse.diags(curve * 0.5)

    matrix = sparse.vstack([point_rows, edge_rows, face_rows]).tocsr().astype(np.float32)
    matrix.eliminate_zeros()
    edge_of_corner = np.full((n_faces, 4), -1, np.int64)
    edge_of_corner[face, k] = n_points + edge
    made = np.full((len(parents), 4), -1, np.int32)
    made[placed] = np.stack(
        [corner, edge_of_corner[face, k], n_points + n_edges + number[face], edge_of_corner[face, (k - 1) % size]], 1
    )
    return Subdivision(matrix, made, parents.astype(np.int32))


def _scatter(a: np.ndarray, b: np.ndarray, rows: int, columns: int) -> sparse.csr_matrix:
    """(rows, columns) with ones at (i, a_i) and (i, b_i)."""
    places = np.arange(rows)
    return sparse.csr_matrix((np.ones(2 * rows), (np.r_[places, places], np.r_[a, b])), (rows, columns))
