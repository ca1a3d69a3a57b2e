"""Somebody's head as the registration sees it: one skin, seen from the front, in millimetres of our face's size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import DnpmError
from ..geometry.closest import Surface
from ..geometry.mesh import vertex_normals

_LARGEST = 4_000_000
"""Triangles of the largest mesh that is taken."""
_SPACING_MM = 5.0
"""Between places of the surface that are sampled for the search."""


@dataclass(frozen=True)
class Target:
    """vertices (V, 3) float64 in the caller's unit and axes, triangles (T, 3) int."""

    vertices: np.ndarray
    triangles: np.ndarray

    def __post_init__(self) -> None:
        """Raises DnpmError on what is no mesh."""
        vertices, triangles = np.asarray(self.vertices, np.float64), np.asarray(self.triangles, np.int64)
        if vertices.ndim != 2 or vertices.shape[1:] != (3,) or triangles.ndim != 2 or triangles.shape[1:] != (3,):
            raise DnpmError("the target must have (V, 3) vertices and (T, 3) triangles")
        if not len(triangles) or len(triangles) > _LARGEST:
            raise DnpmError(f"the target has {len(triangles)} triangles; 1 to {_LARGEST} can be used")
        if not np.isfinite(vertices).all():
            raise DnpmError("the target has coordinates that are not finite; mend the mesh")
        if triangles.min() < 0 or triangles.max() >= len(vertices):
            raise DnpmError("the target's triangles name vertices that it does not have")
        if not np.ptp(vertices, axis=0).max() > 0:
            raise DnpmError("the target has no size: all its vertices lie in one place")
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "triangles", triangles)

    def moved(self, matrix: np.ndarray, shift: np.ndarray) -> Target:
        """matrix (3, 3), shift (3,): x -> matrix x + shift."""
        return Target(self.vertices @ np.asarray(matrix).T + shift, self.triangles)

    @cached_property
    def welded(self) -> np.ndarray:
        """(V,) int: vertices in one place have one number, as exporters split them at seams."""
        step = np.ptp(self.vertices, axis=0).max() * 1e-6
        _, number = np.unique(np.round(self.vertices / step).astype(np.int64), axis=0, return_inverse=True)
        return number.ravel()

    @cached_property
    def normals(self) -> np.ndarray:
        """(V, 3) float64 of length 1, smooth across split vertices; 0 where a vertex has no triangle."""
        first = np.zeros(self.welded.max() + 1, np.int64)
        first[self.welded] = np.arange(len(self.vertices))
        faces = np.pad(self.welded[self.triangles], ((0, 0), (0, 1)), constant_values=-1)
        return vertex_normals(self.vertices[first], faces).astype(np.float64)[self.welded]

    @cached_property
    def component(self) -> np.ndarray:
        """(T,) int: which connected part each triangle belongs to."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        corners = self.welded[self.triangles]
        n = int(self.welded.max()) + 1
        rows, columns = np.concatenate([corners[:, 0], corners[:, 1]]), np.concatenate([corners[:, 1], corners[:, 2]])
        _, label = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), (n, n)), directed=False)
        return label[corners[:, 0]]

    @cached_property
    def disorder(self) -> float:
        """Share of the edges between two triangles whose normals point to different sides: 0 on a well made mesh."""
        corners = self.welded[self.triangles].astype(np.int64)
        ends = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        ends = ends[ends[:, 0] != ends[:, 1]]
        low, high = ends.min(1), ends.max(1)
        _, edge, uses = np.unique(low * (self.welded.max() + 1) + high, return_inverse=True, return_counts=True)
        forward = np.bincount(edge.ravel(), ends[:, 0] < ends[:, 1], len(uses))
        inner = uses == 2
        # Two triangles of one side run through their edge in opposite directions.
        return float((forward[inner] != 1).mean()) if inner.any() else 0.0

    def part(self, chosen: np.ndarray) -> Target:
        """With the chosen (T,) bool triangles alone; vertices keep their numbers."""
        return Target(self.vertices, self.triangles[chosen])

    def surface(self, scale: float = 1.0) -> Surface:
        """For nearest places; scale: millimetres of the model's size in a unit of the mesh, so that a head in any unit
        is sampled alike."""
        return Surface(self.vertices, self.triangles, _SPACING_MM / scale)
