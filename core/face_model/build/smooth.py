"""Softens what an expression crushes: folds that would be hard creases on old faces."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags


class CreaseSmoother:
    """faces (F, 4) of the skin, n its vertices, where (n,) in [0, 1]: how far a vertex may be smoothed."""

    def __init__(self, faces: np.ndarray, n: int, where: np.ndarray) -> None:
        edges = np.unique(np.sort(np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)]), 1), axis=0)
        graph = coo_matrix((np.ones(len(edges)), edges.T), (n, n)).tocsr()
        graph = graph + graph.T
        self._average: csr_matrix = (diags(1.0 / np.maximum(np.asarray(graph.sum(1)).ravel(), 1)) @ graph).tocsr()
        self._where = where
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
