"""Training E (Eq. 5 to 7): L1 + 0.05 perceptual distance of the maps, G frozen, w_plus = E(...) + w_mean.

Adam at 5e-4 with a cosine to 0, batches of 8, 100 epochs. Both terms see the map as a picture in which `RANGE_MM`
millimetres are white, inside the face mask. The order of samples is drawn anew each epoch from (seed, epoch) and
nothing else is random, so that a state (weights, Adam's moments, the step) is all that an exact continuation needs.

A resolution below G's trains the rows of w_plus that reach it. The heads of a new E start at 0, hence the other rows
stay w_mean; where a trained E goes on they are held (`held_rows.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...detail.config import EncoderConfig
from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ...errors import DnpmError
from ...measures.perceptual import RANGE_MM, PerceptualDistance
from ..detail.principal import average_to
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from ..rehearsal import number
from .inputs import Inputs


class Samples(Protocol):
    """Maps with their sliders: `core/dataset`'s MapDataset, or anything alike."""

    @property
    def resolution(self) -> int:
        """Side R of the maps."""
        ...

    @property
    def mask(self) -> np.ndarray:
        """(R, R) in [0, 1]: where the face is."""
        ...

    def __len__(self) -> int: ...
    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32 mm."""
        ...

    def identity(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_id)."""
        ...

    def expression(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, n_exp)."""
        ...


@dataclass(frozen=True)
class Plan:
    """How E is trained; the defaults are the paper's."""

    config: EncoderConfig
    resolution: int
    epochs: int = 100
    batch: int = 8
    rate: float = 5e-4
    perceptual_weight: float = 0.05
    seed: int = 0
    max_steps: int | None = None
    """Stop there, the cosine ending there too; None: all epochs."""

    def __post_init__(self) -> None:
        for wrong, message in (
            (self.epochs < 1, "--epochs must be at least 1"),
            (self.batch < (2 if self.config.batch_norm else 1), "--batch is too small (2 at least with BatchNorm)"),
            (not self.rate > 0, "--rate must be positive"),
            (not self.perceptual_weight >= 0, "--perceptual-weight must not be negative"),
            (self.max_steps is not None and self.max_steps < 1, "--steps must be at least 1"),
        ):
            if wrong:
                raise DnpmError(message)


class EncoderTrainer(Trainer):
    """One encoder in training."""

    def __init__(
        self, generator: Generator, w_mean: Tensor, encoder: Encoder, inputs: Inputs, samples: Samples, plan: Plan,
        distance: PerceptualDistance | None, device: torch.device | str = "cpu", precision: Precision = "fp32",
        rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """distance: None leaves the perceptual term out. Raises DnpmError when sizes do not fit."""
        if samples.resolution < plan.resolution or plan.resolution not in generator.config.resolutions:
            raise DnpmError(
                f"--resolution {plan.resolution}: the samples have {samples.resolution}, the generator "
                f"{', '.join(map(str, generator.config.resolutions))}"
            )
        if len(samples) < plan.batch:
            raise DnpmError(f"{len(samples)} training samples are fewer than a batch of {plan.batch}")
        steps = plan.epochs * (len(samples) // plan.batch)
        steps = steps if plan.max_steps is None else min(steps, plan.max_steps)
        super().__init__(steps, plan.batch, plan.rate, device, precision, rank)
        self.plan, self.samples, self.inputs = plan, samples, inputs
        self.generator = generator.to(self.device).eval().requires_grad_(False)
        self.w_mean = w_mean.to(self.device)
        self.encoder = encoder.to(self.device).train()
        self.distance = distance.to(self.device) if distance is not None and plan.perceptual_weight > 0 else None
        self.mask = average_to(torch.from_numpy(np.float32(samples.mask))[None], plan.resolution)[0].to(self.device)
        self.optimizer = torch.optim.Adam(self.encoder.parameters(), lr=plan.rate)
        self.networks, self.optimizers = {"encoder": self.encoder}, {"adam": self.optimizer}

    @property
    def epoch_steps(self) -> int:
        """Whole batches in an epoch; what is left over waits for the next epoch's order."""
        return len(self.samples) // self.plan.batch

    def rate_at(self, step: int) -> float:
        """The plan's rate in the first epoch, then a cosine to 0; a run of one epoch or less is a cosine throughout."""
        flat = self.epoch_steps if self.total_steps > self.epoch_steps else 0
        done = max(step - flat, 0) / (self.total_steps - flat)
        return 0.5 * self.plan.rate * (1 + math.cos(math.pi * done))

    def train_step(self) -> Scalars:
        """One step on the batch whose turn it is."""
        epoch, k = divmod(self.step, self.epoch_steps)
        order = np.random.default_rng([self.plan.seed, epoch]).permutation(len(self.samples))
        indices = np.sort(order[k * self.plan.batch : (k + 1) * self.plan.batch])
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate_at(self.step)
        return self.once(indices[self.rank.share(len(indices))])

    def smaller(self) -> str:
        """See `Trainer`."""
        batch = self.plan.batch
        return (
            f"a batch of {batch} at {self.plan.resolution}: try --batch {max(1, batch // 2)}, or a smaller --resolution"
        )

    def predict(self, samples: Samples, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, r, r) float32 mm inside the mask, in evaluation mode."""
        self.encoder.eval()
        with torch.inference_mode():
            images = [
                self._images(samples, part) for part in np.array_split(indices, -(-len(indices) // self.plan.batch))
            ]
        self.encoder.train()
        return torch.cat(images)[:, 0].cpu().numpy()

    def truth(self, samples: Samples, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, r, r) float32 mm inside the mask, averaged down to the training's resolution."""
        return self._targets(samples, indices)[:, 0].cpu().numpy()

    def once(self, indices: np.ndarray) -> Scalars:
        """One step on these samples; on the meta device losses are nan (`rehearsal.py`)."""
        with self.autocast():
            images = self._images(self.samples, indices)
        images, targets = images.float(), self._targets(self.samples, indices)
        l1 = (images - targets).abs().mean()
        with self.autocast():
            perceptual = images.new_zeros(()) if self.distance is None else self.distance(images, targets).mean()
        total = l1 / RANGE_MM + self.plan.perceptual_weight * perceptual
        self.descend(total, self.optimizer, self.encoder)
        return {"total": number(total), "l1_mm": number(l1), "perceptual": number(perceptual)}

    def _images(self, samples: Samples, indices: np.ndarray) -> Tensor:
        first, second = self.inputs(samples.identity(indices), samples.expression(indices))
        w_plus = self.w_mean + self.encoder(first.to(self.device), second.to(self.device))
        return self.generator.synthesis(w_plus, self.plan.resolution) * self.mask

    def _targets(self, samples: Samples, indices: np.ndarray) -> Tensor:
        maps = torch.from_numpy(np.ascontiguousarray(samples.maps(indices), np.float32))
        return (average_to(maps, self.plan.resolution).to(self.device) * self.mask)[:, None]


def new_encoder(config: EncoderConfig, seed: int) -> Encoder:
    """Random numbers from the seed; heads at 0, hence w_plus starts as w_mean and L1 as the mean map's."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    encoder = Encoder(config)
    torch.random.set_rng_state(state)
    for head in encoder.heads:
        assert isinstance(head, torch.nn.Linear)
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    return encoder
