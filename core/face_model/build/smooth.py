"""Softens what an expression crushes: folds that would be hard creases on old faces. And the step that is soft."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags

_FOLD_MM = 0.12
"""How far under its neighbours' middle a vertex of a soft fold may lie."""


class CreaseSmoother:
    """faces (F, 4) of the skin, n its vertices, where (n,) in [0, 1]: how far a vertex may be smoothed."""

    def __init__(self, faces: np.ndarray, n: int, where: np.ndarray) -> None:
        edges = np.unique(np.sort(np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)]), 1), axis=0)
        graph = coo_matrix((np.ones(len(edges)), edges.T), (n, n)).tocsr()
        graph = graph + graph.T
        self._average: csr_matrix = (diags(1.0 / np.maximum(np.asarray(graph.sum(1)).ravel(), 1)) @ graph).tocsr()
        self._where, self._faces = where, faces
        used = edges[where[edges].max(1) > 0]
        both = np.concatenate([used, used[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        self._from, self._to = both.T
        self._vertices, self._starts = np.unique(self._from, return_index=True)

    def __call__(self, rest: np.ndarray, deltas: np.ndarray, rounds: int = 4) -> np.ndarray:
        """rest (n, 3), deltas (E, n, 3) mm -> deltas (E, n, 3), even where edges lose a quarter of their length."""
        flat = np.ascontiguousarray(deltas.transpose(1, 0, 2), np.float32)
        a, b = self._from, self._to
        span = (rest[a] - rest[b]).astype(np.float32)
        before = np.maximum(np.linalg.norm(span, axis=1), 0.2)
        change = flat[a] - flat[b]
        change += span[:, None]
        ratio = np.sqrt(np.einsum("nec,nec->ne", change, change)) / before[:, None]
        crushed = np.zeros((len(rest), len(deltas)), np.float32)
        amount = np.clip((0.75 - ratio) / 0.35, 0.0, 1.0)
        crushed[self._vertices] = np.maximum.reduceat(amount, self._starts, axis=0)
        # Neighbours take part, or a crease would be pushed to the border of what is smoothed.
        for _ in range(2):
            crushed = np.maximum(crushed, 0.8 * (self._average @ crushed))
        weight = (crushed * self._where[:, None].astype(np.float32))[:, :, None]
        touched = np.flatnonzero(weight.max((1, 2)) > 0)
        nearby = self._average[touched]
        for _ in range(rounds):
            even = (nearby @ flat.reshape(len(rest), -1)).reshape(len(touched), -1, 3)
            flat[touched] += weight[touched] * (even - flat[touched])
        return flat.transpose(1, 0, 2)

    def filled(self, rest: np.ndarray, delta: np.ndarray, rounds: int = 14) -> np.ndarray:
        """rest (n, 3), delta (n, 3) mm of one unit -> delta (n, 3) without the pits that it presses into the skin.

        A fold is a valley that goes on along its line, and stays; what lies deeper under its neighbours than it did at
        rest, by more than a fold's share, is lifted along the normal.
        """
        moved = rest + delta
        before = np.einsum("nc,nc->n", self._average @ rest - rest, self._normals(rest))
        for _ in range(rounds):
            normals = self._normals(moved)
            sunk = np.einsum("nc,nc->n", self._average @ moved - moved, normals) - np.maximum(before, 0.0) - _FOLD_MM
            lift = self._where * np.maximum(sunk, 0.0)
            # Whole valleys rise, not their deepest points alone.
            lift = 0.5 * (lift + self._average @ lift)
            moved = moved + (0.9 * lift)[:, None] * normals
        return moved - rest

    def _normals(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) unit normals of the vertices, outward."""
        faces = self._faces
        across = np.cross(points[faces[:, 2]] - points[faces[:, 0]], points[faces[:, 3]] - points[faces[:, 1]])
        total = np.stack(
            [np.bincount(faces.ravel(), np.repeat(across[:, c], 4), len(points)) for c in range(3)], 1
        )  # fmt: skip
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def ramp(x: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 up to `start`, 1 from `stop` on, without a corner."""
    t = np.clip((x - start) / (stop - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
