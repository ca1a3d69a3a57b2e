"""How far apart two sets of maps are: Fréchet distance of features, precision and recall, spectra.

`core/evaluation/distance.py` says what the figures mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..detail.generator import Generator
from ..errors import DnpmError
from . import relief
from .efficientnet import SMALLEST, load_efficientnet

_BATCH = 16

RANGE_MM = 0.5
"""Heights that are white (and, negative, black) in what the features see."""
FEATURE_SIZE = 256
NEIGHBOURS = 3
Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FeatureStats:
    """Features (n, D) and mean radial power (F,) of maps of one set."""

    features: np.ndarray
    frequencies: np.ndarray
    power: np.ndarray


def features_named(name: str, device: torch.device | str = "cpu") -> tuple[Features, str]:
    """("efficientnet-lite0" or "random") -> (function (B, 3, h, w) in [-1, 1] -> (B, D), what to call it)."""
    if name == "random":
        net = RandomFeatures().to(device)
        return net, "random convolutions (seed 0)"
    trunk = load_efficientnet().to(device)
    return lambda x: torch.cat([t.mean((2, 3)) for t in trunk.taps(x)], 1), "EfficientNet-Lite0, five sizes, averaged"


class RandomFeatures(torch.nn.Module):
    """Five convolutions of stride 2 with fixed random kernels; means and deviations of each size's features."""

    def __init__(self) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(0)
        self.kernels = torch.nn.ParameterList()
        n_in = 3
        for n_out in (16, 32, 48, 64, 64):
            kernel = torch.randn(n_out, n_in, 3, 3, generator=source) / (3 * n_in**0.5)
            self.kernels.append(torch.nn.Parameter(kernel, requires_grad=False))
            n_in = n_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, h, w) -> (B, 448)."""
        found = []
        for kernel in self.kernels:
            x = F.leaky_relu(F.conv2d(x, kernel, stride=2, padding=1), 0.2) * 2**0.5
            found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        return torch.cat(found, 1)


def extract_features(
    batches: Iterator[Tensor], features: Features, mask: np.ndarray, size: int, device: torch.device | str = "cpu"
) -> FeatureStats:
    """Batches (B, 1, R, R) mm -> features and mean spectrum, inside the mask (R', R'), which is averaged to R.

    Raises DnpmError when there are fewer than 4 maps, or they are smaller than the features need.
    """
    found, powers, frequencies, place = [], [], np.zeros(0), None
    for maps in batches:
        side = maps.shape[-1]
        if place is None:
            place = averaged(torch.from_numpy(np.array(mask, np.float32))[None, None], side)
        inside = place[0, 0].numpy()
        maps = maps.cpu() * place
        small = averaged(maps, min(size, side))
        if small.shape[-1] < SMALLEST:
            raise DnpmError(f"maps of {small.shape[-1]} texels are too small to compare; at least {SMALLEST}")
        picture = (small / RANGE_MM).clamp(-1, 1).expand(-1, 3, -1, -1)
        with torch.inference_mode():
            found.append(features(picture.to(device)).float().cpu().numpy())
        for one in maps[:, 0].numpy():
            frequencies, power = relief.radial_spectrum(one, inside, 1.0)
            powers.append(power)
    if sum(len(f) for f in found) <= NEIGHBOURS:
        raise DnpmError(f"more than {NEIGHBOURS} maps of each kind are needed to compare them")
    return FeatureStats(np.concatenate(found).astype(np.float64), frequencies, np.mean(powers, 0))


def compare(ours: FeatureStats, theirs: FeatureStats) -> dict[str, float]:
    """frechet, precision, recall, spectrum_rms_db, spectrum_worst_db."""
    precision, recall = precision_recall(ours.features, theirs.features)
    bands = relief.octaves(1.0, 64.0)
    db = relief.decibels(
        relief.band_variances(ours.frequencies, ours.power, bands),
        relief.band_variances(theirs.frequencies, theirs.power, bands),
    )
    return {
        "frechet": round(frechet_distance(ours.features, theirs.features), 4),
        "precision": round(precision, 4), "recall": round(recall, 4),
        "spectrum_rms_db": round(float(np.sqrt(np.nanmean(db**2))), 3),
        "spectrum_worst_db": round(float(db[np.nanargmax(np.abs(db))]), 3),
    }  # fmt: skip


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """(n, D), (m, D) -> |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances.

    The trace of the root is the sum of the singular values of A^(1/2) B^(1/2), which needs no complex root.
    """
    # A centred matrix over sqrt(n - 1) is a root of its covariance: X^T X. So no D x D root is ever taken.
    roots = [(x - x.mean(0)) / np.sqrt(max(1, len(x) - 1)) for x in (a, b)]
    roots = [np.linalg.qr(root, "r") if len(root) > root.shape[1] else root for root in roots]
    cross = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(float((root**2).sum()) for root in roots)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + max(0.0, spread - 2 * cross))


def precision_recall(painted: np.ndarray, real: np.ndarray, k: int = NEIGHBOURS) -> tuple[float, float]:
    """(n, D), (m, D) -> the share of painted that lies within some real map's distance to its k-th neighbour, and the
    share of real within some painted one's."""

    def within(points: np.ndarray, manifold: np.ndarray) -> float:
        radii = np.sort(_distances(manifold, manifold), 1)[:, k]  # Column 0 is the point itself.
        return float((_distances(points, manifold) <= radii).any(1).mean())

    return within(painted, real), within(real, painted)


def painted(
    generator: Generator, count: int, seed: int, resolution: int, psi: float = 1.0, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """Batches of maps (B, 1, R, R) mm of z from the seed."""
    source = torch.Generator().manual_seed(seed)
    for start in range(0, count, _BATCH):
        z = torch.randn(min(_BATCH, count - start), generator.config.z_dim, generator=source)
        with torch.inference_mode():
            yield generator(z.to(device), psi, resolution).cpu()


def averaged(maps: Tensor, side: int) -> Tensor:
    factor = maps.shape[-1] // side
    return F.avg_pool2d(maps, factor) if factor > 1 else maps


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))
