"""What Tables II to IV share: maps that are restored, methods that are trained alike, scores, Markdown.

Every network takes the same number of steps on the same maps, with its own published loss, G frozen at the loaded
weights, for each of the seeds, which draw its first weights and the order of the maps:

    ours      10 L1 + 0.2 perceptual + 0.1 identity summed over five levels (Eq. 12 to 15)
    pSp       1 L2 + 0.8 perceptual + 0.1 identity of the last level alone + 0.005 |w|
    E2Style   1 L2 + 0.8 perceptual + 0.5 identity summed over five levels; the second stage takes as many steps again
    PULSE     trains nothing; 100 steps a map

As published, the encoders read maps of 256 texels, and so do the perceptual and identity terms (every third step),
whatever side the maps have that G paints and L1 and L2 compare (--resolution).

Beside the scores stands what the last fifth of the steps still brought on maps of a third set of people: where that is
not near 0, more steps would have changed the table. Every network is kept in --folder, and a stopped run goes on there.

Widths are small ones that two cores can train (`ours` is the shipped configuration); parameters are told for them and
for the published sizes. Scores: `core/measures/metrics.py`, in the face mask and over the whole square.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..detail.card import check_face_model, weights_dir
from ..detail.weights import Detail, load_detail
from ..devices import name as device_name
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..files.writing import write_text
from ..geometry.uv_map import mask_at
from ..measures.metrics import RANGE_MM, Score
from ..measures.perceptual import PerceptualDistance
from ..options import add_device, add_perceptual, device_of, perceptual_of
from ..paths import ROOT
from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, fitted_to
from ..training.detail.cache import fill
from ..training.loop import Hook, Loop, Scalars, every
from ..training.photo.material import codes_of_sliders
from ..training.photo.restoration import Material, RestorationPlan, RestorationTrainer, degrade, restored, sized
from ..training.scalars import CSV, read_log
from .competitors.e2style import E2Style
from .competitors.psp import PSP
from .table1 import parameter_count

FACTORS = (4, 8)
PUBLISHED_M = {"pSp": 297.50, "E2Style, 1 stage": 141.61, "E2Style, 2 stages": 252.85, "ours": 114.27}
_CONFIG_F = 30_363_962
_PAPER = {
    "pSp": lambda: PSP(), "E2Style, 1 stage": lambda: E2Style(),
    "E2Style, 2 stages": lambda: nn.ModuleList([E2Style(), E2Style(6)]),
    "ours": lambda: DegradedEncoder(replace(CONFIGS["paper"], channels_in=3)),
}  # fmt: skip


_READ = 256
"""Side of the maps that encoders read, where those of the table are not smaller."""
CHECKED = 16
"""Maps of the validation curve."""
_CHECKS = 10
"""Points that a curve has."""


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Data and budget."""
    parser.add_argument("--maps", type=int, default=800, help="that the teacher paints to train on (default 800)")
    parser.add_argument("--samples", type=int, default=200, help="held-out maps (default %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="of each network (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network (default %(default)s)")
    parser.add_argument("--resolution", type=int, default=256, help="of the maps (default %(default)s)")
    parser.add_argument("--batch", type=int, default=4, help="maps a training step (default %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "tables", help="maps and networks (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "tables", help=f"of {name}.md and {name}.json")
    parser.add_argument("--processes", type=int, default=2, help="that paint maps")
    parser.add_argument("--seed", type=int, default=0, help="the first (default %(default)s)")
    add_perceptual(parser, prefer="vgg")
    add_device(parser)


@dataclass(frozen=True)
class Bench:
    """What every method gets."""

    detail: Detail
    model: FaceModel
    train: np.ndarray
    check: np.ndarray
    test: np.ndarray
    mask: np.ndarray
    perceptual: PerceptualDistance
    device: torch.device
    args: argparse.Namespace

    @classmethod
    def open(cls, args: argparse.Namespace, tests: bool = True) -> Bench:
        """Load the weights, paint the maps; none to test where whoever asks has others. Raises DnpmError on unfit
        settings."""
        if min(args.steps, args.seeds) < 1 or args.samples < 2 or args.resolution not in (64, 128, 256, 512, 1024):
            raise DnpmError(
                "--steps and --seeds must be positive, --samples at least 2, --resolution 64, 128, 256, 512 or 1024"
            )
        path, device = face_model_path(args.face_model), device_of(args)
        model, weights = FaceModel.load(path), weights_dir(args.weights)
        detail = load_detail(weights)
        check_face_model(detail.card, model)
        distance = perceptual_of(args)
        assert distance is not None, "the tables' parser does not offer none"
        size, painted = args.resolution, max(512, args.resolution)
        counts = {"train": args.maps, "validation": CHECKED} | ({"test": args.samples} if tests else {})
        mask = mask_at(model.detail_mask, size)
        train, check, *rest = (
            np.asarray(cache.maps) * mask.astype(np.float16)
            for cache in (
                fill(args.folder / "maps", Path(path), split, count, size, painted, args.processes, args.seed)
                for split, count in counts.items()
            )
        )
        test = rest[0] if rest else train[:0]
        return cls(detail.to(device), model, train, check, test, mask, distance.to(device), device, args)

    @property
    def side(self) -> int:
        """Of the maps that networks read."""
        return min(_READ, int(self.args.resolution))

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

    @property
    def seeds(self) -> range:
        """Of the trainings."""
        return range(self.args.seed, self.args.seed + self.args.seeds)

    def fit(
        self, table: str, title: str, seed: int, network: nn.Module, plan: RestorationPlan,
        material: Material | None = None, base: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> list[tuple[int, float]]:  # fmt: skip
        """Train a network, or take up where it stands in the folder; its curve: (steps, PSNR in dB on the third set).

        base: the code and map that it corrects (E2Style's second stage). Raises DnpmError when it is stopped before its
        end, or when the folder holds a training of other settings.
        """
        args, wrapped = self.args, network if base is None else Corrected(network, base)
        plan = replace(plan, steps=args.steps, batch=args.batch, fine=args.resolution, seed=seed)
        given = material or Material(self.train, self.mask)
        trainer = RestorationTrainer(
            wrapped, self.detail, given, plan, self.side, self.perceptual, device=self.device
        )  # fmt: skip
        trainer.networks = {"network": network}  # What is corrected is kept as a network of its own.
        low = self._check_maps(given)

        def check() -> Scalars:
            network.eval()
            with torch.inference_mode():
                psnr = [self._psnr(restore_with(self, wrapped, x), true) for x, true in low]
            network.train()
            return {"check_psnr_db": float(np.mean(psnr))}

        folder = args.folder / table / f"{title.lower().replace(',', '').replace(' ', '_')}_{seed}"
        belongs = asdict(plan) | {
            "maps": len(self.train), "rough": 0 if given.rough is None else len(given.rough),
            "generator": self.detail.card["files"]["generator.safetensors"]["sha256"],
            "perceptual": self.perceptual.name, "read": self.side,
        }  # fmt: skip
        loop = Loop(
            f"{table}: {title}, seed {seed}", folder / "state.safetensors", "dnpm-table-1", belongs,
            hooks=[Hook(check, every(max(1, args.steps // _CHECKS)))],
        )  # fmt: skip
        if not loop.run(trainer):
            raise DnpmError(f"stopped before {title} was trained; the same command goes on")
        network.eval()
        return [(step, psnr) for step, psnr in read_log(folder / CSV)["check_psnr_db"] if step <= args.steps]

    def _check_maps(self, material: Material) -> list[tuple[Tensor, Tensor]]:
        """(degraded, true) (1, 1, R, R) of the third set: its own at 1/8, or rough maps of it where those are learnt
        from."""
        if material.check is not None:
            pairs = zip(*material.check, strict=True)
            return [(self._tensor(rough), self._tensor(true)) for rough, true in pairs]
        return [(degrade(self._tensor(row), FACTORS[-1]), self._tensor(row)) for row in self.check]

    def _tensor(self, row: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(row, np.float32))[None, None].to(self.device)

    def _psnr(self, made: Tensor, true: Tensor) -> float:
        inside = torch.from_numpy(self.mask > 0.5).to(self.device)
        error = (made - true)[0, 0][inside].square().mean()
        return float(-10 * torch.log10(error / (2 * RANGE_MM) ** 2))

    def ours(self, seed: int) -> DegradedEncoder:
        """A new E_deg of the shipped configuration, its basis from the loaded E."""
        torch.manual_seed(seed)
        of_e = self.detail.encoder.config
        config = fitted_to(CONFIGS["default"], of_e.w_dim, of_e.groups)
        network = DegradedEncoder(replace(config, resolution=self.side))
        network.set_basis(codes_of_sliders(self.detail, self.model, 600, seed))
        return network

    def about(self) -> dict[str, Any]:
        """Settings and machine, for the table."""
        args = self.args
        return {
            "resolution": args.resolution, "read": self.side,
            "training_maps": len(self.train), "test_maps": len(self.test),
            "steps": args.steps, "batch": args.batch, "seeds": list(self.seeds), "perceptual": self.perceptual.name,
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
    """One feed-forward restoration of (1, 1, r, r) mm."""
    return restored(bench.detail, network(sized(low, bench.side)), bench.args.resolution)


class Corrected(nn.Module):
    """A second stage: reads the input beside the first stage's map, and corrects its code."""

    def __init__(self, network: nn.Module, base: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.network, self.base = network, base

    def forward(self, low: Tensor) -> Tensor:
        code, shown = self.base(low)
        result: Tensor = code + self.network(torch.cat([low, shown], 1))
        return result


def write(folder: Path, name: str, result: dict, text: str) -> None:
    """name.json and name.md. Raises DnpmError when they cannot be written."""
    for file, content in ((f"{name}.json", json.dumps(result, indent=2)), (f"{name}.md", text)):
        write_text(folder / file, content + "\n", make_folder=True)


__all__ = ["FACTORS", "PLANS", "Bench", "add_arguments", "competitor", "degrade", "parameter_count", "parameters",
           "restore_with", "write"]  # fmt: skip
