"""How far painted maps lie from a set's: Fréchet distance, precision and recall, spectra.

The Fréchet distance is taken between normal distributions of features, as FID's is (Heusel et al. 2017), but not on
Inception's features: it is NOT FID, and its numbers compare with no published ones. Features are EfficientNet-Lite0's,
averaged over places, 512 numbers a map from five sizes of texture; or, with --features random, those of a fixed random
convolutional network. Both see the map averaged to --look texels a side. The distance depends on the number of maps,
hence "held_out", the distance of the set's own other samples at the same number, stands beside it: about as low as one
can get. "mean_map" is as far as a generator comes that knows the set's mean alone.

Without --data the teacher paints the set: as many of its training maps, and as many others. The weights then also paint
random sliders, drawn as training samples are, by way of E ("sliders"); the first row is z through the mapping network.

Precision: the share of painted maps that lie among real ones; recall: the share of real ones among the painted
(Kynkäänniemi et al. 2019, k = 3). Spectra: decibels of the painted maps over the real ones, octave by octave, inside
the mask.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..dataset.batches import read_batches, real_maps
from ..dataset.dataset import MapDataset
from ..detail.card import CARD, weights_dir
from ..detail.generator import Generator
from ..detail.generator_files import CARD as GENERATOR_CARD
from ..detail.generator_files import load_generator
from ..detail.weights import load_detail
from ..measures.distribution import (
    FEATURE_SIZE,
    NEIGHBOURS,
    FeatureStats,
    compare,
    extract_features,
    features_named,
    painted,
)
from ..training.detail import samples
from ..training.teacher import Teacher
from .painter import Painter

PURPOSE = "Fréchet distance (not FID), precision, recall and spectra of painted maps against a set's"
_BATCH = 16
_TITLES = {
    "painted": "random z", "sliders": "random sliders", "held_out": "held-out real", "mean_map": "mean map",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The set, and how many maps."""
    parser.add_argument("--data", type=Path, metavar="SET", help="made by `dnpm data`; without it the teacher paints")
    parser.add_argument("--samples", type=int, default=500, help="maps of each kind (default %(default)s)")
    parser.add_argument(
        "--features",
        choices=("efficientnet-lite0", "random"),
        default="efficientnet-lite0",
        help="the network whose features are compared (default %(default)s)",
    )
    parser.add_argument(
        "--look", type=int, default=FEATURE_SIZE, metavar="N",
        help="texels a side; the teacher paints as many (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--truncation", type=float, default=1.0, metavar="PSI", help="of z's codes (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the painted maps (default %(default)s)")


@dataclass(frozen=True)
class _Sets:
    """Batches (B, 1, R, R) mm of the real maps and of others like them, None where there are too few; the mask."""

    name: str
    resolution: int
    mask: np.ndarray
    real: Iterator[Tensor]
    others: Iterator[Tensor] | None
    generator: Generator
    sliders: Iterator[Tensor] | None = None


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary. Raises DnpmError when a file is missing or sizes do not fit."""
    sets = _of_teacher(args) if args.data is None else _of_data(args)
    features, name = features_named(args.features)

    def look(batches: Iterator[Tensor]) -> FeatureStats:
        return extract_features(batches, features, sets.mask, args.look)

    kept: list[Tensor] = []
    theirs = look(_sum_up(sets.real, kept))
    rows = {"painted": painted(sets.generator, args.samples, args.seed, sets.resolution, args.truncation)}
    if sets.sliders is not None:
        rows["sliders"] = sets.sliders
    if sets.others is not None:
        rows["held_out"] = sets.others
    found = {}
    for row, batches in rows.items():
        stats = look(batches)
        found[row] = compare(stats, theirs) | {"maps": len(stats.features)}
    mean = (torch.stack(kept).sum(0) / len(theirs.features)).float()
    found["mean_map"] = compare(look(iter([mean.expand(NEIGHBOURS + 1, 1, -1, -1)])), theirs)
    return {
        "data": sets.name, "resolution": sets.resolution, "looked_at": min(args.look, sets.resolution),
        "features": name, "samples": args.samples, "real": len(theirs.features), "seed": args.seed,
        "truncation": args.truncation,
    } | found.pop("painted") | found  # fmt: skip


def table(result: dict) -> str:
    """For reading."""
    lines = [
        f"{result['samples']} painted maps against {result['real']} of {result['data']}, {result['resolution']} texels",
        f"features: {result['features']}, at {result['looked_at']} texels (this is not FID)",
        "                 Frechet   precision   recall   spectra: rms dB, worst octave dB",
    ]
    for name, title in _TITLES.items():
        row = result if name == "painted" else result.get(name)
        if row:
            lines.append(
                f"{title:<14}{row['frechet']:10.3f}{row['precision']:12.3f}{row['recall']:9.3f}"
                f"{row['spectrum_rms_db']:12.2f}{row['spectrum_worst_db']:12.2f}"
            )
    return "\n".join(lines)


def open_any_generator(folder: str | None) -> Generator:
    """From weights (`detail.json`), or from a folder with a generator alone (`generator.json`)."""
    if folder and not (Path(folder) / CARD).is_file() and (Path(folder) / GENERATOR_CARD).is_file():
        return load_generator(Path(folder))[0]
    return load_detail(weights_dir(folder)).generator


def _of_data(args: argparse.Namespace) -> _Sets:
    data = MapDataset.open(args.data)
    generator = open_any_generator(args.weights)
    resolution = min(data.resolution, generator.config.resolution)
    real = real_maps(data, "train", args.samples, args.seed, resolution)
    picks = np.concatenate([data.split("validation"), data.split("test")])
    others = read_batches(data, picks[: args.samples], resolution) if len(picks) > NEIGHBOURS else None
    return _Sets(data.about.name, resolution, data.mask, real, others, generator)


def _of_teacher(args: argparse.Namespace) -> _Sets:
    painter = Painter.of(args)
    model, count = painter.model, args.samples
    resolution = min(args.look, painter.detail.generator.config.resolution)
    teacher = Teacher(model, resolution, int(painter.detail.card["seed"]))

    def paint(first: int) -> Iterator[Tensor]:
        for start in range(first, first + count, _BATCH):
            pairs = [
                samples.draw(model, "train", k, teacher.seed) for k in range(start, min(start + _BATCH, first + count))
            ]
            yield torch.from_numpy(np.stack([teacher.map(*pair) for pair in pairs]))[:, None]

    def sliders() -> Iterator[Tensor]:
        for start in range(0, count, _BATCH):
            pairs = [samples.draw(model, "test", k, args.seed) for k in range(start, min(start + _BATCH, count))]
            both = (torch.from_numpy(np.stack(values)) for values in zip(*pairs, strict=True))
            with torch.inference_mode():
                yield painter.detail.displacement(*both, resolution=resolution)

    return _Sets(
        "the teacher", resolution, model.detail_mask, paint(0), paint(count), painter.detail.generator, sliders()
    )  # fmt: skip


def _sum_up(batches: Iterator[Tensor], kept: list[Tensor]) -> Iterator[Tensor]:
    """The same batches; the sum of each is kept."""
    for maps in batches:
        kept.append(maps[:, 0].double().sum(0))
        yield maps
