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
from pathlib import Path

import numpy as np

from ..dataset.batches import read_batches, real_maps
from ..dataset.dataset import MapDataset
from ..detail.card import CARD, weights_dir
from ..detail.generator import Generator
from ..detail.generator_files import CARD as GENERATOR_CARD
from ..detail.generator_files import load_generator
from ..detail.weights import load_detail
from ..measures.distribution import FEATURE_SIZE, NEIGHBOURS, compare, extract_features, features_named, painted

PURPOSE = "Fréchet distance (not FID), precision, recall and spectra of painted maps against a set's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The set, and how many maps."""
    parser.add_argument("--data", type=Path, required=True, metavar="SET", help="made by `dnpm data`")
    parser.add_argument("--samples", type=int, default=500, help="maps of each kind (default %(default)s)")
    parser.add_argument(
        "--features",
        choices=("efficientnet-lite0", "random"),
        default="efficientnet-lite0",
        help="the network whose features are compared (default %(default)s)",
    )
    parser.add_argument(
        "--look", type=int, default=FEATURE_SIZE, metavar="N", help="texels a side (default %(default)s)"
    )
    parser.add_argument("--truncation", type=float, default=1.0, metavar="PSI", help="of z's codes (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the painted maps (default %(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary. Raises DnpmError when a file is missing or sizes do not fit."""
    data = MapDataset.open(args.data)
    generator = open_any_generator(args.weights)
    resolution = min(data.resolution, generator.config.resolution)
    features, name = features_named(args.features)
    real = real_maps(data, "train", args.samples, args.seed, resolution)
    theirs = extract_features(real, features, data.mask, args.look)
    ours = extract_features(
        painted(generator, args.samples, args.seed, resolution, args.truncation), features, data.mask, args.look
    )
    result = {
        "data": data.about.name, "resolution": resolution, "looked_at": min(args.look, resolution), "features": name,
        "samples": args.samples, "real": len(theirs.features), "seed": args.seed, "truncation": args.truncation,
    } | compare(ours, theirs)  # fmt: skip
    others = np.concatenate([data.split("validation"), data.split("test")])
    if len(others) > NEIGHBOURS:
        held_out = extract_features(
            read_batches(data, others[: args.samples], resolution), features, data.mask, args.look
        )
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


def open_any_generator(folder: str | None) -> Generator:
    """From weights (`detail.json`), or from a folder with a generator alone (`generator.json`)."""
    if folder and not (Path(folder) / CARD).is_file() and (Path(folder) / GENERATOR_CARD).is_file():
        return load_generator(Path(folder))[0]
    return load_detail(weights_dir(folder)).generator
