"""Training of pix2pixHD: what a photo shows to a rough map, by LSGAN + feature matching + an L1 of millimetres.

The paper's perceptual term is the L1's place here: a map is no photo, and its millimetres are what counts. Pairs are
never mirrored: the pores of the two cheeks are not each other's mirror images, so the mean would not be the mean.

The network that corrects the sliders' map learns from simulated photos (`simulated.py`). Its error is
a Huber loss (small errors squared: the mean is what is wanted where a photo does not tell), on heights, on their means
over 4 x 4 texels, and on slopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import DnpmError
from ...photo.restore.pix2pix import GlobalGenerator, Pix2PixConfig, as_input
from ...photo.restore.skin_input import WINDOW
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from ..rehearsal import number
from .discriminator import MultiScaleDiscriminator, matching_loss, scores_loss
from .pairs import Pairs
from .simulated import SHAPE, SimulatedPhotos

_SMALL = 0.04
"""Errors in scale_mm up to which Huber's loss is a square."""


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
    slopes: float = 60.0
    """Of slopes and of means, where maps are corrected."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.scales, self.discriminator_width) < 1 or not self.rate > 0:
            raise DnpmError(f"steps, batch, scales and rate must be positive (got {self})")


class Pix2PixTrainer(Trainer):
    """G and the discriminators of pix2pixHD in training."""

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16", "fp16")

    def __init__(
        self, pairs: Pairs | SimulatedPhotos, mask: np.ndarray, plan: Pix2PixPlan, device: torch.device | str = "cpu",
        precision: Precision = "fp32", rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """mask (R, R), or as large as simulated photos. Raises DnpmError when there are no pairs, their side is
        another, or a network that corrects maps is not given simulated photos."""
        super().__init__(plan.steps, plan.batch, plan.rate, device, precision, rank)
        size = plan.config.resolution
        if plan.config.corrects != isinstance(pairs, SimulatedPhotos):
            raise DnpmError("a network that corrects maps learns from simulated photos, any other from rendered ones")
        if isinstance(pairs, Pairs) and (not len(pairs.maps) or pairs.maps.shape[1] != size):
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
        if isinstance(pairs, Pairs):
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

    def batch(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """(B, C, H, W) as the network reads them, (B, 1, H, W) mm, and the maps to be corrected, None where it makes
        them from nothing: this process's of those that (seed, step) draws."""
        if isinstance(self.pairs, SimulatedPhotos):
            numbers = range(self.step * self.plan.batch, (self.step + 1) * self.plan.batch)
            drawn = [self.pairs.again(k) for k in numbers[self.rank.share(self.plan.batch)]]
            given, true, known = (
                torch.from_numpy(np.stack(a)).float().to(self.device) for a in zip(*drawn, strict=True)
            )
            return given, true[:, None], known[:, None]
        rng = np.random.default_rng([self.plan.seed, self.step])
        indices = rng.integers(len(self.pairs.maps), size=self.plan.batch)[self.rank.share(self.plan.batch)]
        textures = torch.from_numpy(np.stack([self.pairs.textures[k] for k in indices]).astype(np.float32))
        maps = torch.from_numpy(np.stack([self.pairs.maps[k] for k in indices]).astype(np.float32))[:, None]
        textures, maps = textures.to(self.device), maps.to(self.device)
        return as_input(textures[:, :3], textures[:, 3:]), maps, None

    def once(self) -> Scalars:
        """A step's losses; on the meta device they are nan (`rehearsal.py`)."""
        plan, scale = self.plan, self.plan.config.scale_mm
        given, wanted, known = self.batch()
        with self.autocast():
            made = self.generator(given, known).float() * self.mask
        off = (made - wanted) / scale
        l1 = off.abs().sum() / (self.mask.sum() * len(made))
        losses = {"l1_mm": number(l1) * scale}
        if known is None:
            total = plan.l1 * l1
        else:
            total = plan.l1 * _huber(off) + plan.slopes * (
                _huber(functional.avg_pool2d(off, 4)) + _huber(off.diff(dim=2)) + _huber(off.diff(dim=3))
            )
            losses["known_mm"] = number((known - wanted).abs().sum() / (self.mask.sum() * len(made)))
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


def _huber(off: Tensor) -> Tensor:
    return functional.smooth_l1_loss(off, torch.zeros_like(off), beta=_SMALL)


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


@dataclass(frozen=True)
class Corrected:
    """Simulated photos: seen (N, H, W) 0 to 1, true, known and made (N, H, W) mm: the truth, the sliders' map, and what
    the network makes of it."""

    seen: np.ndarray
    true: np.ndarray
    known: np.ndarray
    made: np.ndarray


def corrected(generator: GlobalGenerator, photos: SimulatedPhotos, count: int) -> Corrected:
    """The network's answers to the first `count` photos."""
    rows = []
    generator.eval()
    with torch.inference_mode():
        for number in range(count):
            given, true, known = photos.draw(number)
            x, y = (torch.from_numpy(a)[None].to(generator.mean.device) for a in (given, known))
            rows.append((0.5 + 0.5 * given[1], true, known, generator(x, y[:, None])[0, 0].cpu().numpy() * photos.mask))
    generator.train()
    return Corrected(*(np.stack(column) for column in zip(*rows, strict=True)))


def validate_corrected(found: Corrected, photos: SimulatedPhotos) -> dict[str, float]:
    """Mean absolute errors in mm of the network's maps, the sliders' and the people's mean map; R2 around the latter
    ("r2", "r2_sliders"), and both where the photo shows the skin, whole and by region."""
    mean = np.asarray(photos.people.creased, np.float32).mean(0)[WINDOW] * photos.mask
    scores = {
        f"mae_mm{name}": float(np.abs(maps - found.true).sum() / (photos.mask.sum() * len(found.true)))
        for name, maps in (("", found.made), ("_sliders", found.known), ("_mean", mean))
    }
    places = {"": np.ones(SHAPE), "_seen": found.seen}
    places |= {f"_{name}": found.seen * mask for name, mask in photos.regions.items()}
    for name, weight in places.items():
        around = float((weight * (found.true - mean) ** 2).sum())
        for kind, maps in (("r2", found.made), ("r2_sliders", found.known)):
            scores[kind + name] = 1 - float((weight * (found.true - maps) ** 2).sum()) / max(around, 1e-12)
    return scores
