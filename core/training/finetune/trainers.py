"""The two trainings of a fine-tuning: G against D with what keeps it in place, and E after it.

G starts as the old one plus the shift, the artist's maps' mean difference (`maps.mean_shift`, `added_map.py`): so all
sliders work from the first step, on the artist's kind of skin. Per step it learns by the logistic loss with ADA on
the artist's maps, plus

* reconstruction: G_new(code_i) = map_i for the artist's maps at their own codes (`maps.fit_codes`);
* keeping: coarsely (averaged eightfold) G_new(E_old(s)) = G_old(E_old(s)) + shift for random sliders s: every slider
  goes on doing what it did. What is finer is the discriminator's business.

E follows with G frozen: G_new(E_new(s)) = G_old(E_old(s)) + shift for random sliders, at full sharpness, and
G_new(E_new(s_i)) = map_i where the artist's sliders are known; its codes are pulled softly to the old ones. It is a
distillation: the old networks are the teacher, and no sliders of the artist's maps are needed for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...detail.config import w_layers
from ...detail.weights import Detail
from ..detail.joint import map_loss
from ..detail.principal import average_to
from ..generator.batches import Batches
from ..generator.discriminator import Discriminator
from ..generator.plan import Plan
from ..generator.trainer import GeneratorTrainer
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from .added_map import with_added_map
from .maps import ArtistMaps, random_sliders

COARSE = 8
"""Keeping compares maps averaged so many texels each way."""
_EXTRA, _SLIDERS, _E = 101, 102, 103


@dataclass(frozen=True)
class Weights:
    """Of the terms beside the logistic loss; heights are in units of the set's deviation there."""

    reconstruction: float = 4.0
    keep: float = 4.0
    extra: int = 2
    """Maps of each of them a step."""


class FinetuneTrainer(GeneratorTrainer):
    """G from the shipped one. Fakes come half from f(z), half from between the codes of two of the artist's maps."""

    def __init__(
        self, plan: Plan, detail: Detail, discriminator: Discriminator, batches: Batches, spread_mm: float,
        artist: ArtistMaps, codes: Tensor, shift: Tensor, weights: Weights, device: torch.device | str = "cpu",
        microbatch: int | None = None, rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """detail: the old networks, frozen. codes (N, rows, w_dim), shift (1, 1, R, R) mm."""
        generator = with_added_map(detail.generator, shift)
        super().__init__(plan, generator, discriminator, batches, spread_mm, device, rank, microbatch)
        self.old, self.artist, self.weights = detail.to(self.device), artist, weights
        self.pivots, self.shift = codes.to(self.device), shift.to(self.device)

    def codes(self, step: int, purpose: int, part: slice) -> Tensor:
        """See the base class."""
        rows, count = w_layers(self.plan.resolution), self.plan.batch
        rng = np.random.default_rng([self.plan.seed, step, purpose, 2])
        pairs = rng.integers(0, len(self.pivots), (count, 2))[part]
        share = torch.as_tensor(rng.random((count, 1, 1))[part], dtype=torch.float32, device=self.device)
        drawn = torch.as_tensor(rng.random((count, 1, 1))[part] < 0.5, device=self.device)
        between = torch.lerp(self.pivots[pairs[:, 0], :rows], self.pivots[pairs[:, 1], :rows], share)
        w = self.generator.mapping(self.draw_z(step, purpose, count)[part, 0])
        return torch.where(drawn, w[:, None].expand(-1, rows, -1), between)

    def extra_loss(self, step: int) -> Tensor:
        """Reconstruction and keeping."""
        side, one = self.plan.resolution, self.shift.new_ones(1, 1, 1, 1)
        rng = np.random.default_rng([self.plan.seed, step, _EXTRA])
        indices = rng.integers(0, len(self.artist), self.weights.extra)
        maps, masks = (t[indices].to(self.device) / scale for t, scale in
                       ((self.artist.maps, self.spread_mm), (self.artist.masks, 1.0)))  # fmt: skip
        image = self._paint(self.pivots[indices]) / self.spread_mm * masks
        total = self.weights.reconstruction * map_loss(image, maps, one)
        if self.weights.keep:
            config = self.old.encoder.config
            rng = np.random.default_rng([self.plan.seed, step, _SLIDERS])
            identity, expression = random_sliders(rng, self.weights.extra, config.n_id, config.n_exp)
            with torch.no_grad():
                codes = self.old.w_plus(identity.to(self.device), expression.to(self.device))
                wanted = self.old.generator.synthesis(codes, side) + self.shift
            found = self._paint(codes)
            coarse = max(4, side // COARSE)
            error = average_to((found - wanted)[:, 0], coarse) / self.spread_mm
            total = total + self.weights.keep * (error.abs().mean() + error.square().mean())
        return total


class EncoderFollower(Trainer):
    """E after G."""

    def __init__(
        self, old: Detail, new: Detail, artist: ArtistMaps, shift: Tensor, resolution: int, steps: int, batch: int,
        rate: float, seed: int, precision: Precision = "fp32", rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """new: the new G, frozen, with a copy of the old E, which learns. shift (1, 1, R, R) mm is averaged down."""
        super().__init__(steps, batch, rate, old.w_mean.device, precision, rank)
        self.old, self.new, self.seed = old, new, seed
        self.resolution = resolution
        self.shift = average_to(shift[0], resolution)[None].to(self.device)
        self.maps, self.masks = (t.to(self.device) for t in artist.at(resolution))
        self.artist, self.taught = artist, np.flatnonzero(artist.known)
        new.encoder.train().requires_grad_(True)
        for module in new.encoder.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.eval()  # Its statistics are those of the many sliders that the old E saw.
        self.optimizer = torch.optim.Adam(new.encoder.parameters(), lr=rate)
        self.networks, self.optimizers = {"encoder": new.encoder}, {"adam": self.optimizer}

    def calmer(self) -> str:
        """See `Trainer`."""
        return f"a smaller --encoder-rate than {self.rate:g}"

    def smaller(self) -> str:
        """See `Trainer`."""
        less = max(1, self.batch_size // 2)
        return f"{self.batch_size} maps of {self.resolution}: try --batch {less}, or a smaller --encoder-resolution"

    def train_step(self) -> Scalars:
        """One step on random sliders, and on the artist's maps whose sliders are known."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * (0.5 + 0.5 * math.cos(math.pi * self.step / self.steps))
        config, one = self.old.encoder.config, self.shift.new_ones(1, 1, 1, 1)
        rng = np.random.default_rng([self.seed, self.step, _E])
        drawn = random_sliders(rng, self.batch_size, config.n_id, config.n_exp)
        mine = self.rank.share(self.batch_size)
        identity, expression = (t[mine].to(self.device) for t in drawn)
        with torch.no_grad():
            old = self.old.w_plus(identity, expression)
            wanted = self.old.generator.synthesis(old, self.resolution) + self.shift
        with self.autocast():
            codes = self.new.w_plus(identity, expression)
            found = self.new.generator.synthesis(codes, self.resolution)
        scale = wanted.abs().mean()
        value = map_loss(found.float(), wanted, one) / scale + 0.1 * (codes.float() - old).square().mean()
        if len(self.taught):
            count = min(len(self.taught), max(1, self.batch_size // 2))
            indices = rng.choice(self.taught, count, replace=False)
            identity, expression = (t[indices].to(self.device) for t in (self.artist.identity, self.artist.expression))
            with self.autocast():
                taught = self.new.w_plus(identity, expression)
                image = self.new.generator.synthesis(taught, self.resolution).float() * self.masks[indices]
            value = value + map_loss(image, self.maps[indices], one) / scale
        self.descend(value, self.optimizer, self.new.encoder)
        return {"loss": float(value.detach())}
