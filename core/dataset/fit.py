"""Sliders from registered meshes: the bilinear model (Eq. 3) is fitted to meshes of its own topology.

Alternating linear least squares, as in FaceWarehouse (Cao et al. 2014): with the expressions fixed the identity is a
ridge regression (its coefficients are standard deviations, hence the prior); with the identity fixed each expression is
a least-squares problem with bounds 0 to 1. All meshes of a person share the identity. Each mesh is aligned rigidly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from ..errors import DnpmError
from ..face_model.model import FaceModel

_POINTS = 1500
"""Vertices that are fitted: many more than unknowns, and evenly spread over the numbering."""
_NOISE_MM = 1.0
"""What the model cannot explain, against which the priors are weighed."""
_EXPRESSION_WEIGHT = 0.3
"""Weight of an expression's square against that of a coefficient of identity."""


@dataclass(frozen=True)
class Fit:
    """One person's sliders."""

    identity: np.ndarray
    """(n_id,) float32."""
    expressions: np.ndarray
    """(n, n_exp) float32, one row a mesh."""
    errors_mm: np.ndarray
    """(n,) root mean square over the fitted vertices."""


class Fitter:
    """Holds what of the model is needed; one for all people."""

    def __init__(self, model: FaceModel) -> None:
        self._n_vertices = len(model.neutral)
        step = max(1, self._n_vertices // _POINTS)
        self._places = np.arange(0, self._n_vertices, step)
        core = model.core[:, :, self._places].astype(np.float64)
        self._core = core.reshape(*core.shape[:2], -1)
        self._core[0, 0] = model.neutral[self._places].astype(np.float64).ravel()
        self._name = model.name

    def fit(self, meshes: np.ndarray, rounds: int = 40) -> Fit:
        """(n, V, 3) mm, one person's meshes -> sliders. Raises DnpmError on another topology or numbers not finite."""
        meshes = np.asarray(meshes, np.float64)
        if meshes.ndim != 3 or meshes.shape[1:] != (self._n_vertices, 3) or not len(meshes):
            raise DnpmError(
                f"meshes of {self._name}'s {self._n_vertices} vertices are needed, these are {meshes.shape}; use the "
                "face model of the same edition"
            )
        if not np.isfinite(meshes).all():
            raise DnpmError("a mesh has vertices that are not finite numbers")
        n_id, n_exp = self._core.shape[0] - 1, self._core.shape[1] - 1
        points = meshes[:, self._places]
        identity, expressions = np.zeros(n_id), np.zeros((len(meshes), n_exp))
        for _ in range(rounds):
            aligned = [_aligned(p, self._shape(identity, x)) for p, x in zip(points, expressions, strict=True)]
            basis = np.tensordot(np.r_[1.0, identity], self._core, 1)
            for k, target in enumerate(aligned):
                expressions[k] = _bounded(basis[1:].T, target.ravel() - basis[0])
            normal, right = np.eye(n_id) * _NOISE_MM**2, np.zeros(n_id)
            for x, target in zip(expressions, aligned, strict=True):
                shape = np.tensordot(np.r_[1.0, x], self._core.transpose(1, 0, 2), 1)
                normal += shape[1:] @ shape[1:].T
                right += shape[1:] @ (target.ravel() - shape[0])
            identity = np.linalg.solve(normal, right)
        errors = []
        for p, x in zip(points, expressions, strict=True):
            shape = self._shape(identity, x)
            errors.append(np.sqrt(((_aligned(p, shape) - shape) ** 2).sum(1).mean()))
        return Fit(identity.astype(np.float32), expressions.astype(np.float32), np.array(errors, np.float32))

    def _shape(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        weights = np.outer(np.r_[1.0, identity], np.r_[1.0, expression]).ravel()
        return (weights @ self._core.reshape(len(weights), -1)).reshape(-1, 3)


def _aligned(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Turn and shift points onto the target (Kabsch 1976)."""
    a, b = points - points.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return a @ turn + target.mean(0)


def _bounded(basis: np.ndarray, target: np.ndarray) -> np.ndarray:
    """min |basis x - target|^2 + prior, 0 <= x <= 1; solved on the triangular factor, which is small."""
    n = basis.shape[1]
    prior = np.eye(n) * _NOISE_MM * _EXPRESSION_WEIGHT
    q, r = np.linalg.qr(np.concatenate([basis, prior]))
    return np.asarray(lsq_linear(r, q.T @ np.r_[target, np.zeros(n)], (0, 1), method="bvls").x)
