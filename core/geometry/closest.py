"""The nearest place of a triangle mesh, for many points at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_NEIGHBOURS = 10
"""Sampled places whose triangles are looked at."""


@dataclass(frozen=True)
class Places:
    """triangle (N,) int, weights (N, 3) barycentric, point (N, 3)."""

    triangle: np.ndarray
    weights: np.ndarray
    point: np.ndarray


class Surface:
    """A triangle mesh that is asked for nearest places; triangles longer than `spacing` are sampled more often."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, spacing: float = 5.0) -> None:
        """vertices (V, 3), triangles (T, 3) int; spacing in the vertices' unit."""
        from scipy.spatial import cKDTree

        self.vertices, self.triangles = np.asarray(vertices, float), np.asarray(triangles)
        self._corners = self.vertices[self.triangles]
        points, self._of = _samples(self._corners, spacing)
        self._tree = cKDTree(points)

    def nearest(self, points: np.ndarray) -> Places:
        """The nearest place to each of points (N, 3)."""
        points = np.asarray(points, float)
        count = min(_NEIGHBOURS, len(self._of))
        near = self._of[self._tree.query(points, k=count)[1].reshape(len(points), count)]
        weights = closest_weights(points[:, None], self._corners[near])
        places = np.einsum("nkj,nkjc->nkc", weights, self._corners[near])
        best = ((places - points[:, None]) ** 2).sum(-1).argmin(1)
        row = np.arange(len(points))
        return Places(near[row, best], weights[row, best], places[row, best])


def _samples(corners: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Points on triangles (T, 3, 3), at most about `spacing` apart, and the triangle of each."""
    longest = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(1)
    steps = np.clip(np.ceil(longest / spacing), 1, 32).astype(int)
    points, owners = [], []
    for step in np.unique(steps):
        chosen = np.flatnonzero(steps == step)
        i, j = np.meshgrid(np.arange(step), np.arange(step), indexing="ij")
        a, b = (i[i + j < step] + 1 / 3) / step, (j[i + j < step] + 1 / 3) / step
        weights = np.stack([1 - a - b, a, b], 1)
        points.append(np.einsum("sj,tjc->tsc", weights, corners[chosen]).reshape(-1, 3))
        owners.append(np.repeat(chosen, len(weights)))
    return np.concatenate(points), np.concatenate(owners)


def closest_weights(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights (..., 3) of the nearest place of triangles (..., 3, 3): inside, else on the nearest edge."""
    a, b, c = (corners[..., k, :] for k in range(3))
    e1, e2, d = b - a, c - a, points - a
    dot = lambda x, y: (x * y).sum(-1)  # noqa: E731
    g11, g12, g22, h1, h2 = dot(e1, e1), dot(e1, e2), dot(e2, e2), dot(d, e1), dot(d, e2)
    area = np.maximum(g11 * g22 - g12 * g12, 1e-12)
    v, w = (g22 * h1 - g12 * h2) / area, (g11 * h2 - g12 * h1) / area
    inside = np.stack([1 - v - w, v, w], -1)
    options = [inside]
    for p, q in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., p, :], corners[..., q, :] - corners[..., p, :]
        t = np.clip(dot(points - start, edge) / np.maximum(dot(edge, edge), 1e-12), 0, 1)
        weights = np.zeros_like(inside)
        weights[..., p], weights[..., q] = 1 - t, t
        options.append(weights)
    best, distance = inside, np.where((inside >= 0).all(-1), _away(points, corners, inside), np.inf)
    for weights in options[1:]:
        far = _away(points, corners, weights)
        closer = far < distance
        best, distance = np.where(closer[..., None], weights, best), np.where(closer, far, distance)
    return best


def _away(points: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> Any:
    return ((np.einsum("...k,...kc->...c", weights, corners) - points) ** 2).sum(-1)
