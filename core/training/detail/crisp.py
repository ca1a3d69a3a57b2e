"""The adversarial stage: G's fine blocks learn to make relief that a patch discriminator takes for the teacher's.

Reconstruction alone averages where the encoder is unsure, so fine furrows come out soft. As in pix2pix (Isola et al.
2017) the discriminator sees small patches beside what they should be roughly, here the teacher's map without its fine
relief; it judges crispness, and reconstruction still says where everything is. Loss: non-saturating logistic with R1
(Mescheder et al. 2018) on patches, plus `joint.map_loss`. E and the coarse blocks keep still.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ..rehearsal import number
from .cache import MapCache
from .joint import map_loss
from .principal import average_to, resized

PATCH = 96
BLUR = 4
"""The condition is the map averaged over so many texels each way and drawn out again."""
SPREAD_MM = 0.05
"""Heights are divided by it for the discriminator: about the relief's deviation."""
R1_WEIGHT, R1_EVERY = 2.0, 8
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


def sharpen(
    generator: Generator, encoder: Encoder, w_mean: Tensor, data: MapCache, resolution: int, batch: int, seconds: float,
    mask: Tensor, seed: int,
    strength: float = 0.1, save: Callable[[Generator], None] | None = None, device: torch.device | None = None,
) -> Generator:  # fmt: skip
    """Train for `seconds` at `resolution`; return the running average of G, on the CPU.

    mask (R', R'): where patches are taken (the face). strength: the adversarial gradient's share of the
    reconstruction's, measured on G's output each step, so that units and sizes do not matter.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 3])
    device = device or torch.device("cpu")
    generator, encoder, w_mean = generator.to(device), encoder.to(device), w_mean.to(device)
    generator.requires_grad_(False)
    learning: list[Tensor] = []
    for r in generator.config.resolutions:
        if resolution >> (FINE_BLOCKS - 1) <= r <= resolution:
            for name, parameter in generator.synthesis.block(r).named_parameters():
                if "noise" not in name:
                    learning.append(parameter.requires_grad_(True))
    discriminator = PatchDiscriminator().to(device)
    of_g = torch.optim.Adam(learning, lr=2e-4, betas=(0.0, 0.99))
    of_d = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.0, 0.99))
    mean = deepcopy(generator).eval()
    face = resized(mask, resolution).numpy() > 0.5
    size = min(PATCH, resolution // 2)
    half = size // 2
    inside = np.argwhere(face[half:-half, half:-half])
    one = torch.ones(1, 1, resolution, resolution, device=device)
    start, saved, step = time.monotonic(), time.monotonic(), 0
    while (spent := (time.monotonic() - start) / seconds) < 1.0:
        decay = 0.5 + 0.5 * np.cos(np.pi * spent)
        for group, base in ((of_g.param_groups[0], 2e-4), (of_d.param_groups[0], 4e-4)):
            group["lr"] = base * decay + 1e-7
        picks = np.sort(rng.integers(len(data.maps), size=batch))
        maps, *sliders = (torch.from_numpy(np.asarray(a[picks], np.float32)).to(device)
                          for a in (data.maps, data.identity, data.expression))  # fmt: skip
        target = average_to(maps, resolution)[:, None]
        with torch.no_grad():
            w = encoder(*sliders) + w_mean
        image = generator.synthesis(w, resolution=resolution)
        corners = inside[rng.integers(len(inside), size=(batch, 4))]
        condition = patches(condition_of(target), corners, size)
        real, fake = patches(target, corners, size), patches(image, corners, size)

        value = F.softplus(discriminator(fake.detach(), condition)).mean()
        value = value + F.softplus(-discriminator(real, condition)).mean()
        if step % R1_EVERY == 0:
            value = value + 0.5 * R1_WEIGHT * R1_EVERY * r1_penalty(discriminator, real, condition)
        of_d.zero_grad(set_to_none=True)
        value.backward()
        of_d.step()

        rebuilt = map_loss(image, target, one)
        fooled = F.softplus(-discriminator(fake, condition)).mean()
        (pull,) = torch.autograd.grad(rebuilt, image, retain_graph=True)
        (push,) = torch.autograd.grad(fooled, image, retain_graph=True)
        share = strength * pull.norm() / push.norm().clamp_min(1e-12)
        of_g.zero_grad(set_to_none=True)
        image.backward(pull + share * push)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        of_g.step()
        step += 1
        with torch.no_grad():
            for a, b in zip(mean.parameters(), generator.parameters(), strict=True):
                a.lerp_(b, 1 - min(0.99, step / (step + 10)))
        if step % 25 == 0:
            error = number((image - target).square().mean() / target.square().mean())
            print(
                f"crisp {resolution}: step {step}, discriminator {number(value):.3f}, fooled {number(fooled):.3f}, "
                f"squared error / energy {error:.4f}, {100 * spent:.0f} %",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        if save and time.monotonic() - saved > 300:
            save(mean)
            saved = time.monotonic()
    generator.cpu()
    encoder.cpu()
    return mean.cpu()
