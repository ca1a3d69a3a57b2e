"""The adversarial stage: G's fine blocks learn to make relief that a patch discriminator takes for the teacher's.

Reconstruction alone averages where the encoder is unsure, so fine furrows come out soft. As in pix2pix (Isola et al.
2017) the discriminator sees small patches beside what they should be roughly, here the teacher's map without its fine
relief; it judges crispness, and reconstruction still says where everything is. Loss: non-saturating logistic with R1
(Mescheder et al. 2018) on patches, plus `joint.map_loss`. E and the coarse blocks keep still.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ..loop import Scalars, TimedTrainer
from ..precision import Precision
from ..rehearsal import number
from .cache import MapCache
from .joint import map_loss, read_batch
from .principal import resized

PATCH = 96
BLUR = 4
"""The condition is the map averaged over so many texels each way and drawn out again."""
SPREAD_MM = 0.05
"""Heights are divided by it for the discriminator: about the relief's deviation."""
R1_WEIGHT, R1_EVERY = 2.0, 8
_RATE_G, _RATE_D = 2e-4, 4e-4
FINE_BLOCKS = 4
"""So many of the finest blocks learn: from 128 on at 1024."""


class PatchDiscriminator(nn.Module):
    """(B, 2, P, P), a patch and its condition -> (B, p, p) logits, each seeing about 46 texels."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 2
        for k in range(3):
            n_out = width * 2**k
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.2)]
            n_in = n_out
        layers += [nn.Conv2d(n_in, n_in, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(n_in, 1, 3, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, patch: Tensor, condition: Tensor) -> Tensor:
        return self.layers(torch.cat([patch, condition], 1) / SPREAD_MM)[:, 0]


def condition_of(maps: Tensor) -> Tensor:
    """(B, 1, R, R) -> the same without its fine relief."""
    return F.interpolate(F.avg_pool2d(maps, BLUR), scale_factor=BLUR, mode="bilinear", align_corners=False)


def patches(maps: Tensor, corners: np.ndarray, size: int = PATCH) -> Tensor:
    """(B, C, R, R), (B, K, 2) rows and columns -> (B K, C, size, size)."""
    return torch.cat([maps[b : b + 1, :, y : y + size, x : x + size] for b, row in enumerate(corners) for y, x in row])


def r1_penalty(discriminator: nn.Module, real: Tensor, condition: Tensor) -> Tensor:
    """Mean squared gradient of D on real patches."""
    real = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(real, condition).sum(), real, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean() * SPREAD_MM**2


class AdversarialTrainer(TimedTrainer):
    """G's fine blocks and the patch discriminator in training; `mean`, G's running average, is used in the end.

    The adversarial gradient is a share (`strength`) of the reconstruction's, measured on G's output each step, so that
    units and sizes do not matter.
    """

    def __init__(
        self, generator: Generator, encoder: Encoder, w_mean: Tensor, data: MapCache, resolution: int, batch: int,
        seconds: float, mask: Tensor, seed: int, strength: float = 0.1, device: torch.device | str = "cpu",
        precision: Precision = "fp32", clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        """mask (R', R'): where patches are taken (the face)."""
        super().__init__(seconds, batch, _RATE_G, device, precision, clock)
        torch.manual_seed(seed)
        self.generator = generator.to(self.device).requires_grad_(False)
        self.encoder, self.w_mean = encoder.to(self.device), w_mean.to(self.device)
        self.data, self.resolution, self.seed, self.strength = data, resolution, seed, strength
        self.learning = [
            parameter.requires_grad_(True)
            for r in generator.config.resolutions
            if resolution >> (FINE_BLOCKS - 1) <= r <= resolution
            for name, parameter in generator.synthesis.block(r).named_parameters()
            if "noise" not in name
        ]
        self.discriminator = PatchDiscriminator().to(self.device)
        self.opt_g = torch.optim.Adam(self.learning, lr=_RATE_G, betas=(0.0, 0.99))
        self.opt_d = torch.optim.Adam(self.discriminator.parameters(), lr=_RATE_D, betas=(0.0, 0.99))
        self.mean = deepcopy(self.generator).eval()
        self.networks = {"generator": self.generator, "discriminator": self.discriminator, "mean": self.mean}
        self.optimizers = {"adam_generator": self.opt_g, "adam_discriminator": self.opt_d}
        self.size = min(PATCH, resolution // 2)
        half, face = self.size // 2, resized(mask, resolution).numpy() > 0.5
        self.inside = np.argwhere(face[half:-half, half:-half])

    def timed_step(self) -> Scalars:
        """A step of D, then one of G, on the same patches."""
        decay = 0.5 + 0.5 * float(np.cos(np.pi * self.fraction))
        for optimizer, base in ((self.opt_g, _RATE_G), (self.opt_d, _RATE_D)):
            optimizer.param_groups[0]["lr"] = base * decay + 1e-7
        rng = np.random.default_rng([self.seed, 3, self.step])
        indices = np.sort(rng.integers(len(self.data.maps), size=self.batch_size))
        target, sliders = read_batch(self.data, indices, self.resolution, self.device)
        with torch.no_grad():
            w = self.encoder(*sliders) + self.w_mean
        with self.autocast():
            image = self.generator.synthesis(w, resolution=self.resolution)
        image = image.float()
        corners = self.inside[rng.integers(len(self.inside), size=(self.batch_size, 4))]
        condition = patches(condition_of(target), corners, self.size)
        real, fake = patches(target, corners, self.size), patches(image, corners, self.size)

        d_loss = F.softplus(self._judge(fake.detach(), condition)).mean()
        d_loss = d_loss + F.softplus(-self._judge(real, condition)).mean()
        if self.step % R1_EVERY == 0:
            d_loss = d_loss + 0.5 * R1_WEIGHT * R1_EVERY * r1_penalty(self.discriminator, real, condition)
        self.descend(d_loss, self.opt_d, self.discriminator)

        rebuilt = map_loss(image, target, image.new_ones(1, 1, 1, 1))
        fooled = F.softplus(-self._judge(fake, condition)).mean()
        (pull,) = torch.autograd.grad(rebuilt, image, retain_graph=True)
        (push,) = torch.autograd.grad(fooled, image, retain_graph=True)
        share = self.strength * pull.norm() / push.norm().clamp_min(1e-12)
        self.opt_g.zero_grad(set_to_none=True)
        image.backward(pull + share * push)
        nn.utils.clip_grad_norm_(self.learning, 1.0)
        self.opt_g.step()
        with torch.no_grad():
            for a, b in zip(self.mean.parameters(), self.generator.parameters(), strict=True):
                a.lerp_(b, 1 - min(0.99, (self.step + 1) / (self.step + 11)))
        error = number((image - target).square().mean() / target.square().mean())
        return {"discriminator": number(d_loss), "fooled": number(fooled), "error_over_energy": error}

    def _judge(self, patch: Tensor, condition: Tensor) -> Tensor:
        with self.autocast():
            logits = self.discriminator(patch, condition)
        return logits.float()
