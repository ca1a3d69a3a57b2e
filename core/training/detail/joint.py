"""G and E together on the teacher's maps: L1 on heights and on slopes, from the bands' start."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ..loop import Scalars, TimedTrainer
from ..precision import Precision
from ..rehearsal import number
from .cache import MapCache
from .principal import average_to

EMA = 0.995
_WARMUP_STEPS = 50


class JointTrainer(TimedTrainer):
    """G and E in training; `means`, the running averages of both, are what is used in the end.

    Loss: L1 + 0.5 slopes' L1 + 0.1 (L2 / spread), in millimetres. Slopes are what light shows, so they stand for the
    perceptual term at these sizes.
    """

    def __init__(
        self, generator: Generator, encoder: Encoder, w_mean: Tensor, data: MapCache, resolution: int, batch: int,
        seconds: float, weight: Tensor, seed: int, rate: float = 1.0, device: torch.device | str = "cpu",
        precision: Precision = "fp32", clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        """weight (R', R'): what an error counts at a place (`place_weights`). rate: times the usual ones."""
        super().__init__(seconds, batch, rate, device, precision, clock)
        self.generator, self.encoder = generator.to(self.device), encoder.to(self.device).train()
        self.w_mean, self.data, self.resolution, self.seed = w_mean.to(self.device), data, resolution, seed
        named = dict(generator.synthesis.named_parameters())
        registered = [p for name, p in named.items() if "registered" in name]
        rest = [p for name, p in named.items() if "registered" not in name and "noise" not in name]
        self.clipped = [*rest, *registered]
        self.optimizer = torch.optim.Adam(
            [
                {"params": registered, "base": 4e-4 * rate},
                {"params": rest, "base": 1.2e-3 * rate},
                {"params": encoder.parameters(), "base": 1.5e-4 * rate},
            ],
            lr=1e-3,
            betas=(0.9, 0.99),
        )
        self.means = deepcopy(generator).eval(), deepcopy(encoder).eval()
        mean_generator, mean_encoder = self.means
        self.networks = {
            "generator": self.generator, "encoder": self.encoder,
            "mean_generator": mean_generator, "mean_encoder": mean_encoder,
        }  # fmt: skip
        self.optimizers = {"adam": self.optimizer}
        self.place = average_to(weight[None], resolution)[:, None].to(self.device)

    def timed_step(self) -> Scalars:
        """One step on random maps."""
        for group in self.optimizer.param_groups:
            warmup = min(1.0, (self.step + 1) / _WARMUP_STEPS)
            group["lr"] = group["base"] * warmup * (0.5 + 0.5 * np.cos(np.pi * self.fraction))
        indices = np.random.default_rng([self.seed, self.step]).integers(len(self.data.maps), size=self.batch_size)
        target, sliders = read_batch(self.data, np.sort(indices), self.resolution, self.device)
        with self.autocast():
            image = self.generator.synthesis(self.encoder(*sliders) + self.w_mean, resolution=self.resolution)
        image = image.float()
        value = map_loss(image, target, self.place)
        self.descend(value, self.optimizer, self.generator, clip=1.0, clipped=self.clipped)
        with torch.no_grad():
            decay = min(EMA, (self.step + 1) / (self.step + 11))
            for mean, now in zip(self.means, (self.generator, self.encoder), strict=True):
                for a, b in zip(mean.parameters(), now.parameters(), strict=True):
                    a.lerp_(b, 1 - decay)
        energy = (image - target).square().mean() / target.square().mean()
        return {"loss": number(value), "error_over_energy": number(energy)}


def read_batch(
    data: MapCache, indices: np.ndarray, resolution: int, device: torch.device
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Maps (B, 1, R, R) mm averaged to a resolution, and their (identity, expression)."""
    maps, identity, expression = (
        torch.from_numpy(np.asarray(array[indices], np.float32)).to(device)
        for array in (data.maps, data.identity, data.expression)
    )
    return average_to(maps, resolution)[:, None], (identity, expression)


def place_weights(maps: np.ndarray) -> Tensor:
    """(N, R, R) maps -> (R, R): large where maps vary little, mean 1.

    The forehead's and the cheeks' folds vary most. Without weights the fine lines of the nose's bridge and of the lips
    would hardly be learnt, and an artist looks at these as well.
    """
    maps = np.asarray(maps, np.float32)
    spread = ndimage.gaussian_filter(maps.var(0), len(maps[0]) / 64)
    weight = np.clip(np.sqrt(spread.mean() / np.maximum(spread, 1e-12)), 0.5, 4.0)
    return torch.from_numpy((weight / weight.mean()).astype(np.float32))


def map_loss(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 of heights and slopes plus the relative squared error, (B, 1, R, R) mm each; weight (1, 1, R, R)."""
    error = (image - target) * weight
    slopes = (error[..., 1:, :] - error[..., :-1, :]).abs().mean() + (error[..., 1:] - error[..., :-1]).abs().mean()
    return error.abs().mean() + 0.5 * slopes + 0.1 * error.square().mean() / target.square().mean().sqrt()
