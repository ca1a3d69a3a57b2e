"""Sliders of a normal z, distributed nearly as the training samples' are: what the mapping network f stands for.

The identity is normal already. The expressions follow a Gaussian copula: normal numbers with correlations of their own,
each put through the quantiles of its expression, which is 0 up to the share of faces at rest in it. Every expression
thus occurs as often and as strongly as in training, and every two as often together; what three do together is the
copula's guess. Unlike the drawing itself it is continuous, so that a network can learn it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from ...errors import DnpmError
from ...face_model.model import FaceModel
from .samples import draw

DRAWN = 20_000
_QUANTILES = 513
_STRONGEST = 0.995
"""Correlation of the two sides of a face, at most: beyond it the matrix is singular."""


@dataclass(frozen=True)
class Copula:
    """z (B, >= n_id + n_exp) -> sliders."""

    n_id: int
    mixing: Tensor
    """(n_exp, n_exp): independent normal numbers -> correlated ones."""
    quantiles: Tensor
    """(n_exp, K): the expressions' values at evenly spaced probabilities 0 to 1."""

    @classmethod
    def of(cls, model: FaceModel, seed: int, drawn: int | None = None) -> Copula:
        """Fitted to so many training samples (default `DRAWN`)."""
        values = np.stack([draw(model, "train", index, seed)[1] for index in range(drawn or DRAWN)])
        mixing = np.linalg.cholesky(correlations(values > 0))
        quantiles = np.quantile(values, np.linspace(0, 1, _QUANTILES), axis=0).T
        return cls(model.n_id, *(torch.from_numpy(a.astype(np.float32)) for a in (mixing, quantiles)))

    def to(self, device: torch.device) -> Copula:
        """The same on another device."""
        return Copula(self.n_id, self.mixing.to(device), self.quantiles.to(device))

    def check(self, z_dim: int) -> None:
        """Raises DnpmError when z is shorter than identity and expression together."""
        if z_dim < self.n_id + len(self.mixing):
            raise DnpmError(
                f"z_dim {z_dim} is too small for {self.n_id} identity and {len(self.mixing)} expression values"
            )

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, z_dim) -> (B, n_id), (B, n_exp). Of z its direction counts alone, as in the mapping network."""
        z = z * z.square().mean(1, keepdim=True).rsqrt()
        normal = z[:, self.n_id : self.n_id + len(self.mixing)] @ self.mixing.T
        place = torch.special.ndtr(normal) * (self.quantiles.shape[1] - 1)
        below = place.floor().clamp(0, self.quantiles.shape[1] - 2)
        table = self.quantiles.expand(len(z), -1, -1)
        low, high = (table.gather(2, (below + k).long()[:, :, None])[:, :, 0] for k in (0, 1))
        return z[:, : self.n_id].clamp(-3, 3), torch.lerp(low, high, place - below)


def correlations(active: np.ndarray) -> np.ndarray:
    """(N, n) bool -> (n, n): of normal numbers that pass their thresholds together as often as these do (tetrachoric
    correlation), made positive definite.

    The probability that two normal numbers of correlation r both exceed a and b grows by their density at (a, b) with r
    (Plackett 1954), so that it is found by integration from r = 0.
    """
    count = len(active)
    share = np.clip(active.mean(0), 0.5 / count, 1 - 0.5 / count)
    together = active.T.astype(np.float64) @ active / count
    threshold = stats.norm.isf(share)
    grid = np.linspace(-_STRONGEST, _STRONGEST, 799)
    a, b = threshold[:, None, None], threshold[None, :, None]
    rest = 1 - grid**2
    density = np.exp(-(a * a - 2 * grid * a * b + b * b) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))
    steps = (density[..., 1:] + density[..., :-1]) / 2 * np.diff(grid)
    grown = np.concatenate([np.zeros((*steps.shape[:2], 1)), np.cumsum(steps, 2)], 2)
    both = share[:, None, None] * share[None, :, None] + grown - grown[..., len(grid) // 2, None]
    n = len(share)
    found = np.array([[np.interp(together[i, j], both[i, j], grid) for j in range(n)] for i in range(n)])
    np.fill_diagonal(found, 1.0)
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    fixed = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = 1 / np.sqrt(np.diag(fixed))
    return fixed * scale[:, None] * scale
