"""`dnpm train generator` from begin to end: resumed where it was stopped, saved and measured as it goes.

The folder then holds `generator.safetensors` and `generator.json` (the running average of G with its mean w, as
`core/detail/generator_files.py` reads them), `discriminator.safetensors`, `state.safetensors` to go on from, `log.csv`,
`samples_*.png`, and `best/` with the G of the lowest Fréchet distance so far.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...dataset.batches import real_maps
from ...dataset.dataset import MapDataset
from ...detail.generator import Generator
from ...detail.generator_files import save_generator
from ...files import tensor_file
from ...files.inputs import reading
from ...measures import distribution
from ..checkpoint import Arrays, network_arrays
from ..loop import Hook, Loop, every_images
from ..parallel import Rank
from .batches import Batches
from .pictures import COLUMNS, relief_sheet
from .plan import Plan
from .start import networks, spread_of
from .trainer import GeneratorTrainer

STATE, STATE_KIND = "state.safetensors", "dnpm-generator-state-1"
DISCRIMINATOR, DISCRIMINATOR_KIND = "discriminator.safetensors", "dnpm-discriminator-1"
SAVE_SECONDS = 600.0
_W_SAMPLES = 10_000
_SHOWN, _TRUNCATED = 12, 0.7


@dataclass(frozen=True)
class Watch:
    """How often a training is looked at, in images."""

    log: int = 100
    pictures: int = 4_000
    metrics: int = 20_000
    metric_maps: int = 300
    """0 measures nothing."""
    features: str = "efficientnet-lite0"


def train(
    data: MapDataset, out: Path, plan: Plan, watch: Watch, device: torch.device, rank: Rank, microbatch: int | None,
    command: str,
) -> bool:  # fmt: skip
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    Raises DnpmError when the folder belongs to another training, memory runs out, or the loss diverges.
    """
    started, state, spread = time.monotonic(), out / STATE, spread_of(data)
    generator, discriminator = networks(plan, data, spread, plain=state.is_file())
    belongs = plan.as_json() | {"data": data_entry(data), "spread_mm": spread}
    batches = Batches(data, data.split("train"), plan.batch, plan.resolution, plan.seed)
    try:
        trainer = GeneratorTrainer(plan, generator, discriminator, batches, spread, device, rank, microbatch)
        keeper = _Keeper(trainer, data, out, command, belongs, started)
        hooks = [Hook(keeper.picture, every_images(watch.pictures, plan.batch), at_start=True)]
        if watch.metric_maps:  # At the start too: components are a good one already.
            due = every_images(watch.metrics, plan.batch)
            hooks.append(Hook(lambda: keeper.measure(watch), due, at_start=True, label="running average of G"))
        loop = Loop(
            "generator", state, STATE_KIND, belongs, save_seconds=SAVE_SECONDS,
            log_due=every_images(watch.log, plan.batch), hooks=hooks, also_save=keeper.export_all,
            more_state=keeper.more_state,
        )  # fmt: skip
        if (kept := loop.resume(trainer)) is not None:
            with reading(state, "delete it, or use another folder"):
                keeper.best, before = float(kept["best"][0]), float(kept["hours"][0])
            keeper.began = before - started / 3600
        if not loop.run(trainer, resumed=True):
            return False
    finally:
        batches.close()
    if rank.first and not (out / "generator.json").is_file():
        keeper.export_all()
    return True


class _Keeper:
    """What is written of a training."""

    def __init__(
        self, trainer: GeneratorTrainer, data: MapDataset, out: Path, command: str, belongs: dict[str, Any],
        started: float,
    ) -> None:  # fmt: skip
        """started: by the steady clock, in seconds."""
        self.trainer, self.data, self.out, self.command, self.belongs = trainer, data, out, command, belongs
        self.best, self.began = float("inf"), -started / 3600
        self._real: distribution.FeatureStats | None = None
        self._scores: dict[str, Any] = {}

    def picture(self) -> None:
        """A sheet of real and painted maps; the same z every time, half of them truncated."""
        t, plan = self.trainer, self.trainer.plan
        real = next(real_maps(self.data, "train", COLUMNS, plan.seed, plan.resolution))
        z = torch.randn(_SHOWN, plan.generator.z_dim, generator=torch.Generator().manual_seed(plan.seed + 1))
        with torch.inference_mode():
            whole, near = (
                t.mean(part.to(t.device), psi, plan.resolution).cpu()
                for part, psi in ((z[: _SHOWN // 2], 1.0), (z[_SHOWN // 2 :], _TRUNCATED))
            )
        maps = [m.numpy() for m in torch.cat([real, whole, near])[:, 0] * self._mask(plan.resolution)]
        labels = ["real"] * len(real) + ["painted"] * len(whole) + [f"painted, psi {_TRUNCATED}"] * len(near)
        images = t.step * plan.batch
        relief_sheet(self.out / f"samples_{images:08d}.png", maps, labels, f"{images:,} images")

    def measure(self, watch: Watch) -> dict[str, float]:
        """Fréchet distance and so on of the running average; keeps the best."""
        t, resolution = self.trainer, self.trainer.plan.resolution
        features, name = distribution.features_named(watch.features, t.device)
        if self._real is None:
            real = real_maps(self.data, "train", watch.metric_maps, 0, resolution)
            self._real = distribution.extract_features(
                real, features, self.data.mask, distribution.FEATURE_SIZE, t.device
            )
        maps = distribution.painted(t.mean, watch.metric_maps, 0, resolution, device=t.device)
        ours = distribution.extract_features(maps, features, self.data.mask, distribution.FEATURE_SIZE, t.device)
        values = distribution.compare(ours, self._real)
        self._scores = values | {"features": name, "maps": watch.metric_maps, "images": t.step * t.plan.batch}
        if values["frechet"] < self.best:
            self.best = values["frechet"]
            self._export(self.out / "best")
        return values

    def more_state(self) -> Arrays:
        """The lowest Fréchet distance so far, and the hours that training took."""
        best = self.best if np.isfinite(self.best) else np.finfo(np.float64).max
        return {"best": np.array([best]), "hours": np.array([self.began + time.monotonic() / 3600])}

    def export_all(self) -> None:
        """Generator and discriminator, for use."""
        t = self.trainer
        arrays = network_arrays("discriminator", t.discriminator)
        tensor_file.save(self.out / DISCRIMINATOR, arrays, discriminator_metadata(t.plan, t.spread_mm))
        self._export(self.out)

    def _export(self, folder: Path) -> None:
        t = self.trainer
        about = {
            "name": self.out.name, "data": self.belongs["data"], "licence": self.data.about.licence,
            "command": self.command, "seed": t.plan.seed, "hours": round(self.began + time.monotonic() / 3600, 3),
            "images": t.step * t.plan.batch, "ada_p": round(t.ada.p, 4), "scores": self._scores,
            "plan": t.plan.as_json(), "spread_mm": t.spread_mm,
        }  # fmt: skip
        save_generator(folder, with_mean_w(t.mean, t.plan.seed), about)

    def _mask(self, resolution: int) -> Tensor:
        factor = len(self.data.mask) // resolution
        return torch.nn.functional.avg_pool2d(torch.from_numpy(self.data.mask)[None], factor)[0]


def with_mean_w(generator: Generator, seed: int) -> Generator:
    """A copy of G, its mean w (`mapping.w_avg`, what an encoder's output is added to) taken anew over 10,000 z.

    The running one lags behind the running average of the weights.
    """
    copy = deepcopy(generator).cpu()
    z = torch.randn(_W_SAMPLES, copy.config.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        copy.mapping.w_avg.copy_(copy.mapping(z).mean(0))
    return copy


def discriminator_metadata(plan: Plan, spread_mm: float) -> dict[str, str]:
    """What a stored D says of itself: its sizes, and what one unit of its input is."""
    c = plan.discriminator
    sizes = {k: str(v) for k, v in asdict(c).items()}
    return {"format": DISCRIMINATOR_KIND, "spread_mm": repr(spread_mm)} | sizes


def data_entry(data: MapDataset) -> dict[str, Any]:
    """What a state and a card say of the set."""
    about = data.about
    return {
        "name": about.name, "source": about.source, "maps": len(data.split("train")), "resolution": data.resolution,
        "face_model": about.face_model,
    }  # fmt: skip
