"""`dnpm train generator` from begin to end: resumed where it was stopped, saved and measured as it goes.

The folder then holds `generator.safetensors` and `generator.json` (the running average of G with its mean w, as
`core/detail/generator_files.py` reads them), `discriminator.safetensors`, `state.safetensors` to go on from, `log.csv`
with TensorBoard's events beside it, `samples_*.png`, and `best/` with the G of the lowest Fréchet distance so far.
"""

from __future__ import annotations

import math
import sys
import time
from contextlib import nullcontext
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
from ..checkpoint import network_arrays, resume, save_state, stop_on_signal
from ..scalars import ScalarLog
from .batches import Batches
from .parallel import Workers
from .pictures import COLUMNS, relief_sheet
from .plan import Plan
from .start import networks, spread_of
from .trainer import GeneratorTrainer, Losses

STATE, STATE_KIND = "state.safetensors", "dnpm-generator-state-1"
DISCRIMINATOR, DISCRIMINATOR_KIND = "discriminator.safetensors", "dnpm-discriminator-1"
SAVE_SECONDS = 600.0
MEASURES = ("frechet", "precision", "recall", "spectrum_rms_db", "spectrum_worst_db")
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
    data: MapDataset, out: Path, plan: Plan, watch: Watch, device: torch.device, me: Workers, microbatch: int | None,
    command: str,
) -> bool:  # fmt: skip
    """Train to the end; True when done, False when stopped before (the state is saved either way).

    Raises DnpmError when the folder belongs to another training, memory runs out, or numbers burst.
    """
    started, state, spread = time.monotonic(), out / STATE, spread_of(data)
    resumed = state.is_file()
    generator, discriminator = networks(plan, data, spread, plain=resumed)
    batches = Batches(data, data.split("train"), plan.batch, plan.resolution, plan.seed)
    trainer = GeneratorTrainer(plan, generator, discriminator, batches, spread, device, me, microbatch)
    belongs = plan.as_json() | {"data": data_entry(data), "spread_mm": spread}
    best, hours = float("inf"), 0.0
    if resumed:
        with reading(state, "delete it, or use another folder"):
            arrays = resume(trainer, state, STATE_KIND, belongs)
            best, hours = float(arrays["best"][0]), float(arrays["hours"][0])
        say(me, f"goes on from step {trainer.step} of {plan.steps}")
    for network in (trainer.generator, trainer.mean, trainer.discriminator):
        me.same(network.state_dict().values())
    me.wait()
    keeper = _Keeper(trainer, data, out, command, belongs, best, hours - started / 3600)
    try:
        with stop_on_signal() as stop, ScalarLog(out, trainer.step) if me.first else nullcontext() as log:
            if not resumed:
                keeper.picture(me)
                if watch.metric_maps and log is not None:  # Where it begins: components are a good start already.
                    nothing = dict.fromkeys((*Losses.__dataclass_fields__, "images_per_second"), math.nan)
                    log.write(0, keeper.measure(watch) | nothing | {"images": 0})
            said = saved = time.monotonic()
            first, asked = trainer.step, False
            for losses in trainer.run():
                now, step = time.monotonic(), trainer.step
                values = losses.entries()
                ends, pace = step == plan.steps, (step - first) * plan.batch / (now - started)
                if _due(step, plan.batch, watch.pictures) or ends:
                    keeper.picture(me)
                if watch.metric_maps and (_due(step, plan.batch, watch.metrics) or ends) and me.first:
                    values |= keeper.measure(watch)
                if (_due(step, plan.batch, watch.log) or "frechet" in values or ends) and log is not None:
                    log.write(
                        step,
                        dict.fromkeys(MEASURES, math.nan)
                        | values
                        | {"images": step * plan.batch, "images_per_second": pace},
                    )
                if me.first and (sys.stderr.isatty() or now - said > 10 or ends):
                    progress(step, plan, losses, pace)
                    said = now
                asked = me.any(stop.asked, device)
                if now - saved > SAVE_SECONDS or ends or asked:
                    keeper.save(me)
                    saved = time.monotonic()
                if asked and not ends:
                    say(me, f"\nstopped at step {step} of {plan.steps}; the same command goes on")
                    return False
    finally:
        batches.close()
    if trainer.step and not (out / "generator.json").is_file():
        keeper.save(me)
    return True


class _Keeper:
    """What is written of a training."""

    def __init__(
        self, trainer: GeneratorTrainer, data: MapDataset, out: Path, command: str, belongs: dict[str, Any],
        best: float, began: float,
    ) -> None:  # fmt: skip
        self.trainer, self.data, self.out, self.command, self.belongs = trainer, data, out, command, belongs
        self.best, self.began = best, began
        self._real: distribution.Looked | None = None
        self._scores: dict[str, Any] = {}

    def picture(self, me: Workers) -> None:
        """A sheet of real and painted maps; the same z every time, half of them truncated."""
        if not me.first:
            return
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
            self._real = distribution.look(real, features, self.data.mask, distribution.LOOK, t.device)
        maps = distribution.painted(t.mean, watch.metric_maps, 0, resolution, device=t.device)
        ours = distribution.look(maps, features, self.data.mask, distribution.LOOK, t.device)
        values = distribution.compare(ours, self._real)
        self._scores = values | {"features": name, "maps": watch.metric_maps, "images": t.step * t.plan.batch}
        if values["frechet"] < self.best:
            self.best = values["frechet"]
            self._export(self.out / "best")
        return values

    def save(self, me: Workers) -> None:
        """State, generator and discriminator; the others wait."""
        if me.first:
            t = self.trainer
            hours = self.began + time.monotonic() / 3600
            more = {"best": np.array([self.best]), "hours": np.array([hours])}
            if not np.isfinite(self.best):
                more["best"] = np.array([np.finfo(np.float64).max])
            save_state(self.out / STATE, t.state() | more, STATE_KIND, self.belongs)
            arrays = network_arrays("discriminator", t.discriminator)
            tensor_file.save(self.out / DISCRIMINATOR, arrays, discriminator_metadata(t.plan, t.spread_mm))
            self._export(self.out)
        me.wait()

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


def progress(step: int, plan: Plan, losses: Losses, pace: float) -> None:
    """One line: rewritten in a terminal, a line of its own elsewhere."""
    done = step / plan.steps
    left = (plan.steps - step) * plan.batch / max(pace, 1e-9)
    bar = "#" * round(20 * done) + "." * (20 - round(20 * done))
    line = (
        f"[{bar}] {step * plan.batch:,} of {plan.steps * plan.batch:,} images, {pace:.1f}/s, "
        f"{int(left // 3600)}:{int(left % 3600 // 60):02d} h left; G {losses.generator:.3f}, "
        f"D {losses.discriminator:.3f}, R1 {losses.r1:.3f}, p {losses.ada_p:.3f}"
    )
    terminal = sys.stderr.isatty()
    end = "" if terminal and step < plan.steps else "\n"
    print(f"\r{line}\x1b[K" if terminal else line, end=end, file=sys.stderr, flush=True)


def say(me: Workers, text: str) -> None:
    """A line to the person, by one process."""
    if me.first:
        print(text, file=sys.stderr, flush=True)


def _due(step: int, batch: int, every: int) -> bool:
    """Whether this step passed a multiple of `every` images."""
    return step * batch // every > (step - 1) * batch // every
