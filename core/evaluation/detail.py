"""Our maps against the teacher's, on people and expressions kept out of training, beside two baselines.

R2 = 1 - squared error / variance around the mean map, inside the face mask: the mean map scores about 0. The linear
regression goes from the sliders (and 1) to the map through its principal components, fitted on training samples.
"units":
held-out people, one deed at 1 each (both sides together); "mixtures": held-out people, three to five deeds at once.
"""

from __future__ import annotations

import argparse

import numpy as np

from ..face_model.arkit import mirror_name
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression
from ..training.detail import samples
from ..training.teacher import Teacher
from .metrics import RANGE_MM, Score
from .painter import Painter

PURPOSE = "R2, PSNR, SSIM and mm on held-out people, beside the mean map's and a linear regression's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults take a few minutes."""
    parser.add_argument("--samples", type=int, default=60, help="maps a set (default %(default)s)")
    parser.add_argument("--baseline-samples", type=int, default=1500, help="training maps of the linear regression")
    parser.add_argument("--resolution", type=int, default=512, choices=(128, 256, 512, 1024))
    parser.add_argument("--seed", type=int, default=0)


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary (the issue's keys)."""
    painter = Painter.of(args)
    model = painter.model
    teacher = Teacher(model, args.resolution, int(painter.detail.card["seed"]))
    linear = LinearRegression(model, teacher, args.baseline_samples)
    result: dict = {
        "resolution": args.resolution, "range_mm": RANGE_MM, "seed": args.seed, "inside": "face mask > .5",
        "baseline_samples": args.baseline_samples,
    }  # fmt: skip
    for name, pairs in (
        ("units", unit_pairs(model, args.samples, args.seed)),
        ("mixtures", mixture_pairs(model, args.samples, args.seed)),
    ):
        scores = {k: Score(teacher.mask, linear.mean) for k in ("ours", "mean_map", "linear")}
        for identity, expression in pairs:
            truth = teacher.map(identity, expression)
            scores["ours"].add(painter.map(identity, expression, args.resolution), truth)
            scores["mean_map"].add(linear.mean, truth)
            scores["linear"].add(linear.map(identity, expression), truth)
        result[name] = {k: s.result() for k, s in scores.items()} | {"samples": len(pairs)}
    return result


def table(result: dict) -> str:
    """For reading."""
    lines = [f"held-out maps at {result['resolution']}, inside the face mask", ""]
    for name in ("units", "mixtures"):
        lines.append(f"{name} ({result[name]['samples']} maps)      R2   PSNR dB    SSIM   MAE mm")
        for who in ("ours", "mean_map", "linear"):
            s = result[name][who]
            lines.append(f"  {who:<18}{s['r2']:8.3f}{s['psnr_db']:10.2f}{s['ssim']:8.3f}{s['mae_mm']:9.4f}")
    return "\n".join(lines)


def unit_pairs(model: FaceModel, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Held-out people, each with one deed at 1; the deeds in turn."""
    deeds = [
        n for n in model.expression_names if not (n.endswith("Right") and mirror_name(n) in model.expression_index)
    ]
    people = [samples.draw(model, "test", i, seed)[0] for i in range(count)]
    return [(p, samples.deed(model, deeds[i % len(deeds)], 1.0)) for i, p in enumerate(people)]


def mixture_pairs(model: FaceModel, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Other held-out people, each with a mixture that no training sample has."""
    people = [samples.draw(model, "test", 10_000 + i, seed)[0] for i in range(count)]
    return [(p, random_expression(model, 700_000 + seed + i)) for i, p in enumerate(people)]


class LinearRegression:
    """Sliders -> map by ridge regression: all texels at once, through the maps themselves (no components are lost)."""

    def __init__(self, model: FaceModel, teacher: Teacher, count: int) -> None:
        pairs = [samples.draw(model, "train", i, teacher.seed) for i in range(count)]
        x = np.stack([self._row(*p) for p in pairs])
        system = x.T @ x + 1.0 * np.eye(x.shape[1], dtype=np.float32)
        size = teacher.resolution
        product = np.zeros((x.shape[1], size * size), np.float32)
        total = np.zeros(size * size)
        for i in range(0, count, 50):
            maps = np.stack([teacher.map(*p).ravel() for p in pairs[i : i + 50]])
            product += x[i : i + 50].T @ maps
            total += maps.sum(0)
        self._weights = np.linalg.solve(system.astype(np.float64), product.astype(np.float64)).astype(np.float32)
        self._size = size
        self.mean = (total / count).reshape(size, size).astype(np.float32)

    @staticmethod
    def _row(identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        return np.concatenate([identity, expression, [1.0]]).astype(np.float32)

    def map(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """(R, R) mm."""
        return (self._row(identity, expression) @ self._weights).reshape(self._size, self._size)
