"""G against D by the recipe of StyleGAN2 with adaptive augmentation (Karras et al. 2020, 2020b).

Both networks see heights in units of `spread_mm` (the set's deviation), inside the samples' masks; painted maps get the
masks of the real ones beside them, so that a hole in a scan tells D nothing. G's noise inputs are constant, not drawn
again as in the paper: a displacement map must not flicker from frame to frame.

Every random number comes from (seed, step, purpose) and is drawn for the whole batch: so the state is weights,
moments, a few running means and the step (RNG states and the place in the data follow from it), a continuation is
exact, and several processes (`parallel.py`) or rounds (`microbatch`) do what one does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...detail.config import w_layers
from ...detail.generator import Generator
from ...errors import DnpmError
from ..checkpoint import Arrays
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..rehearsal import number
from . import augment
from .augment import AdaptiveP
from .batches import Batches
from .discriminator import Discriminator
from .losses import PATH_DECAY, discriminator_loss, generator_loss, lazy, path_lengths, path_penalty, r1_penalty
from .plan import Plan

_W_DECAY = 0.002
"""How fast the average of w follows."""
_CODES_G, _CODES_D, _CODES_PATH, _AUGMENT_G, _AUGMENT_FAKE, _AUGMENT_REAL = range(6)
"""Purposes of random numbers."""


FIGURES = ("generator", "discriminator", "real_score", "fake_score", "r1", "path", "path_length", "ada_p", "ada_r")
"""Of a step; r1 and path are those of the last step that had them (nan before)."""


class GeneratorTrainer(Trainer):
    """G, its running average and D in training."""

    def __init__(
        self, plan: Plan, generator: Generator, discriminator: Discriminator, batches: Batches, spread_mm: float,
        device: torch.device | str = "cpu", rank: Rank | None = None, microbatch: int | None = None,
    ) -> None:  # fmt: skip
        """microbatch: samples a process holds at once; the rest follows in further rounds. Raises DnpmError when batch,
        processes and microbatch do not divide each other."""
        super().__init__(plan.steps, plan.batch, plan.rate, device, plan.precision, rank)
        self.plan, self.batches, self.spread_mm = plan, batches, spread_mm
        self.local = plan.batch // self.rank.count
        self.microbatch = min(microbatch or self.local, self.local)
        if self.microbatch < 1 or self.local % self.microbatch:
            raise DnpmError(f"--microbatch {microbatch} must divide the {self.local} samples of each process")
        self.generator = generator.to(self.device).train().requires_grad_(False)
        self.discriminator = discriminator.to(self.device).train().requires_grad_(False)
        self.mean = deepcopy(self.generator).eval()
        """The running average of G: what is used in the end."""
        usual, registered = self._learning()
        settings = lazy(plan.rate, 0.99, plan.path_every)
        groups: list[dict[str, Any]] = [{"params": usual}]
        if registered:
            groups.append({"params": registered, "lr": settings["lr"] * plan.registered_rate})
        self.opt_g = torch.optim.Adam(groups, **settings)
        self.opt_d = torch.optim.Adam(
            self.discriminator.parameters(), **lazy(plan.discriminator_rate or plan.rate, 0.99, plan.r1_every)
        )
        self.networks = {"generator": self.generator, "mean": self.mean, "discriminator": self.discriminator}
        self.optimizers = {"adam_generator": self.opt_g, "adam_discriminator": self.opt_d}
        self.ada = AdaptiveP(plan.ada_target, plan.ada_images)
        self.path_mean = torch.zeros((), device=self.device)
        self.r1 = self.path = math.nan

    def more_state(self) -> Arrays:
        """See `Trainer`."""
        return {
            "ada": self.ada.state(), "path_mean": self.path_mean.cpu().numpy().reshape(1),
            "told": np.nan_to_num(np.array([self.r1, self.path]), nan=-1),
        }  # fmt: skip

    def restore_more(self, arrays: Arrays) -> None:
        """See `Trainer`."""
        self.ada.restore(arrays["ada"])
        self.path_mean = torch.tensor(float(arrays["path_mean"][0]), device=self.device)
        self.r1, self.path = (math.nan if v < 0 else float(v) for v in arrays["told"])

    def diverged(self, scalars: Scalars) -> bool:
        """See `Trainer`; G has no loss while D warms up."""
        d_warmup = self.step < self.plan.d_warmup_steps
        return not math.isfinite(scalars["discriminator"]) or not (d_warmup or math.isfinite(scalars["generator"]))

    def calmer(self) -> str:
        """See `Trainer`."""
        return f"{super().calmer()}, or more --gamma"

    def smaller(self) -> str:
        """See `Trainer`."""
        less = max(n for n in range(1, max(1, self.microbatch // 2) + 1) if self.local % n == 0)
        advice = "a machine with more"
        if less < self.microbatch:
            advice = f"--microbatch {less} (the same result, in more rounds)"
        return f"{self.microbatch} maps of {self.plan.resolution} at once: try {advice}, or a smaller --resolution"

    # What a subclass may change.

    def codes(self, step: int, purpose: int, part: slice) -> Tensor:
        """w_plus (n, L, w_dim) of a part of the batch's painted maps; hangs on the mapping network."""
        return self.mixed(self.draw_z(step, purpose, self.plan.batch), step, purpose, part)

    def extra_loss(self, step: int) -> Tensor | None:
        """Something more that G learns by; scalar. Its gradient is averaged over the processes."""
        return None

    # The four parts of a step; each leaves its gradient in its network's parameters. They also run on the meta device
    # (`rehearsal.py`), where numbers are nan.

    def generator_part(self, step: int) -> tuple[float, Tensor]:
        """Gradient of G's logistic loss; (loss, mean w of these samples)."""
        masks = self.batches.read(step, self.rank.share(self.plan.batch))[1]
        params = self._augment_params(step, _AUGMENT_G)
        self._only(self.generator)
        total, w = 0.0, []
        for here, whole in self._rounds():
            codes = self.codes(step, _CODES_G, whole)
            w.append(codes.detach().mean((0, 1)))
            image = self._paint(codes)
            logits = self._judge(self._seen(image, masks[here], params[whole], step, _AUGMENT_G, whole))
            value = generator_loss(logits) * (len(logits) / self.local)
            value.backward()
            total += number(value)
        extra = self.extra_loss(step)
        if extra is not None:
            extra.backward()
            total += number(extra)
        return total, torch.stack(w).mean(0)

    def path_part(self, step: int) -> float:
        """Gradient of the path length's penalty, on half as many samples; its value."""
        count = max(1, self.local // 2) * self.rank.count
        z, side = self.draw_z(step, _CODES_PATH, count), self.plan.resolution
        self._only(self.generator)
        total, seen = 0.0, []
        for _, whole in self._rounds(count):
            codes = self.mixed(z, step, _CODES_PATH, whole)
            noise = torch.stack([self._normal((1, side, side), step, _CODES_PATH, k) for k in range(count)[whole]])
            # In full precision: a gradient of a gradient.
            lengths = path_lengths(lambda w: self.generator.synthesis(w, side) / self.spread_mm, codes, noise)
            part = len(lengths) * self.rank.count / count
            # The mean of before this step, so that all rounds and processes have the same.
            value = path_penalty(lengths, self.path_mean) * (self.plan.path_weight * self.plan.path_every * part)
            value.backward()
            total += number(value)
            seen.append(lengths.detach())
        mean = torch.cat(seen).mean()
        self.rank.average([mean])
        self.path_mean = torch.lerp(self.path_mean, mean, PATH_DECAY)
        return total

    def discriminator_part(self, step: int) -> dict[str, float]:
        """Gradient of D's logistic loss; what D made of both."""
        maps, masks = self.batches.read(step, self.rank.share(self.plan.batch))
        fake_params, real_params = self._augment_params(step, _AUGMENT_FAKE), self._augment_params(step, _AUGMENT_REAL)
        self._only(self.discriminator)
        sums = dict.fromkeys(("loss", "real", "fake", "signs"), 0.0)
        for here, whole in self._rounds():
            with torch.no_grad():
                image = self._paint(self.codes(step, _CODES_D, whole))
            fake = self._judge(self._seen(image, masks[here], fake_params[whole], step, _AUGMENT_FAKE, whole))
            real = self._judge(self._seen(maps[here], masks[here], real_params[whole], step, _AUGMENT_REAL, whole))
            value = discriminator_loss(fake, real) * (len(real) / self.local)
            value.backward()
            sums["loss"] += number(value)
            sums["real"] += number(real.sum()) / self.local
            sums["fake"] += number(fake.sum()) / self.local
            sums["signs"] += number(real.sign().sum())
        return sums

    def r1_part(self, step: int) -> float:
        """Gradient of R1; the mean squared slope."""
        maps, masks = self.batches.read(step, self.rank.share(self.plan.batch))
        params = self._augment_params(step, _AUGMENT_REAL)
        self._only(self.discriminator)
        total = 0.0
        for here, whole in self._rounds():
            seen = self._seen(maps[here], masks[here], params[whole], step, _AUGMENT_REAL, whole)
            penalty = r1_penalty(self.discriminator, seen).sum() / self.local
            (penalty * (0.5 * self.plan.gamma * self.plan.r1_every)).backward()
            total += number(penalty)
        return total

    def draw_z(self, step: int, purpose: int, count: int) -> Tensor:
        """(count, 2, z_dim): two z for each sample of the whole batch."""
        source = torch.Generator().manual_seed(self._number(step, purpose))
        return torch.randn(count, 2, self.plan.generator.z_dim, generator=source).to(self.device)

    def mixed(self, z: Tensor, step: int, purpose: int, part: slice) -> Tensor:
        """(count, 2, z_dim) -> w_plus of the part; for some samples the rows from a random one on are the other z's."""
        rows = w_layers(self.plan.resolution)
        rng = np.random.default_rng([self.plan.seed, step, purpose, 1])
        cuts = np.where(rng.random(len(z)) < self.plan.mixing, rng.integers(1, rows + 1, len(z)), rows)[part]
        w = self.generator.mapping(z[part].flatten(0, 1)).unflatten(0, (-1, 2))
        second = torch.arange(rows, device=self.device) >= torch.as_tensor(cuts, device=self.device)[:, None]
        return torch.where(second[:, :, None], w[:, 1:], w[:, :1])

    def train_step(self) -> Scalars:
        """G's and D's steps, with what regularises them in the steps where it is their turn."""
        step, plan, d_warmup = self.step, self.plan, self.step < self.plan.d_warmup_steps
        value, w = math.nan, None
        if not d_warmup:
            value, w = self.generator_part(step)
            self._apply(self.opt_g, self.generator)
            if plan.path_every and step % plan.path_every == 0:
                self.path = self.path_part(step)
                self._apply(self.opt_g, self.generator)
        found = self.discriminator_part(step)
        self._apply(self.opt_d, self.discriminator)
        if plan.r1_every and plan.gamma and step % plan.r1_every == 0:
            self.r1 = self.r1_part(step)
            self._apply(self.opt_d, self.discriminator)
        numbers = torch.tensor([value, found["loss"], found["real"], found["fake"], found["signs"]], device=self.device)
        self.rank.average([numbers] if w is None else [numbers, w])
        if w is not None:
            self._follow(w)
        value, loss, real, fake, signs = numbers.tolist()
        self.ada.update_statistics(signs * self.rank.count, plan.batch)
        self.ada.update(step, plan.batch)
        kept = self.r1, self.path, float(self.path_mean), self.ada.p, self.ada.measured
        return dict(zip(FIGURES, (value, loss, real, fake, *kept), strict=True))

    def apply(self, to_g: bool) -> None:
        """One step of G's or D's optimizer by the gradients that the parts left."""
        self._apply(*((self.opt_g, self.generator) if to_g else (self.opt_d, self.discriminator)))

    def _apply(self, optimizer: torch.optim.Optimizer, network: torch.nn.Module) -> None:
        self.rank.average_gradients(network.parameters())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _follow(self, w: Tensor) -> None:
        """The average of w, and that of G."""
        self.generator.mapping.w_avg.lerp_(w, _W_DECAY)
        shown = (self.step + 1 - self.plan.d_warmup_steps) * self.plan.batch
        half = min(self.plan.ema_images, shown * self.plan.ema_ramp) if self.plan.ema_ramp else self.plan.ema_images
        keep = 0.5 ** (self.plan.batch / max(half, 1e-8))
        for mean, now in zip(self.mean.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)
        for kept, new in zip(self.mean.buffers(), self.generator.buffers(), strict=True):
            kept.copy_(new)

    def _learning(self) -> tuple[list[Tensor], list[Tensor]]:
        """G's parameters that reach the map, ordinary and registered."""
        usual: list[Tensor] = []
        registered: list[Tensor] = []
        beyond = tuple(f"synthesis.b{r}." for r in self.plan.generator.resolutions if r > self.plan.resolution)
        for name, parameter in self.generator.named_parameters():
            if name.startswith(beyond) or (name.endswith("noise_strength") and not self.plan.learn_noise):
                continue
            (registered if name.endswith(".registered") else usual).append(parameter)
        return usual, registered

    def _only(self, network: torch.nn.Module) -> None:
        """That network alone collects gradients."""
        self.discriminator.requires_grad_(network is self.discriminator)
        self.generator.requires_grad_(False)
        if network is self.generator:
            for parameter in (p for group in self.opt_g.param_groups for p in group["params"]):
                parameter.requires_grad_(True)

    def _rounds(self, count: int | None = None) -> Iterator[tuple[slice, slice]]:
        """(part of this process's samples, the same in the whole batch), one after the other."""
        share = self.rank.share(count or self.plan.batch)
        for start in range(share.start, share.stop, self.microbatch):
            stop = min(start + self.microbatch, share.stop)
            yield slice(start - share.start, stop - share.start), slice(start, stop)

    def _paint(self, codes: Tensor) -> Tensor:
        with self.autocast():
            return self.generator.synthesis(codes, self.plan.resolution)

    def _judge(self, heights: Tensor) -> Tensor:
        with self.autocast():
            return self.discriminator(heights)

    def _seen(
        self, maps: Tensor, masks: Tensor, params: augment.AugmentParams, step: int, purpose: int, whole: slice
    ) -> Tensor:  # fmt: skip
        """Maps in mm -> what D is shown: inside the masks, in units of the spread, changed."""
        heights = maps.to(self.device) * masks.to(self.device) / self.spread_mm
        noise_of = lambda k: self._normal(heights.shape[1:], step, purpose, whole.start + k)  # noqa: E731
        return augment.apply(heights, params, noise_of)

    def _augment_params(self, step: int, purpose: int) -> augment.AugmentParams:
        return augment.draw(np.random.default_rng([self.plan.seed, step, purpose]), self.plan.batch, self.ada.p)

    def _normal(self, shape: tuple[int, ...], step: int, purpose: int, sample: int) -> Tensor:
        """~ N(0, 1), the same wherever the sample is computed; drawn on the device, where a map is many numbers."""
        if self.device.type == "meta":
            return torch.empty(shape, device=self.device)
        source = torch.Generator(self.device).manual_seed(self._number(step, purpose, sample))
        return torch.randn(shape, generator=source, device=self.device)

    def _number(self, *what: int) -> int:
        return int(np.random.SeedSequence([self.plan.seed, *what]).generate_state(1, np.uint64)[0]) >> 1
