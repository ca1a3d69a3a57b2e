"""The mapping network f: z -> w learns to give the codes of faces like the training set's."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ...detail.layers import FullyConnected
from ..loop import Scalars, TimedTrainer
from ..precision import Precision
from .copula import Copula
from .fit import CoefficientLoss, CompactEncoder, cosine, step_seed

RATE = 1e-3
"""Adam's step of the weights as they are used. A layer keeps them divided by its gain (.01 / sqrt(512)), so the step of
what it keeps is RATE / gain, more than 2: with StyleGAN2's own .002 and its multiplier nothing is learnt in minutes."""
_BATCH = 512
_WARMUP_STEPS = 100
_CHECKED = 4096


class MappingTrainer(TimedTrainer):
    """f in training, distilled from E: of every z the one code w that holds all of E's coefficients for z's sliders.

    z stands for sliders as `Copula` says. All components have directions of their own in w, so that one w serves all
    rows; what E makes of the rows differently (their gains) is in the coefficients.
    """

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16")
    unit: ClassVar[str] = "samples"

    def __init__(
        self, generator: Generator, encoder: Encoder, w_mean: Tensor, loss: CoefficientLoss, copula: Copula,
        seconds: float, seed: int, device: torch.device | str = "cpu", precision: Precision = "fp32",
        clock: Callable[[], float] | None = None, rate: float = RATE, batch: int = _BATCH,
    ) -> None:  # fmt: skip
        """Raises DnpmError when z is shorter than identity and expression together."""
        super().__init__(seconds, batch, rate, device, precision, clock)
        copula.check(generator.config.z_dim)
        self.seed, self.z_dim = seed, generator.config.z_dim
        self.copula, self.loss = copula.to(self.device), loss.to(self.device)
        self.encoder = CompactEncoder(encoder, loss).to(self.device).eval().requires_grad_(False)
        rows = w_mean.expand(generator.config.w_layers, -1)
        self.mean = self.loss.predicted(rows[None].to(self.device))
        self.mapping = generator.mapping.to(self.device).requires_grad_(True)
        self._start_on_sliders()
        groups = []
        for layer in self.mapping.children():
            assert isinstance(layer, FullyConnected)
            groups += [
                {"params": [layer.weight], "used": 1 / layer.weight_gain},
                {"params": [layer.bias], "used": 1 / layer.bias_gain},
            ]
        self.optimizer = torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99), fused=True)
        self.networks, self.optimizers = {"mapping": self.mapping}, {"adam": self.optimizer}

    @torch.no_grad()
    def _start_on_sliders(self) -> None:
        """The first layer reads those numbers of z alone that stand for sliders, each so much more strongly: the rest
        would be noise, which has to be unlearnt first."""
        first, used = self.mapping.fc0, self.copula.n_id + len(self.copula.mixing)
        assert isinstance(first, FullyConnected)
        if first.weight[:, used:].any():
            first.weight[:, used:] = 0
            first.weight[:, :used] *= (self.z_dim / used) ** 0.5
        read = (torch.arange(self.z_dim, device=self.device) < used).float()
        first.weight.register_hook(lambda slope: slope * read)

    def timed_step(self) -> Scalars:
        """One step on random z."""
        torch.manual_seed(step_seed(self.seed, self.step))
        pace = self.rate * cosine(self.fraction) * min(1.0, (self.step + 1) / _WARMUP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = pace * group["used"]
        z = torch.randn(self.batch_size, self.z_dim).to(self.device)
        target = self._target(z)
        with self.autocast():
            w = self.mapping(z)
        w = w.float()
        value = ((w @ self.loss.places.T - target).square() @ self.loss.weights).mean()
        # Of w nothing but the components' directions is seen; the rest stays near 0.
        value = value + 1e-4 * (w - target @ self.loss.places).square().mean()
        self.descend(value, self.optimizer, self.mapping)
        return {"loss": float(value.detach())}

    def checked(self) -> Scalars:
        """R2 of f against E on z that are not trained on."""
        source = torch.Generator().manual_seed(self.seed)
        z = torch.randn(_CHECKED, self.z_dim, generator=source).to(self.device)
        with torch.no_grad():
            return {"held_out_r2": self.loss.r2(self.mapping(z) @ self.loss.places.T, self._target(z))}

    def finish(self) -> None:
        """Set the mean w; the network goes back to the CPU."""
        torch.manual_seed(self.seed)
        with torch.no_grad():
            self.mapping.w_avg.copy_(self.mapping(torch.randn(8192, self.z_dim).to(self.device)).mean(0))
        self.mapping.cpu()

    @torch.no_grad()
    def _target(self, z: Tensor) -> Tensor:
        """(B, z_dim) -> (B, C)."""
        sliders = self.copula(z)
        with self.autocast():
            answers = self.encoder(*sliders)
        return self.loss.chosen(answers.float(), self.encoder.config.groups) + self.mean
