"""The encoder on the bands' coefficients: seconds a pass, because no pixel is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ...detail.config import w_layers
from ...detail.encoder import Encoder
from ..checkpoint import Arrays
from ..loop import Scalars, TimedTrainer
from ..precision import Precision
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
OTHER_ROWS = 0.03
"""What a wrong code counts in the rows that no ToRGB reads it from."""


class CoefficientLoss:
    """Squared error of the map (mm^2 per texel, relative to its variance) that wrong coefficients cause.

    A band's components have unit norm at their own resolution, so an error of one standard deviation weighs sigma^2
    times the area that one of its texels covers. Rows of w that no ToRGB of a band reads are pulled softly to the same
    code, because the convolutions read their styles from them.
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

    def of_groups(self, answers: Tensor, coefficients: Tensor, groups: Sequence[int]) -> Tensor:
        """(B, groups, C), what the rows of each group say, against (B, C). groups: rows in each, coarse to fine."""
        counts = self.weights.new_tensor(groups)
        counted = OTHER_ROWS * counts[:, None] / counts.sum() * self.weights
        first = 0
        for k, count in enumerate(groups):
            for row, part, _ in self.slices:
                if first <= row < first + count:
                    counted[k, part] += self.weights[part]
            first += count
        return ((answers - coefficients[:, None]).square().mean(0) * counted).sum()

    def chosen(self, answers: Tensor, groups: Sequence[int]) -> Tensor:
        """(B, groups, C), as `CompactEncoder` gives them -> (B, C): each coefficient as its own ToRGB reads it."""
        ends = np.cumsum(groups)
        of = {row: int(np.searchsorted(ends, row, side="right")) for row, _, _ in self.slices}
        return torch.cat([answers[:, of[row], part] for row, part, _ in self.slices], 1)

    def predicted(self, w_plus: Tensor) -> Tensor:
        """(B, rows, w_dim) -> (B, C): each coefficient as its own ToRGB reads it."""
        return torch.cat([w_plus[:, row] @ self.places[part].T for row, part, _ in self.slices], 1)

    def r2(self, predicted: Tensor, coefficients: Tensor) -> float:
        """1 - squared error / variance of the map, (N, C) each."""
        error = (predicted - coefficients).square().mean(0) @ self.weights
        return 1.0 - float(error / (coefficients.var(0) @ self.weights))


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
            assert isinstance(head, nn.Linear)
            known = torch.cat([x, torch.ones(len(x), 1)], 1).double()
            gram = known.T @ known
            gram.diagonal().add_(ridge * float(gram.diagonal().mean()))
            found = torch.linalg.solve(gram, known.T @ target.double()).float().T
            head.weight.copy_(found[:, :-1].repeat(len(head.weight) // len(found), 1))
            head.bias.copy_(found[:, -1].repeat(len(head.bias) // len(found)))


class CompactEncoder(nn.Module):
    """E on coefficients: its layers, and one head of C numbers for each of the three groups of rows.

    The rows of a group read the same features, and the same coefficients are wanted of each. So this says all that the
    rows' own heads would, for a third of the work.
    """

    def __init__(self, encoder: Encoder, loss: CoefficientLoss) -> None:
        """The heads start as the rows that the coefficients are read from, or else as the group's first row."""
        super().__init__()
        self.config, self.layers = encoder.config, deepcopy(encoder.layers)
        self.heads = nn.ModuleList()
        first = 0
        for head, count in zip(encoder.heads, encoder.config.groups, strict=True):
            assert isinstance(head, nn.Linear)
            rows = torch.full((len(loss.places),), 0)
            for row, part, _ in loss.slices:
                if first <= row < first + count:
                    rows[part] = row - first
            first += count
            places = loss.places.cpu()
            compact = nn.Linear(head.in_features, len(places))
            with torch.no_grad():
                weight, bias = head.weight.unflatten(0, (count, -1)), head.bias.unflatten(0, (count, -1))
                for row in rows.unique().tolist():
                    compact.weight[rows == row] = places[rows == row] @ weight[row]
                    compact.bias[rows == row] = places[rows == row] @ bias[row]
            self.heads.append(compact)

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, n_id), (B, n_exp) -> (B, 3, C)."""
        x = self.layers[0](torch.cat([identity, expression], 1))
        x = torch.cat([x, expression.to(x.dtype)], 1)
        answers = []
        for k, layer in enumerate(self.layers[1:], start=1):
            x = layer(x)
            if k >= 2:
                answers.append(self.heads[k - 2](x))
        return torch.stack(answers, 1)

    @torch.no_grad()
    def whole(self, loss: CoefficientLoss) -> Encoder:
        """E, on the CPU, whose rows say this."""
        encoder = Encoder(self.config)
        encoder.layers.load_state_dict(self.layers.state_dict())
        places = loss.places.cpu()
        for head, compact, count in zip(encoder.heads, self.heads, self.config.groups, strict=True):
            assert isinstance(head, nn.Linear)
            assert isinstance(compact, nn.Linear)
            head.weight.copy_((places.T @ compact.weight.cpu()).repeat(count, 1))
            head.bias.copy_((places.T @ compact.bias.cpu()).repeat(count))
        return encoder.eval()


class CoefficientTrainer(TimedTrainer):
    """E on coefficients: AdamW, its rate a cosine by the clock. The best E on the check is what counts."""

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    unit: ClassVar[str] = "samples"

    def __init__(
        self, encoder: Encoder, loss: CoefficientLoss, many: Codes, check: Codes, seconds: float, seed: int,
        device: torch.device | str = "cpu", rate: float = 1e-3, clock: Callable[[], float] | None = None,
        precision: Precision = "fp32", batch: int = _BATCH,
    ) -> None:  # fmt: skip
        super().__init__(seconds, batch, rate, device, precision, clock)
        self.encoder, self.loss = CompactEncoder(encoder, loss).to(self.device), loss.to(self.device)
        self.many, self.check = many.to(self.device), check.to(self.device)
        self.seed = seed
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=rate, weight_decay=2e-3, fused=True)
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
        self.optimizer.param_groups[0]["lr"] = self.rate * cosine(self.fraction) + 1e-6
        self.encoder.train()
        indices = torch.randint(len(self.many.identity), (self.batch_size,))
        with self.autocast():
            answers = self.encoder(self.many.identity[indices], self.many.expression[indices])
        value = self.loss.of_groups(answers.float(), self.many.coefficients[indices], self.encoder.config.groups)
        self.descend(value, self.optimizer, self.encoder)
        return {"loss": float(value.detach())}

    def checked(self) -> Scalars:
        """R2 on the check; keeps the best."""
        self.encoder.eval()
        with torch.no_grad():
            answers = self.encoder(self.check.identity, self.check.expression)
            r2 = self.loss.r2(self.loss.chosen(answers, self.encoder.config.groups), self.check.coefficients)
        if r2 > self.best_r2:
            self.best_r2 = r2
            self.best.load_state_dict(self.encoder.state_dict())
        return {"held_out_r2": r2}

    def result(self) -> Encoder:
        """The best so far, on the CPU; the newest before any check."""
        return (self.best if np.isfinite(self.best_r2) else self.encoder).whole(self.loss)


def step_seed(seed: int, step: int) -> int:
    """For torch's generator: another one each step, so that a continuation draws what an uninterrupted run does."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]) >> 1


def cosine(fraction: float) -> float:
    """From 1 to 0."""
    return 0.5 + 0.5 * float(np.cos(np.pi * fraction))
