"""HOSVD over the identity mode: many people's heads and expressions -> core tensor C_r (Eq. 3).

The expression mode keeps ARKit's axes, so that a slider means one thing. The identity mode's basis is that of the heads
at rest; every expression is then regressed on the same coefficients, which have mean 0 and variance 1 over the people.
"""

from __future__ import annotations

import numpy as np


def identity_modes(rests: np.ndarray, weight: np.ndarray, components: int) -> tuple[np.ndarray, float]:
    """rests (S, V, 3) mm, weight (V,) of a vertex -> coefficients (S, k), by variance, and the share they explain."""
    people = len(rests)
    centred = (rests - rests.mean(0)) * np.sqrt(weight)[:, None]
    flat = centred.reshape(people, -1).astype(np.float64)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(values)[::-1][:components]
    return vectors[:, order] * np.sqrt(people), float(values[order].sum() / np.maximum(values, 0).sum())


def core_tensor(coefficients: np.ndarray, rests: np.ndarray, deltas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regress people on their coefficients.

    coefficients (S, k) with mean 0, variance 1 and uncorrelated; rests (S, V, 3), deltas (S, E, V, 3) mm. Returns the
    mean rest (V, 3) and the core (k + 1, E + 1, V, 3) float16 as in FaceModel.
    """
    people, n_expressions, n_vertices, _ = deltas.shape
    components = coefficients.shape[1]
    take = (coefficients.T / people).astype(np.float32)
    mean_rest = rests.mean(0)
    core = np.zeros((components + 1, n_expressions + 1, n_vertices, 3), np.float16)
    core[1:, 0] = (take @ (rests - mean_rest).reshape(people, -1)).reshape(components, n_vertices, 3)
    for e in range(n_expressions):
        mean = deltas[:, e].mean(0)
        core[0, e + 1] = mean
        core[1:, e + 1] = (take @ (deltas[:, e] - mean).reshape(people, -1)).reshape(components, n_vertices, 3)
    return mean_rest, core
