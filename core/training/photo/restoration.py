"""Training of E_deg, and of its competitors: a degraded map to w+, G frozen (Eq. 11 to 15).

Loss (Eq. 15): 10 L1 (Eq. 12) + 0.2 perceptual (Eq. 13) + 0.1 multi-level identity (Eq. 14). The perceptual distance is
LPIPS on VGG16, as in the paper, where that trunk is at hand, else on AlexNet, else EfficientNet-Lite0's. The identity
term is the paper's sum over five levels of 1 - cosine: of ArcFace's or MobileFaceNet's features where the user brings
such a network (`--identity-network`), else of the perceptual trunk's five, pooled over the face: the card says which.
Heights are compared at a side of G's blocks (`fine`). Rows of w+ that finer blocks read learn nothing, and are not used
(`core/photo/restore/trained.py`). Both trunks look at pictures of `look` texels at most, as pSp and E2Style have it.

Maps are never mirrored: G's pores are not the same on both cheeks, so it could not paint what would be asked of it.
Degraded maps: true ones averaged down by `factors` and enlarged again, and pix2pixHD's rough ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...detail.weights import Detail
from ...errors import DnpmError
from ...measures.identity import IdentityNetwork
from ...measures.perceptual import RANGE_MM, PerceptualDistance
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from ..rehearsal import number

_WARMUP_STEPS = 30


@dataclass(frozen=True)
class RestorationPlan:
    """How an encoder of degraded maps is trained. fine: the side that is learnt at; factors: by which maps are averaged
    down, of the side that they have; the weights are Eq. 15's."""

    steps: int = 1500
    batch: int = 4
    rate: float = 5e-4
    fine: int = 256
    factors: tuple[int, ...] = (4, 8)
    rough: float = 0.4
    """Share of rough maps among the degraded ones."""
    l1: float = 10.0
    perceptual: float = 0.2
    identity: float = 0.1
    """Of each level of Eq. 14's sum."""
    identity_levels: int | None = None
    """Levels that count, from the last on; None: all (Eq. 14, E2Style). pSp takes the embedding alone, 1."""
    l2: float = 0.0
    """Of the square of the difference in half of the metrics' range (pSp's and E2Style's first term)."""
    code: float = 0.0
    """Of the code's mean square (pSp's regularisation)."""
    perceptual_every: int = 1
    """Steps a look at the perceptual and identity terms, weighed as much more."""
    look: int = 256
    """Texels a side of the pictures that these terms see, at most: their time grows with the texels."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.fine, self.look, self.perceptual_every) < 1 or not self.rate > 0:
            raise DnpmError(f"steps, batch, side and rate must be positive (got {self})")
        terms = (self.l1, self.l2, self.perceptual, self.identity)
        if min(*terms, self.code) < 0 or not sum(terms) > 0:
            raise DnpmError(f"the loss's weights must not be negative, nor all be 0 (got {self})")


@dataclass(frozen=True)
class Material:
    """What is learnt from. maps (n, R, R) float16 mm, masked; textures and their maps for rough ones, or None."""

    maps: np.ndarray
    mask: np.ndarray
    rough: np.ndarray | None = None
    """(m, r, r) float16 mm: pix2pixHD's results..."""
    rough_maps: np.ndarray | None = None
    """(m, r, r) ...and the truth."""
    check: tuple[np.ndarray, np.ndarray] | None = None
    """(k, r, r) rough maps and their truth that are not learnt from."""


class RestorationTrainer(Trainer):
    """network: (B, 1, S, S) mm -> (B, 18, 512) to be added to w_mean."""

    def __init__(
        self, network: nn.Module, detail: Detail, material: Material, plan: RestorationPlan, side: int,
        perceptual: PerceptualDistance | None = None, identity: IdentityNetwork | None = None,
        device: torch.device | str = "cpu", precision: Precision = "fp32", rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """side: of the maps that the network reads; identity: the trunk of that term, else the perceptual one. Raises
        DnpmError when a term lacks its trunk."""
        super().__init__(plan.steps, plan.batch, plan.rate, device, precision, rank)
        trunk = identity if identity is not None else perceptual
        if (perceptual is None and plan.perceptual) or (trunk is None and plan.identity):
            raise DnpmError("the perceptual and identity terms need a perceptual distance; give both the weight 0")
        self.trunk = trunk.to(self.device) if trunk is not None else None
        self.network, self.detail = network.to(self.device), detail.to(self.device)
        self.material, self.plan, self.side = material, plan, side
        self.perceptual = perceptual.to(self.device) if perceptual is not None else None
        self.mask = torch.from_numpy(np.asarray(material.mask, np.float32)).to(self.device)
        self.optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], plan.rate)
        self.networks, self.optimizers = {"network": self.network}, {"adam": self.optimizer}

    def train_step(self) -> Scalars:
        """One step, the rate a cosine after a short rise."""
        warmup = min(1.0, (self.step + 1) / _WARMUP_STEPS)
        rate = warmup * self.plan.rate * 0.5 * (1 + np.cos(np.pi * self.step / self.plan.steps))
        self.optimizer.param_groups[0]["lr"] = float(rate)
        return self.once()

    def batch(self) -> tuple[Tensor, Tensor]:
        """(B, 1, S, S) degraded and (B, 1, fine, fine) true maps in mm: this process's of those that (seed, step)
        draws."""
        plan, material = self.plan, self.material
        rng = np.random.default_rng([plan.seed, self.step, 7])
        given, wanted = [], []
        for _ in range(plan.batch):
            rough = material.rough is not None and rng.random() < plan.rough
            if rough and material.rough is not None and material.rough_maps is not None:
                k = int(rng.integers(len(material.rough)))
                low, true = (_tensor(a[k]) for a in (material.rough, material.rough_maps))
            else:
                true = _tensor(material.maps[int(rng.integers(len(material.maps)))])
                low = degrade(true, int(rng.choice(plan.factors)))
            given.append(sized(low, self.side))
            wanted.append(sized(true, plan.fine))
        mine = self.rank.share(plan.batch)
        return torch.cat(given[mine]).to(self.device), torch.cat(wanted[mine]).to(self.device)

    def once(self) -> Scalars:
        """One step's losses; on the meta device they are nan (`rehearsal.py`)."""
        plan = self.plan
        given, wanted = self.batch()
        weight = sized(self.mask[None, None], plan.fine)
        with self.autocast():
            code = self.network(given)
            made = restored(self.detail, code, plan.fine).float() * weight
        l1 = ((made - wanted).abs() * weight).sum() / (weight.sum() * len(made))
        # The pictures that the perceptual term sees are maps over RANGE_MM: L1 and L2 are taken of the same pictures.
        total, losses = plan.l1 * l1 / RANGE_MM, {"l1_mm": number(l1)}
        if plan.l2:
            square = ((made - wanted).square() * weight).sum() / (weight.sum() * len(made))
            total = total + plan.l2 * square / RANGE_MM**2
        if plan.code:
            total = total + plan.code * code.square().mean()
        if self.step % plan.perceptual_every == 0:
            for name, weight_of, term in self._looks(*(sized(x, min(plan.look, plan.fine)) for x in (made, wanted))):
                total = total + plan.perceptual_every * weight_of * term
                losses[name] = number(term)
        self.descend(total, self.optimizer, self.network, clip=1.0)
        return losses

    def _looks(self, made: Tensor, wanted: Tensor) -> Iterator[tuple[str, float, Tensor]]:
        """Name, weight and value of the perceptual and the identity term. Where both have the same trunk, which is what
        takes time, it looks once."""
        plan, pair = self.plan, None
        with self.autocast():
            if plan.perceptual and self.perceptual is not None:
                pair = _features(self.perceptual, made), _features(self.perceptual, wanted)
                yield "perceptual", plan.perceptual, self.perceptual.between(*pair).mean()
            if plan.identity and self.trunk is not None:
                if pair is None or self.trunk is not self.perceptual:
                    pair = _features(self.trunk, made), _features(self.trunk, wanted)
                yield "identity", plan.identity, identity_between(*pair, plan.identity_levels)


def degrade(true: Tensor, factor: int) -> Tensor:
    """(B, 1, R, R) averaged down by a factor, and enlarged again (bicubic): the bicubic baseline's own result."""
    size = true.shape[-1]
    low = functional.avg_pool2d(true, factor)
    return functional.interpolate(low, (size, size), mode="bicubic", align_corners=False)


def restored(detail: Detail, code: Tensor, resolution: int) -> Tensor:
    """Eq. 11: (B, 18, 512) -> (B, 1, R, R) mm."""
    return detail.generator.synthesis(detail.w_mean + code, resolution)


def identity_distance(
    trunk: PerceptualDistance | IdentityNetwork, a: Tensor, b: Tensor, levels: int | None = None
) -> Tensor:  # fmt: skip
    """Eq. 14: the sum over levels of 1 - cosine of the features, pooled to 4 x 4 places of the face; mean over (B, 1,
    H, W) mm. levels: so many from the last on, None for all of them; the trunks here have five as ArcFace has."""
    return identity_between(_features(trunk, a), _features(trunk, b), levels)


def identity_between(a: Sequence[Tensor], b: Sequence[Tensor], levels: int | None = None) -> Tensor:
    """`identity_distance` of two pictures' features."""
    terms = []
    for x, y in zip(a, b, strict=True):
        pooled = [functional.adaptive_avg_pool2d(f, 4).flatten(1) for f in (x, y)]
        terms.append(1 - functional.cosine_similarity(pooled[0], pooled[1].detach(), dim=1).mean())
    return torch.stack(terms[-levels:] if levels else terms).sum()


def _features(trunk: PerceptualDistance | IdentityNetwork, maps: Tensor) -> list[Tensor]:
    return trunk.layers((maps / trunk.range_mm).clamp(-1, 1).expand(-1, 3, -1, -1))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))[None, None]


def sized(x: Tensor, size: int) -> Tensor:
    """(B, C, R, R) averaged down, or enlarged, to another side."""
    if x.shape[-1] == size:
        return x
    if x.shape[-1] % size == 0:
        return functional.avg_pool2d(x, x.shape[-1] // size)
    return functional.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)


def validate(network: nn.Module, detail: Detail, material: Material, side: int, fine: int) -> dict[str, float]:
    """Millimetres off in the mask at `fine` texels: restored from 1/4 and 1/8 of `side`, and from rough maps where
    there are such; and those themselves ("before")."""
    device = detail.w_mean.device
    scale = max(material.maps.shape[-1] // side, 1)
    weight = sized(torch.from_numpy(np.asarray(material.mask, np.float32))[None, None], fine)
    kinds: dict[str, Callable[[int], Tensor]] = {
        "quarter": lambda k: degrade(_tensor(material.maps[k]), 4 * scale),
        "eighth": lambda k: degrade(_tensor(material.maps[k]), 8 * scale),
    }
    truths = dict.fromkeys(kinds, material.maps)
    rough, rough_maps = material.rough, material.rough_maps
    if rough is not None and rough_maps is not None:
        kinds["rough"], truths["rough"] = (lambda k: _tensor(rough[k])), rough_maps
    found = {}
    network.eval()
    with torch.inference_mode():
        for name, make in kinds.items():
            rows = []
            for k, image in enumerate(truths[name]):
                true, low = sized(_tensor(image), fine), make(k)
                made = restored(detail, network(sized(low, side).to(device)), fine).cpu()
                rows.append([float(((x - true).abs() * weight).sum() / weight.sum()) for x in (made, sized(low, fine))])
            found[f"mae_mm_{name}"], found[f"mae_mm_{name}_before"] = map(float, np.mean(rows, 0))
    network.train()
    return found
