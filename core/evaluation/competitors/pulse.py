"""PULSE (Menon et al. 2020): no encoder; latents on a sphere are searched until G's map, averaged down, is the given.

As published: 100 steps of spherical Adam (rate 0.4), loss 100 L2 + 0.05 geodesic cross, 18 latents through the mapping
network's Gaussian fit (leaky ReLU undone), which is measured again on our generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...detail.weights import Detail

_SLOPE = 5.0
"""PULSE undoes the mapping network's last leaky ReLU (slope 0.2)."""


@dataclass(frozen=True)
class Pulse:
    """mean (w_dim,), root (w_dim, w_dim): of the mapping network's outputs before its last leaky ReLU."""

    detail: Detail
    mean: Tensor
    root: Tensor
    steps: int = 100
    rate: float = 0.4
    l2: float = 100.0
    geodesic: float = 0.05

    @classmethod
    def of(cls, detail: Detail, seed: int = 0, count: int = 4000, steps: int = 100) -> Pulse:
        """The Gaussian of `count` latents through the mapping network."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count, detail.generator.config.z_dim, generator=generator)
        with torch.inference_mode():
            w = detail.generator.mapping(z.to(detail.w_mean.device))
            w = w[:, 0] if w.dim() == 3 else w
        before = functional.leaky_relu(w, _SLOPE).cpu().double()  # Not every device has doubles.
        centred = before - before.mean(0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / count)
        root = vectors * values.clamp(min=0).sqrt()
        device = detail.w_mean.device
        return cls(detail, before.mean(0).float().to(device), root.float().to(device), steps)

    def restore(self, low: Tensor, factor: int, resolution: int, seeds: Sequence[int] = (0,)) -> Tensor:
        """(B, 1, r, r) mm, averaged down by `factor` -> (B, 1, R, R) mm; seeds: of each map's first latents. Maps that
        are searched at once find what each would alone."""
        size, layers = len(self.mean), self.detail.generator.config.w_layers
        latent = torch.cat(
            [torch.randn(1, layers, size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        )
        latent = latent / latent.norm(dim=-1, keepdim=True) * math.sqrt(size)
        latent = latent.to(self.mean.device).requires_grad_(True)
        optimizer = torch.optim.Adam([latent], self.rate)
        for step in range(self.steps):
            # The rate rises for a twentieth of the way, and falls for a quarter at the end (StyleGAN2's projector).
            share = step / self.steps
            scale = min(1.0, (1 - share) / 0.25)
            optimizer.param_groups[0]["lr"] = (
                self.rate * (0.5 - 0.5 * math.cos(scale * math.pi)) * min(1, share / 0.05 + 0.1)
            )
            made = self._paint(latent, resolution)
            l2 = (functional.avg_pool2d(made, factor) - low).square().mean((1, 2, 3))
            loss = (self.l2 * l2 + self.geodesic * _geodesic_cross(latent)).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                latent.copy_(latent / latent.norm(dim=-1, keepdim=True) * math.sqrt(size))
        with torch.inference_mode():
            return self._paint(latent, resolution)

    def _paint(self, latent: Tensor, resolution: int) -> Tensor:
        w = functional.leaky_relu(latent @ self.root.T + self.mean, 1 / _SLOPE)
        image: Tensor = self.detail.generator.synthesis(w, resolution)
        return image


def _geodesic_cross(latent: Tensor) -> Tensor:
    """PULSE's GEOCROSS (B,): squared angles between every two of the latents (B, L, w_dim), summed."""
    unit = functional.normalize(latent, dim=-1)
    cosine = (unit @ unit.mT).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine)
    return angle.square().triu(1).sum((1, 2)) / 2
