"""What Tables II to IV share: maps that are restored, methods that are trained alike, scores, Markdown.

Every network learns on the same maps for the same time, with its own published loss, G frozen at the loaded weights:

    ours      10 L1 + 0.2 perceptual + 0.1 identity summed over five levels (Eq. 12 to 15)
    pSp       1 L2 + 0.8 perceptual + 0.1 identity of the last level alone + 0.005 |w|
    E2Style   1 L2 + 0.8 perceptual + 0.5 identity summed over five levels; the second stage after the first, half of
              the time each
    PULSE     trains nothing; 100 steps a map

Widths are small ones that two cores can train (`ours` is the shipped configuration); parameters are told for them and
for the published sizes. Scores: `core/measures/metrics.py`, in the face mask and over the whole square.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import logs
from ..detail.card import check_face_model, weights_dir
from ..detail.weights import Detail, load_detail
from ..devices import name as device_name
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..files.writing import write_text
from ..geometry.uv_map import mask_at
from ..measures.metrics import Score
from ..measures.perceptual import PerceptualDistance
from ..options import add_device, add_perceptual, device_of, perceptual_of
from ..paths import ROOT
from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, fitted_to
from ..training.detail.cache import MapCache, fill
from ..training.photo.material import codes_of_sliders
from ..training.photo.restoration import Material, RestorationPlan, RestorationTrainer, degrade, restored
from .competitors.e2style import E2Style
from .competitors.psp import PSP
from .table1 import parameter_count

log = logs.logger(__name__)

FACTORS = (4, 8)
PUBLISHED_M = {"pSp": 297.50, "E2Style, 1 stage": 141.61, "E2Style, 2 stages": 252.85, "ours": 114.27}
_CONFIG_F = 30_363_962
_PAPER = {
    "pSp": lambda: PSP(), "E2Style, 1 stage": lambda: E2Style(),
    "E2Style, 2 stages": lambda: nn.ModuleList([E2Style(), E2Style(6)]),
    "ours": lambda: DegradedEncoder(replace(CONFIGS["paper"], channels_in=3)),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, name: str, minutes: float) -> None:
    """Data and budget."""
    parser.add_argument("--maps", type=int, default=800, help="that the teacher paints to train on (default 800)")
    parser.add_argument("--samples", type=int, default=24, help="held-out maps (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=minutes, help="of training, all methods together")
    parser.add_argument("--resolution", type=int, default=256, help="of the maps (default %(default)s)")
    parser.add_argument("--batch", type=int, default=4, help="maps a training step (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "tables", help="maps (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "tables", help=f"of {name}.md and {name}.json")
    parser.add_argument("--processes", type=int, default=2, help="that paint maps")
    parser.add_argument("--seed", type=int, default=0, help="of training and degradation (default %(default)s)")
    add_perceptual(parser, prefer="vgg")
    add_device(parser)


@dataclass(frozen=True)
class Bench:
    """What every method gets."""

    detail: Detail
    model: FaceModel
    train: np.ndarray
    test: np.ndarray
    mask: np.ndarray
    perceptual: PerceptualDistance
    device: torch.device
    args: argparse.Namespace

    @classmethod
    def open(cls, args: argparse.Namespace) -> Bench:
        """Load the weights, paint the maps. Raises DnpmError on unfit settings."""
        if not args.minutes > 0 or args.samples < 2 or args.resolution not in (128, 256, 512):
            raise DnpmError("--minutes must be positive, --samples at least 2, --resolution 128, 256 or 512")
        path, device = face_model_path(args.face_model), device_of(args)
        model, weights = FaceModel.load(path), weights_dir(args.weights)
        detail = load_detail(weights)
        check_face_model(detail.card, model)
        distance = perceptual_of(args)
        assert distance is not None, "the tables' parser does not offer none"
        size, painted = args.resolution, max(512, args.resolution)
        caches: list[MapCache] = [
            fill(args.folder / "maps", Path(path), split, count, size, painted, args.processes, args.seed)
            for split, count in (("train", args.maps), ("validation", args.samples))
        ]
        mask = mask_at(model.detail_mask, size)
        train, test = (np.asarray(c.maps) * mask.astype(np.float16) for c in caches)
        return cls(detail.to(device), model, train, test, mask, distance.to(device), device, args)

    def mean(self) -> np.ndarray:
        """(R, R) mean of the training maps."""
        return np.asarray(self.train, np.float32).mean(0)

    def score(self, make: Callable[[int, Tensor], Tensor]) -> dict[str, dict[str, float]]:
        """make(number, true (1, 1, R, R)) -> (1, 1, R, R) mm; scores in the mask and over the square."""
        mean = self.mean()
        scores = {"mask": Score(self.mask, mean), "square": Score(np.ones_like(self.mask), mean)}
        for k, row in enumerate(self.test):
            true = torch.from_numpy(row.astype(np.float32))[None, None].to(self.device)
            with torch.no_grad():
                made = make(k, true)[0, 0].cpu().numpy() * self.mask
            for score in scores.values():
                score.add(made, row.astype(np.float32))
        return {where: score.result() for where, score in scores.items()}

    def by_factor(self, call: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """ "1/4" and "1/8" -> scores of call(low (1, 1, R, R)), low being the true map degraded so."""

        def at(factor: int) -> Callable[[int, Tensor], Tensor]:
            return lambda _, true: call(degrade(true, factor))

        return {f"1/{factor}": self.score(at(factor)) for factor in FACTORS}

    def mean_map(self) -> Tensor:
        """(1, 1, R, R): the mean of the training maps."""
        return torch.from_numpy(self.mean())[None, None].to(self.device)

    def train_for(
        self, title: str, network: nn.Module, plan: RestorationPlan, minutes: float, material: Material | None = None,
        base: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> int:  # fmt: skip
        """Train a network for so long; steps done. base: the code and map that it corrects (E2Style's
        second stage)."""
        wrapped: nn.Module = network if base is None else Corrected(network, base)
        given = material or Material(self.train, self.mask)
        # The cosine needs to know the end: a few steps tell how many the time allows.
        trial = self._trainer(_copy(wrapped), given, plan)
        seconds: list[float] = []
        for _ in range(4):
            begin = time.monotonic()
            next(trial.run())
            seconds.append(time.monotonic() - begin)
        steps = max(4, int(minutes * 60 / float(np.mean(seconds[1:]))))
        trainer = self._trainer(wrapped, given, replace(plan, steps=steps))
        deadline = time.monotonic() + 1.5 * minutes * 60  # A machine that grows busier must not take for ever.
        for losses in trainer.run():
            if trainer.step % 50 == 0 or trainer.step == steps:
                labels = ", ".join(f"{k} {v:.4f}" for k, v in losses.items())
                log.info("%s: step %d/%d, %s", title, trainer.step, steps, labels)
            if time.monotonic() > deadline:
                break
        network.eval()
        return trainer.step

    def _trainer(self, network: nn.Module, material: Material, plan: RestorationPlan) -> RestorationTrainer:
        side = self.args.resolution
        return RestorationTrainer(network, self.detail, material, plan, side, self.perceptual, device=self.device)

    def ours(self) -> DegradedEncoder:
        """A new E_deg of the shipped configuration, its basis from the loaded E."""
        torch.manual_seed(self.args.seed)
        of_e = self.detail.encoder.config
        config = fitted_to(CONFIGS["default"], of_e.w_dim, of_e.groups)
        network = DegradedEncoder(replace(config, resolution=self.args.resolution))
        network.set_basis(codes_of_sliders(self.detail, self.model, 600, self.args.seed))
        return network

    def about(self) -> dict[str, Any]:
        """Settings and machine, for the table."""
        args = self.args
        return {
            "resolution": args.resolution, "training_maps": len(self.train), "test_maps": len(self.test),
            "minutes": args.minutes, "batch": args.batch, "seed": args.seed, "perceptual": self.perceptual.name,
            "weights": self.detail.card["name"], "face_model": self.model.name, "threads": torch.get_num_threads(),
            "hardware": device_name(self.device), "torch": torch.__version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        }  # fmt: skip


PLANS: dict[str, RestorationPlan] = {
    "ours": RestorationPlan(rough=0.0, perceptual_every=3),
    "pSp": RestorationPlan(
        rough=0.0, l1=0.0, l2=1.0, perceptual=0.8, identity=0.1, identity_levels=1, code=0.005, perceptual_every=3
    ),
    "E2Style": RestorationPlan(rough=0.0, l1=0.0, l2=1.0, perceptual=0.8, identity=0.5, perceptual_every=3),
}


def competitor(name: str, seed: int, resolution: int) -> nn.Module:
    """A small pSp or E2Style (stage 1 or 2) for one-channel maps."""
    torch.manual_seed(seed)
    widths, units = (24, 24, 32, 64, 112), (1, 1, 3, 1)
    if name == "pSp":
        return PSP(1, widths, units, resolution=resolution, stem_stride=2, style_width=64)
    return E2Style(2 if name == "E2Style 2" else 1, widths, units, pool=4, stem_stride=2)


def parameters(name: str, network: nn.Module) -> dict[str, Any]:
    """Learnt numbers: as trained, and in the published size with config-f's G."""
    with torch.device("meta"):
        paper = sum(p.numel() for p in _PAPER[name]().parameters())
    return {
        "as_trained": sum(p.numel() for p in network.parameters()), "paper_alone": paper,
        "paper_with_generator": paper + _CONFIG_F, "published_millions": PUBLISHED_M[name],
    }  # fmt: skip


def restore_with(bench: Bench, network: nn.Module, low: Tensor) -> Tensor:
    """One feed-forward restoration."""
    return restored(bench.detail, network(low), bench.args.resolution)


class Corrected(nn.Module):
    """A second stage: reads the input beside the first stage's map, and corrects its code."""

    def __init__(self, network: nn.Module, base: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.network, self.base = network, base

    def forward(self, low: Tensor) -> Tensor:
        code, shown = self.base(low)
        result: Tensor = code + self.network(torch.cat([low, shown], 1))
        return result


def _copy(network: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(network)


def write(folder: Path, name: str, result: dict, text: str) -> None:
    """name.json and name.md. Raises DnpmError when they cannot be written."""
    for file, content in ((f"{name}.json", json.dumps(result, indent=2)), (f"{name}.md", text)):
        write_text(folder / file, content + "\n", make_folder=True)


__all__ = ["FACTORS", "PLANS", "Bench", "add_arguments", "competitor", "degrade", "parameter_count", "parameters",
           "restore_with", "write"]  # fmt: skip
