"""Encoder and mapping network on the bands' coefficients: seconds a pass, because no pixel is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ...detail.config import w_layers
from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ..checkpoint import Arrays
from ..loop import Scalars, TimedTrainer
from .principal import Band


@dataclass(frozen=True)
class Codes:
    """Whitened coefficients of teacher maps: inputs (n, n_id), (n, n_exp), coefficients (n, C)."""

    identity: Tensor
    expression: Tensor
    coefficients: Tensor

    def to(self, device: torch.device) -> Codes:
        """The same on another device."""
        return Codes(self.identity.to(device), self.expression.to(device), self.coefficients.to(device))


def torgb_row(resolution: int) -> int:
    """The row of w_plus that the block's ToRGB reads."""
    return w_layers(resolution) - 1


_BATCH = 256
MAPPING_RATE = 0.1
"""Adam's step for the mapping network: its weights are drawn from N(0, 100^2) and scaled by .01 in use."""


class CoefficientLoss:
    """Squared error of the map (mm^2 per texel, relative to its variance) that wrong coefficients cause.

    A band's components have unit norm at their own resolution, so an error of one standard deviation weighs sigma^2
    times
    the area that one of its texels covers. Rows of w that no ToRGB of a band reads are pulled softly to the same code,
    because the convolutions read their styles from them.
    """

    def __init__(self, bands: list[Band], places: Tensor, full: int = 1024) -> None:
        self.slices, start = [], 0
        for band in bands:
            stop = start + len(band.sigma)
            weight = (full / band.resolution) ** 2 * band.sigma**2
            self.slices.append((torgb_row(band.resolution), slice(start, stop), weight))
            start = stop
        self.total = float(sum(w.sum() for _, _, w in self.slices))
        self.places = places
        self.weights = torch.cat([w for _, _, w in self.slices]) / self.total

    def to(self, device: torch.device) -> CoefficientLoss:
        """The same on another device."""
        other = copy(self)
        other.slices = [(row, part, weight.to(device)) for row, part, weight in self.slices]
        other.places, other.weights = self.places.to(device), self.weights.to(device)
        return other

    def some_rows(self, rows: int) -> list[int]:
        """Those that a ToRGB of a band reads, and two more at random: what a step of training needs of `rows`."""
        return sorted({row for row, _, _ in self.slices} | set(torch.randint(rows, (2,)).tolist()))

    def __call__(self, w_plus: Tensor, coefficients: Tensor, rows: Sequence[int] | None = None) -> Tensor:
        """(B, rows, w_dim) against (B, C' <= C), the finest bands may be missing. rows: which w_plus has; None: all."""
        known = coefficients.shape[1]
        place = {row: k for k, row in enumerate(rows if rows is not None else range(w_plus.shape[1]))}
        loss = w_plus.new_zeros(())
        for row, part, weight in self.slices:
            if part.stop <= known:
                error = w_plus[:, place[row]] @ self.places[part].T - coefficients[:, part]
                loss = loss + (error.square() @ weight).mean() / self.total
        # Two rows at random a step speak for all: the code is the same for every row.
        two = torch.randint(w_plus.shape[1], (2,))
        error = w_plus[:, two] @ self.places[:known].T - coefficients[:, None]
        return loss + 0.03 * (error.square() @ self.weights[:known]).mean()

    def predicted(self, w_plus: Tensor) -> Tensor:
        """(B, rows, w_dim) -> (B, C): each coefficient as its own ToRGB reads it."""
        return torch.cat([w_plus[:, row] @ self.places[part].T for row, part, _ in self.slices], 1)

    def r2(self, w_plus: Tensor, coefficients: Tensor) -> float:
        """1 - squared error / variance, over the bands that `coefficients` has."""
        known = coefficients.shape[1]
        error = (self.predicted(w_plus)[:, :known] - coefficients).square().mean(0) @ self.weights[:known]
        spread = coefficients.var(0) @ self.weights[:known]
        return 1.0 - float(error / spread)


@torch.no_grad()
def fit_heads(encoder: Encoder, places: Tensor, codes: Codes, count: int = 20_000, ridge: float = 1e-3) -> None:
    """Fit E's heads by least squares on the first `count` codes, so that every row gives these coefficients' w.

    What an E has learnt in its layers (what the sliders do together) then serves a training with other components. The
    ridge is relative to the features' mean square.
    """
    identity, expression = codes.identity[:count], codes.expression[:count]
    target = codes.coefficients[:count] @ places
    x = encoder.layers[0](torch.cat([identity, expression], 1))
    x = torch.cat([x, expression], 1)
    for k, layer in enumerate(encoder.layers[1:], start=1):
        x = layer(x)
        if k >= 2:
            head = encoder.heads[k - 2]
            assert isinstance(head, torch.nn.Linear)
            known = torch.cat([x, torch.ones(len(x), 1)], 1).double()
            gram = known.T @ known
            gram.diagonal().add_(ridge * float(gram.diagonal().mean()))
            found = torch.linalg.solve(gram, known.T @ target.double()).float().T
            head.weight.copy_(found[:, :-1].repeat(len(head.weight) // len(found), 1))
            head.bias.copy_(found[:, -1].repeat(len(head.bias) // len(found)))


class CoefficientTrainer(TimedTrainer):
    """E on coefficients: AdamW, its rate a cosine by the clock. The best E on the check is what counts."""

    unit: ClassVar[str] = "samples"

    def __init__(
        self, encoder: Encoder, loss: CoefficientLoss, many: Codes, check: Codes, seconds: float, seed: int,
        device: torch.device | str = "cpu", rate: float = 1e-3, clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(seconds, _BATCH, rate, device, clock=clock)
        self.encoder, self.loss = encoder.to(self.device), loss.to(self.device)
        self.many, self.check = many.to(self.device), check.to(self.device)
        self.seed = seed
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=rate, weight_decay=2e-3)
        self.best, self.best_r2 = deepcopy(self.encoder), -np.inf
        self.networks, self.optimizers = {"encoder": self.encoder, "best": self.best}, {"adam": self.optimizer}

    def more_state(self) -> Arrays:
        """See `Trainer`."""
        return {"best_r2": np.array([max(self.best_r2, np.finfo(np.float64).min)])}

    def restore_more(self, arrays: Arrays) -> None:
        """See `Trainer`."""
        self.best_r2 = float(arrays["best_r2"][0])

    def timed_step(self) -> Scalars:
        """One step on random samples."""
        torch.manual_seed(step_seed(self.seed, self.step))
        self.optimizer.param_groups[0]["lr"] = self.rate * _cosine(self.fraction) + 1e-6
        self.encoder.train()
        indices = torch.randint(len(self.many.identity), (_BATCH,))
        rows = self.loss.some_rows(self.encoder.config.w_layers)
        codes = self.encoder(self.many.identity[indices], self.many.expression[indices], rows)
        value = self.loss(codes, self.many.coefficients[indices], rows)
        self.descend(value, self.optimizer, self.encoder)
        return {"loss": float(value.detach())}

    def checked(self) -> Scalars:
        """R2 on the check; keeps the best."""
        self.encoder.eval()
        with torch.no_grad():
            r2 = self.loss.r2(self.encoder(self.check.identity, self.check.expression), self.check.coefficients)
        if r2 > self.best_r2:
            self.best_r2 = r2
            self.best.load_state_dict(self.encoder.state_dict())
        return {"held_out_r2": r2}

    def result(self) -> Encoder:
        """The best so far, on the CPU; the newest before any check."""
        return deepcopy(self.best if np.isfinite(self.best_r2) else self.encoder).cpu().eval()


class MappingTrainer(TimedTrainer):
    """The mapping network f: z -> w learns to give the codes of faces like the training set's.

    The first coordinates of z stand for the identity, the next for the expression (their positive tails, so that most
    muscles rest); the target is the one code w that holds all of E's coefficients. So every z is a plausible map, and
    one w serves all rows.
    """

    unit: ClassVar[str] = "samples"

    def __init__(
        self, generator: Generator, encoder: Encoder, w_mean: Tensor, loss: CoefficientLoss, model: FaceModel,
        seconds: float, seed: int, device: torch.device | str = "cpu", clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        """Raises DnpmError when z is shorter than identity and expression together."""
        super().__init__(seconds, _BATCH, MAPPING_RATE, device, clock=clock)
        self.z_dim, self.n_id, self.n_exp, self.seed = generator.config.z_dim, model.n_id, model.n_exp, seed
        if self.z_dim < self.n_id + self.n_exp:
            raise DnpmError(
                f"z_dim {self.z_dim} is too small for {self.n_id} identity and {self.n_exp} expression values"
            )
        self.mapping = generator.mapping.to(self.device).requires_grad_(True)
        self.encoder, self.loss, self.w_mean = encoder.to(self.device), loss.to(self.device), w_mean.to(self.device)
        self.optimizer = torch.optim.Adam(self.mapping.parameters(), lr=MAPPING_RATE, betas=(0.9, 0.99))
        self.networks, self.optimizers = {"mapping": self.mapping}, {"adam": self.optimizer}

    def timed_step(self) -> Scalars:
        """One step on random z."""
        torch.manual_seed(step_seed(self.seed, self.step))
        self.optimizer.param_groups[0]["lr"] = self.rate * _cosine(self.fraction) + 1e-6
        z = torch.randn(_BATCH, self.z_dim).to(self.device)
        with torch.no_grad():
            identity = z[:, : self.n_id].clamp(-3, 3)
            tail = (z[:, self.n_id : self.n_id + self.n_exp] - 1.0).clamp_min(0)
            codes = self.encoder(identity, (0.8 * tail).clamp_max(1))
            target = self.loss.predicted(self.w_mean + codes) @ self.loss.places
        w = self.mapping(z)
        error = ((w - target) @ self.loss.places.T).square() @ self.loss.weights
        value = error.mean() + 1e-4 * (w - target).square().mean()
        self.descend(value, self.optimizer, self.mapping)
        return {"loss": float(value.detach())}

    def finish(self) -> None:
        """Set the mean w; everything goes back to the CPU."""
        torch.manual_seed(self.seed)
        with torch.no_grad():
            self.mapping.w_avg.copy_(self.mapping(torch.randn(8192, self.z_dim).to(self.device)).mean(0))
        self.mapping.cpu()
        self.encoder.cpu()


def step_seed(seed: int, step: int) -> int:
    """For torch's generator: another one each step, so that a continuation draws what an uninterrupted run does."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]) >> 1


def _cosine(fraction: float) -> float:
    """From 1 to 0."""
    return 0.5 + 0.5 * float(np.cos(np.pi * fraction))
