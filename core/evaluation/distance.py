"""How far painted maps lie from a set's: Fréchet distance, precision and recall, spectra.

The Fréchet distance is taken between normal distributions of features, as FID's is (Heusel et al. 2017), but not on
Inception's features: it is NOT FID, and its numbers compare with no published ones. Features are EfficientNet-Lite0's,
averaged over places, 512 numbers a map from five sizes of texture; or, with --features random, those of a fixed random
convolutional network. Both see the map averaged to --look texels a side. The distance depends on the number of maps,
hence "held_out", the distance of the set's own other samples at the same number, stands beside it: about as low as one
can get.

Precision: the share of painted maps that lie among real ones; recall: the share of real ones among the painted
(Kynkäänniemi et al. 2019, k = 3). Spectra: decibels of the painted maps over the real ones, octave by octave, inside
the mask.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..detail.card import CARD, weights_dir
from ..detail.generator import Generator
from ..detail.generator_files import CARD as GENERATOR_CARD
from ..detail.generator_files import load_generator
from ..detail.weights import load_detail
from ..errors import DnpmError
from ..training.data.dataset import MapDataset
from ..training.perceptual.efficientnet import SMALLEST, load_efficientnet
from . import relief

PURPOSE = "Fréchet distance (not FID), precision, recall and spectra of painted maps against a set's"
RANGE_MM = 0.5
"""Heights that are white (and, negative, black) in what the features see."""
LOOK = 256
NEIGHBOURS = 3
_BATCH = 16
Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Looked:
    """Features (n, D) and mean radial power (F,) of maps of one set."""

    features: np.ndarray
    frequencies: np.ndarray
    power: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The set, and how many maps."""
    parser.add_argument("--data", type=Path, required=True, metavar="SET", help="made by `dnpm data`")
    parser.add_argument("--samples", type=int, default=500, help="maps of each kind (default %(default)s)")
    parser.add_argument("--features", choices=("efficientnet-lite0", "random"), default="efficientnet-lite0")
    parser.add_argument("--look", type=int, default=LOOK, metavar="N", help="texels a side (default %(default)s)")
    parser.add_argument("--truncation", type=float, default=1.0, metavar="PSI", help="of z's codes (default 1)")
    parser.add_argument("--seed", type=int, default=0)


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary. Raises DnpmError when a file is missing or sizes do not fit."""
    data = MapDataset.open(args.data)
    generator = open_any_generator(args.weights)
    resolution = min(data.resolution, generator.config.resolution)
    features, name = features_named(args.features)
    real = real_maps(data, "train", args.samples, args.seed, resolution)
    theirs = look(real, features, data.mask, args.look)
    ours = look(
        painted(generator, args.samples, args.seed, resolution, args.truncation), features, data.mask, args.look
    )
    result = {
        "data": data.about.name, "resolution": resolution, "looked_at": min(args.look, resolution), "features": name,
        "samples": args.samples, "real": len(theirs.features), "seed": args.seed, "truncation": args.truncation,
    } | compare(ours, theirs)  # fmt: skip
    others = np.concatenate([data.split("validation"), data.split("test")])
    if len(others) > NEIGHBOURS:
        held_out = look(_read(data, others[: args.samples], resolution), features, data.mask, args.look)
        result["held_out"] = compare(held_out, theirs) | {"maps": len(held_out.features)}
    return result


def table(result: dict) -> str:
    """For reading."""
    lines = [
        f"{result['samples']} painted maps against {result['real']} of {result['data']}, {result['resolution']} texels",
        f"features: {result['features']}, at {result['looked_at']} texels (this is not FID)",
        "                 Frechet   precision   recall   spectra: rms dB, worst octave dB",
    ]
    for title, row in (("painted", result), ("held-out real", result.get("held_out"))):
        if row:
            lines.append(
                f"{title:<14}{row['frechet']:10.3f}{row['precision']:12.3f}{row['recall']:9.3f}"
                f"{row['spectrum_rms_db']:12.2f}{row['spectrum_worst_db']:12.2f}"
            )
    return "\n".join(lines)


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


def look(
    batches: Iterator[Tensor], features: Features, mask: np.ndarray, size: int, device: torch.device | str = "cpu"
) -> Looked:
    """Batches (B, 1, R, R) mm -> features and mean spectrum, inside the mask (R', R'), which is averaged to R.

    Raises DnpmError when there are fewer than 4 maps, or they are smaller than the features need.
    """
    found, powers, frequencies, place = [], [], np.zeros(0), None
    for maps in batches:
        side = maps.shape[-1]
        if place is None:
            place = _averaged(torch.from_numpy(np.array(mask, np.float32))[None, None], side)
        inside = place[0, 0].numpy()
        maps = maps.cpu() * place
        small = _averaged(maps, min(size, side))
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
    return Looked(np.concatenate(found).astype(np.float64), frequencies, np.mean(powers, 0))


def compare(ours: Looked, theirs: Looked) -> dict[str, float]:
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


def real_maps(data: MapDataset, split: str, count: int, seed: int, resolution: int) -> Iterator[Tensor]:
    """Batches (B, 1, R, R) mm of up to `count` samples of a split, picked by the seed."""
    picks = np.random.default_rng(seed).permutation(data.split(split))[:count]
    return _read(data, np.sort(picks), resolution)


def open_any_generator(folder: str | None) -> Generator:
    """From weights (`detail.json`), or from a folder with a generator alone (`generator.json`)."""
    if folder and not (Path(folder) / CARD).is_file() and (Path(folder) / GENERATOR_CARD).is_file():
        return load_generator(Path(folder))[0]
    return load_detail(weights_dir(folder)).generator


def _read(data: MapDataset, picks: np.ndarray, resolution: int) -> Iterator[Tensor]:
    if data.resolution % resolution:
        raise DnpmError(f"maps of {data.resolution} texels cannot be averaged to the generator's {resolution}")
    for start in range(0, len(picks), _BATCH):
        yield _averaged(torch.from_numpy(data.maps(picks[start : start + _BATCH]))[:, None], resolution)


def _averaged(maps: Tensor, side: int) -> Tensor:
    factor = maps.shape[-1] // side
    return F.avg_pool2d(maps, factor) if factor > 1 else maps


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))
