"""Our maps against the teacher's, on people and expressions kept out of training, beside two baselines.

R2 = 1 - squared error / variance around the mean map, inside the face mask: the mean map scores about 0. The linear
regression goes from the sliders (and 1) to the map through its principal components, fitted on training samples.
"units":
held-out people, one expression at 1 each (both sides together); "mixtures": held-out people, three to five expressions
at once; "tracks" (with --tracks): held-out people in frames of captured tracks. With --mlp an MLP on the principal
components of as many painted maps joins the table: the strongest regression that knows no generator. "temporal": the
largest step of the map over the mean step when sliders move evenly; "read_back": sliders fitted to the displaced mesh.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from .. import logs
from ..capture.read import SUFFIXES, Capture, read_folder
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, mirror_name
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression
from ..files.contact_sheet import pairs_picture
from ..measures.metrics import RANGE_MM, Score
from ..training.detail import samples
from ..training.teacher import Teacher
from .motion import read_back, temporal
from .painter import Painter

log = logs.logger(__name__)

WORST = 3
PURPOSE = "R2, PSNR, SSIM and mm on held-out people, beside the mean map's and a linear regression's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults take a few minutes."""
    parser.add_argument("--samples", type=int, default=60, help="maps a set (default %(default)s)")
    parser.add_argument("--baseline-samples", type=int, default=1500, help="training maps of the linear regression")
    parser.add_argument(
        "--resolution",
        type=int,
        default=512,
        choices=(128, 256, 512, 1024),
        help="texels of a map's side (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the people and expressions (default %(default)s)")
    parser.add_argument("--tracks", type=Path, metavar="DIR", help="captured tracks: their frames as well")
    parser.add_argument("--mlp", type=int, default=0, metavar="N", help="also an MLP on components of N painted maps")
    parser.add_argument(
        "--worst", type=Path, metavar="FILE", help="picture of the worst maps, the teacher's beside ours"
    )
    parser.add_argument("--walks", type=int, default=4, help="of the temporal steps (default %(default)s)")
    parser.add_argument("--meshes", type=int, default=8, help="that sliders are read back from (default %(default)s)")


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
    sets = {
        "units": unit_pairs(model, args.samples, args.seed),
        "mixtures": mixture_pairs(model, args.samples, args.seed),
    }
    if args.tracks:
        sets["tracks"] = track_pairs(model, args.tracks, args.samples, args.seed)
    rivals: dict[str, LinearRegression | ComponentsMlp] = {"linear": linear}
    if args.mlp:
        rivals["mlp"] = ComponentsMlp(model, teacher, args.mlp, args.seed)
    worst: list[tuple[float, str, np.ndarray, np.ndarray]] = []
    for name, pairs in sets.items():
        scores = {k: Score(teacher.mask, linear.mean) for k in ("ours", "mean_map", *rivals)}
        for identity, expression in pairs:
            truth = teacher.map(identity, expression)
            ours = painter.map(identity, expression, args.resolution)
            scores["ours"].add(ours, truth)
            worst.append((float(np.square(ours - truth).mean()), _expressions_of(model, name, expression), truth, ours))
            worst = sorted(worst, key=lambda entry: -entry[0])[:WORST]
            scores["mean_map"].add(linear.mean, truth)
            for rival, regression in rivals.items():
                scores[rival].add(regression.map(identity, expression), truth)
        result[name] = {k: s.result() for k, s in scores.items()} | {"samples": len(pairs)}
    if args.worst:
        pairs_picture(args.worst, [(title, truth, ours) for _, title, truth, ours in worst])
        result["worst"] = [{"set_and_expressions": title, "rmse_mm": round(e**0.5, 4)} for e, title, _, _ in worst]
    result["temporal"] = temporal(painter, args.walks, args.seed)
    result["read_back"] = read_back(painter, args.meshes, args.seed)
    return result


def table(result: dict) -> str:
    """For reading."""
    lines = [f"held-out maps at {result['resolution']}, inside the face mask", ""]
    for name in ("units", "mixtures", "tracks"):
        if name not in result:
            continue
        title = f"{name} ({result[name]['samples']} maps)"
        lines.append(f"{title:<20}      R2   PSNR dB    SSIM   MAE mm")
        for who, s in result[name].items():
            if who != "samples":
                lines.append(f"  {who:<18}{s['r2']:8.3f}{s['psnr_db']:10.2f}{s['ssim']:8.3f}{s['mae_mm']:9.4f}")
    for name in ("temporal", "read_back"):
        lines += ["", f"{name}:", *(f"  {key:<32}{value}" for key, value in result[name].items())]
    return "\n".join(lines)


def _expressions_of(model: FaceModel, name: str, expression: np.ndarray) -> str:
    """ "mixtures: jawOpen .8, browDownLeft .5": for a title; the three strongest."""
    strong = [int(k) for k in np.argsort(-expression)[:3] if expression[k] > 0.05]
    return f"{name}: " + ", ".join(f"{model.expression_names[k]} {expression[k]:.1f}" for k in strong)


def unit_pairs(model: FaceModel, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Held-out people, each with one expression at 1; the expressions in turn."""
    expressions = [
        n for n in model.expression_names if not (n.endswith("Right") and mirror_name(n) in model.expression_index)
    ]
    people = [samples.draw(model, "test", i, seed)[0] for i in range(count)]
    return [(p, samples.single_expression(model, expressions[i % len(expressions)], 1.0)) for i, p in enumerate(people)]


def mixture_pairs(model: FaceModel, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Other held-out people, each with a mixture that no training sample has."""
    people = [samples.draw(model, "test", 10_000 + i, seed)[0] for i in range(count)]
    return [(p, random_expression(model, 700_000 + seed + i)) for i, p in enumerate(people)]


def track_pairs(model: FaceModel, folder: Path, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Held-out people, each in a frame of a captured track; frames in which hardly anything moves are left out.

    Raises DnpmError when the folder holds no track, or the model lacks ARKit's names.
    """
    if not folder.is_dir():
        raise DnpmError(f"{folder}: no such folder of tracks")
    read = [capture for _, capture in read_folder(folder)]
    for capture in read:
        if isinstance(capture, str):
            log.warning("skipped: %s", capture)
        else:
            log.info("%s", capture.line())
    captures = [capture for capture in read if isinstance(capture, Capture)]
    if not captures:
        raise DnpmError(f"{folder}: holds no track ({', '.join(SUFFIXES)})")
    frames = np.concatenate([capture.track.expression for capture in captures])
    frames = frames[frames.max(1) > 0.15]
    if not len(frames):
        raise DnpmError(f"{folder}: nothing moves in these tracks")
    picks = np.random.default_rng([seed, 77]).choice(len(frames), count, replace=count > len(frames))
    people = [samples.draw(model, "test", 20_000 + i, seed)[0] for i in range(count)]
    return [(p, model.expression(**_known(model, frames[i]))) for p, i in zip(people, picks, strict=True)]


def _known(model: FaceModel, frame: np.ndarray) -> dict[str, float]:
    pairs = zip(ARKIT_NAMES, np.clip(frame, 0, 1).tolist(), strict=True)
    return {name: value for name, value in pairs if name in model.expression_index}


class ComponentsMlp:
    """Sliders -> 160 principal components of painted maps by an MLP: what regression reaches without a generator."""

    COMPONENTS, PASSES = 160, 60

    def __init__(self, model: FaceModel, teacher: Teacher, count: int, seed: int) -> None:
        pairs = [samples.draw(model, "train", i, teacher.seed) for i in range(count)]
        self._size = teacher.resolution
        maps = np.stack([teacher.map(*p).ravel().astype(np.float16) for p in pairs])
        self._mean = maps.mean(0, dtype=np.float32)
        rows = torch.from_numpy(maps).float() - torch.from_numpy(self._mean)
        values, vectors = torch.linalg.eigh((rows @ rows.T).double())
        order = values.argsort(descending=True)[: min(self.COMPONENTS, count - 1)]
        root = values[order].clamp_min(1e-12).sqrt().float()
        self._components = (vectors[:, order].float().T @ rows) / root[:, None]
        code = vectors[:, order].float() * root
        inputs = torch.from_numpy(np.stack([np.concatenate(p) for p in pairs]).astype(np.float32))
        torch.manual_seed(seed)
        widths = (inputs.shape[1], 512, 512, 512, code.shape[1])
        layers: list[torch.nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        self._net = torch.nn.Sequential(*layers[:-1])
        self._scale = code.std(0)
        optimizer = torch.optim.AdamW(self._net.parameters(), lr=1e-3, weight_decay=2e-3)
        steps = self.PASSES * -(-count // 64)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = 1e-3 * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-6
            pick = torch.randint(count, (64,))
            error = (self._net(inputs[pick]) * self._scale.mean() * 3 - code[pick]).square().mean()
            optimizer.zero_grad(set_to_none=True)
            (error / code.square().mean()).backward()
            optimizer.step()

    def map(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """(R, R) mm."""
        with torch.inference_mode():
            row = torch.from_numpy(np.concatenate([identity, expression]).astype(np.float32))[None]
            image = (self._net(row) * self._scale.mean() * 3) @ self._components
        return (image[0].numpy() + self._mean).reshape(self._size, self._size)


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
