"""Carries expressions from one head to another: deformation transfer (Sumner and Popovic, SIGGRAPH 2004).

In the form of Botsch et al. 2006: the deformation gradient of every triangle of the source is asked of the same
triangle of the target, weighted by its area; the displacements that come nearest solve one Poisson system, the same for
all expressions of a head.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu


class DeformationTransfer:
    """Made once for the source; called for every target.

    source (V, 3) mm; triangles (T, 3); deltas (E, V, 3) mm at 1. A vertex that no expression moves stays where it is.
    """

    def __init__(self, source: np.ndarray, triangles: np.ndarray, deltas: np.ndarray) -> None:
        self._triangles = triangles
        self._n_expressions, n = len(deltas), len(source)
        moves = np.abs(deltas).max((0, 2)) > 1e-3
        self.free = np.flatnonzero(moves)
        self._column = np.full(n, -1)
        self._column[self.free] = np.arange(len(self.free))
        inside = moves[triangles].any(1)
        self._triangles = triangles[inside]
        rest = np.linalg.inv(_frames(source, self._triangles))
        # (3 T, E 3): gradient minus identity, transposed so that rows pair with the gradient operator's.
        gradients = np.stack([_frames(source + d, self._triangles) @ rest - np.eye(3) for d in deltas])
        self._wanted = gradients.transpose(1, 3, 0, 2).reshape(3 * len(self._triangles), -1).astype(np.float64)

    def __call__(self, target: np.ndarray) -> np.ndarray:
        """(V, 3) mm at rest -> (E, V, 3) float32 mm."""
        operator, area = self._gradient(target)
        weighted = operator.T.multiply(np.repeat(area, 3)[None]).tocsr()
        system = (weighted @ operator).tocsc()
        right = weighted @ self._wanted
        factors = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
        solved = factors.solve(right)
        result = np.zeros((self._n_expressions, len(target), 3), np.float32)
        result[:, self.free] = solved.reshape(len(self.free), self._n_expressions, 3).transpose(1, 0, 2)
        return result

    def _gradient(self, v: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
        """The operator (3 T, free) that takes vertex values to their gradient on each triangle, and the areas."""
        t = self._triangles
        p0, p1, p2 = v[t[:, 0]], v[t[:, 1]], v[t[:, 2]]
        normal = np.cross(p1 - p0, p2 - p0)
        doubled = np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
        unit = normal / doubled[:, None]
        # grad of a vertex's hat function: normal x opposite edge / (2 area).
        hats = np.stack([np.cross(unit, e) / doubled[:, None] for e in (p2 - p1, p0 - p2, p1 - p0)], 1)
        rows = np.repeat(np.arange(3 * len(t)).reshape(-1, 1, 3), 3, 1)
        columns = np.repeat(self._column[t][:, :, None], 3, 2)
        used = columns >= 0
        shape = (3 * len(t), len(self.free))
        return csc_matrix((hats[used], (rows[used], columns[used])), shape).tocsr(), 0.5 * doubled


def _frames(v: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(T, 3, 3): two edges and the scaled normal of each triangle, as columns."""
    e1, e2 = v[triangles[:, 1]] - v[triangles[:, 0]], v[triangles[:, 2]] - v[triangles[:, 0]]
    normal = np.cross(e1, e2)
    normal /= np.sqrt(np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))
    return np.stack([e1, e2, normal], -1)
