"""Training of pix2pixHD: texture to rough map, by LSGAN + 10 feature matching + an L1 of millimetres.

The paper's perceptual term is the L1's place here: a map is no photo, and its millimetres are what counts. Pairs are
never mirrored: the pores of the two cheeks are not each other's mirror images, so the mean would not be the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...photo.restore.pix2pix import GlobalGenerator, Pix2PixConfig, as_input
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from ..rehearsal import number
from .discriminator import MultiScaleDiscriminator, matching_loss, scores_loss
from .pairs import Pairs


@dataclass(frozen=True)
class Pix2PixPlan:
    """How the generator is trained. adversarial_from: share of the steps before the discriminators come in."""

    config: Pix2PixConfig
    steps: int = 2000
    batch: int = 4
    rate: float = 4e-4
    discriminator_width: int = 16
    scales: int = 2
    l1: float = 60.0
    matching: float = 10.0
    adversarial: float = 1.0
    adversarial_from: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.scales, self.discriminator_width) < 1 or not self.rate > 0:
            raise DnpmError(f"steps, batch, scales and rate must be positive (got {self})")


class Pix2PixTrainer(Trainer):
    """G and the discriminators of pix2pixHD in training."""

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16", "fp16")

    def __init__(
        self, pairs: Pairs, mask: np.ndarray, plan: Pix2PixPlan, device: torch.device | str = "cpu",
        precision: Precision = "fp32", rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """mask (R, R). Raises DnpmError when there are no pairs, or their side is another."""
        super().__init__(plan.steps, plan.batch, plan.rate, device, precision, rank)
        size = plan.config.resolution
        if not len(pairs.maps) or pairs.maps.shape[1] != size:
            raise DnpmError(f"the pairs have {pairs.maps.shape[1]} texels a side, the configuration {size}")
        self.pairs, self.plan = pairs, plan
        self.mask = torch.from_numpy(np.asarray(mask, np.float32)).to(self.device)
        state = torch.random.get_rng_state()
        torch.manual_seed(plan.seed)
        # Numbers are drawn on the CPU, the same for every device; the meta device has none to draw.
        with torch.device("meta" if self.device.type == "meta" else "cpu"):
            generator = GlobalGenerator(plan.config)
            judge = MultiScaleDiscriminator(plan.config.channels_in + 1, plan.discriminator_width, plan.scales)
        torch.random.set_rng_state(state)
        mean = np.mean(pairs.maps[: min(len(pairs.maps), 2000)], axis=0, dtype=np.float32)
        generator.mean.copy_(torch.from_numpy(mean))
        self.generator, self.discriminator = generator.to(self.device), judge.to(self.device)
        # It begins at the mean; and the last layer's inputs add up: at the full rate one step moves maps by tenths.
        last = [m for m in self.generator.layers if isinstance(m, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
        ends = {id(p) for p in last.parameters()}
        parts = [[p for p in self.generator.parameters() if (id(p) in ends) == end] for end in (False, True)]
        self.shares = (1.0, (last.weight[0].numel()) ** -0.5)
        self.g_optimizer = torch.optim.Adam([{"params": part} for part in parts], plan.rate, (0.5, 0.999))
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), plan.rate, (0.5, 0.999))
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers = {"g_adam": self.g_optimizer, "d_adam": self.d_optimizer}

    def train_step(self) -> Scalars:
        """One step of G, and of the discriminators once they are in."""
        # Constant for the first half, then straight down to 0 (Wang et al., section 4).
        rate = self.plan.rate * min(1.0, 2 * (1 - self.step / self.plan.steps))
        self.d_optimizer.param_groups[0]["lr"] = rate
        for group, share in zip(self.g_optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate * share
        return self.once()

    def batch(self) -> tuple[Tensor, Tensor]:
        """(B, 4, R, R) as the network reads them, (B, 1, R, R) mm: this process's of those that (seed, step) draws."""
        rng = np.random.default_rng([self.plan.seed, self.step])
        indices = rng.integers(len(self.pairs.maps), size=self.plan.batch)[self.rank.share(self.plan.batch)]
        textures = torch.from_numpy(np.stack([self.pairs.textures[k] for k in indices]).astype(np.float32))
        maps = torch.from_numpy(np.stack([self.pairs.maps[k] for k in indices]).astype(np.float32))[:, None]
        textures, maps = textures.to(self.device), maps.to(self.device)
        return as_input(textures[:, :3], textures[:, 3:]), maps

    def once(self) -> Scalars:
        """A step's losses; on the meta device they are nan (`rehearsal.py`)."""
        plan, scale = self.plan, self.plan.config.scale_mm
        given, wanted = self.batch()
        with self.autocast():
            made = self.generator(given).float() * self.mask
        l1 = ((made - wanted) / scale).abs().sum() / (self.mask.sum() * len(made))
        losses = {"l1_mm": number(l1) * scale}
        total = plan.l1 * l1
        adversarial = self.step >= plan.adversarial_from * plan.steps and plan.adversarial > 0
        if adversarial:
            true = torch.cat([given, wanted / scale], 1)
            false = torch.cat([given, made / scale], 1)
            d_loss = 0.5 * (scores_loss(self._judge(true), True) + scores_loss(self._judge(false.detach()), False))
            self.descend(d_loss, self.d_optimizer, self.discriminator)
            self.discriminator.requires_grad_(False)
            fake = self._judge(false)
            with torch.no_grad():
                real = self._judge(true)
            matching, fooled = matching_loss(fake, real), scores_loss(fake, True)
            total = total + plan.matching * matching + plan.adversarial * fooled
            losses |= {"discriminator": number(d_loss), "matching": number(matching), "fooled": number(fooled)}
        self.descend(total, self.g_optimizer, self.generator)
        self.discriminator.requires_grad_(True)
        return losses

    def _judge(self, images: Tensor) -> list[list[Tensor]]:
        """The discriminators' features, in float32."""
        with self.autocast():
            found = self.discriminator(images)
        return [[feature.float() for feature in scale] for scale in found]


def validate(generator: GlobalGenerator, pairs: Pairs, mask: np.ndarray) -> dict[str, float]:
    """Mean absolute error in mm in the mask, those of a flat map and of the mean of these maps, and R2 around that."""
    weight = np.asarray(mask, np.float64)
    mean = np.asarray(pairs.maps, np.float32).mean(0)
    error = flat = still = square = around = 0.0
    generator.eval()
    device = generator.mean.device
    with torch.inference_mode():
        for texture, target in zip(pairs.textures, pairs.maps, strict=True):
            x = torch.from_numpy(np.asarray(texture, np.float32))[None].to(device)
            made = generator(as_input(x[:, :3], x[:, 3:]))[0, 0].cpu().numpy()
            wanted = np.asarray(target, np.float64)
            error += float((weight * np.abs(made - wanted)).sum())
            flat += float((weight * np.abs(wanted)).sum())
            still += float((weight * np.abs(wanted - mean)).sum())
            square += float((weight * (made - wanted) ** 2).sum())
            around += float((weight * (wanted - mean) ** 2).sum())
    generator.train()
    total = weight.sum() * len(pairs.maps)
    return {
        "mae_mm": error / total, "mae_mm_flat": flat / total, "mae_mm_mean": still / total,
        "r2": 1 - square / max(around, 1e-12),
    }  # fmt: skip
