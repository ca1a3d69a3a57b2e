"""The losses of StyleGAN2: non-saturating logistic, R1 on real maps, path length of G.

Goodfellow et al. 2014 (non-saturating), Mescheder et al. 2018 (R1), Karras et al. 2020 (path length, lazily every few
steps: its gradient is then scaled by that number, and Adam's settings are adjusted, `lazy`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

PATH_DECAY = 0.01
"""How fast the mean path length follows."""


def generator_loss(fake_logits: Tensor) -> Tensor:
    """(B,) -> scalar: -log sigmoid(D(G(z))), mean."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """(B,), (B,) -> scalar: -log(1 - sigmoid(D(fake))) - log sigmoid(D(real)), mean."""
    return F.softplus(fake_logits).mean() + F.softplus(-real_logits).mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """(B, 1, R, R) -> (B,): squared norm of D's gradient at each real sample; the loss is gamma / 2 times its mean.

    The gradient is taken at D's own input, that is after augmentation: what D is shown is what it must be flat at.
    """
    real = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return slope.square().sum((1, 2, 3))


def path_lengths(synthesis: Callable[[Tensor], Tensor], w_plus: Tensor, noise: Tensor) -> Tensor:
    """(B, L, w_dim), noise (B, 1, R, R) ~ N(0, 1) -> (B,): ||J^T y|| with y = noise / R, averaged over the rows of w.

    w_plus may hang on the mapping network, which then learns as well.
    """
    if not w_plus.requires_grad:
        w_plus = w_plus.detach().requires_grad_(True)
    image = synthesis(w_plus)
    direction = noise / math.sqrt(image.shape[2] * image.shape[3])
    (slope,) = torch.autograd.grad((image * direction).sum(), w_plus, create_graph=True)
    return slope.square().sum(2).mean(1).sqrt()


def path_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """(B,), scalar -> scalar: mean squared distance of the lengths from their running mean."""
    return (lengths - mean).square().mean()


def lazy(rate: float, beta2: float, every: int) -> dict[str, Any]:
    """Adam's settings for a network whose regulariser comes every n steps (0: it has none).

    Karras et al. 2020, appendix B: with c = n / (n + 1) rate c, beta^c, so that both kinds of steps do to the weights
    what one kind would.
    """
    c = every / (every + 1) if every else 1.0
    return {"lr": rate * c, "betas": (0.0, beta2**c), "eps": 1e-8}


def r1_gamma(resolution: int, batch: int) -> float:
    """The weight of R1 that StyleGAN2-ADA's automatic configuration takes: .0002 R^2 / batch (Karras et al. 2020b)."""
    return 0.0002 * resolution**2 / batch
