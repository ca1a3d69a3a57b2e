"""One network of finished weights goes on, the others as they are: what `dnpm train detail --only` does.

The bands are read back from G (`principal.bands_of`), so that nothing of the training that made it is needed and no map
but a few to set levels by is painted. In the folder `only/` of the training's:

    linear      what the teacher's layers are in the bands   (linear.safetensors)
    codes       coefficients of very many people             (codes/)
    encoder     E on these                                   (encoder.state.safetensors, then the weights)
    mapping     f on E's codes                               (mapping.state.safetensors, then the weights)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ... import logs
from ...detail.card import ENCODER, GENERATOR, check_face_model
from ...detail.weights import Detail, load_detail, save_detail
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files.writing import folder as made_folder
from ..loop import Hook, Loop, TimedTrainer, every
from ..painters import claim
from ..precision import Precision, precision_entry
from ..teacher import Teacher
from . import cache
from .copula import Copula
from .fit import CoefficientLoss, CoefficientTrainer
from .levels import band_gains, scale_bands
from .linear import LinearView, make_codes
from .mapping import MappingTrainer
from .principal import Band, bands_of

log = logs.logger(__name__)

STATE_KIND = "dnpm-detail-only-1"
LEVEL_MAPS = 100
"""Held-out maps by which the levels are set."""
BATCH = 512


@dataclass(frozen=True)
class Task:
    """What a network goes on from, and how. `seconds` by the clock; `seed` of its batches."""

    model_path: Path
    folder: Path
    begin: Path
    """The weights that it goes on from."""
    weights: Path
    """Where the result is written, with everything else of `begin`."""
    seconds: float
    command: str
    seed: int = 0
    processes: int = 1
    device: torch.device | str = "cpu"
    precision: Precision = "fp32"


@dataclass(frozen=True)
class _Start:
    model: FaceModel
    detail: Detail
    bands: list[Band]
    loss: CoefficientLoss
    folder: Path

    @classmethod
    def of(cls, task: Task) -> _Start:
        model = FaceModel.load(task.model_path)
        detail = load_detail(task.begin)
        check_face_model(detail.card, model)
        bands, places = bands_of(detail.generator)
        if detail.w_mean.any():
            raise DnpmError(f"{task.begin}: its w_mean is not 0; only weights that are centred go on by coefficients")
        folder = task.folder / "only"
        made_folder(folder)
        loss = CoefficientLoss(bands, places, detail.generator.config.resolution)
        return cls(model, detail, bands, loss, folder)

    def run(self, task: Task, name: str, trainer: TimedTrainer, check: Callable[[], Any], belongs: dict) -> bool:
        """Train; False when it was stopped."""
        files = self.detail.card["files"]
        belongs = belongs | {
            "generator": files[GENERATOR]["sha256"], "encoder": files[ENCODER]["sha256"], "seed": task.seed,
        } | precision_entry(task.precision)  # fmt: skip
        path = self.folder / f"{name}.state.safetensors"
        hook = Hook(check, every(250), at_start=True)
        return Loop(name, path, STATE_KIND, belongs, self.folder / "log" / name, hooks=[hook]).run(trainer)

    def save(self, task: Task, started: float, about: str, entry: dict[str, Any], scores: dict[str, Any]) -> None:
        """Write the weights. What the card says of their making stays; `about` says what was done since."""
        hours = round((time.monotonic() - started) / 3600, 2)
        entry = {"command": task.command, "hours": hours, "seed": task.seed, "precision": task.precision} | entry
        card = {name: value for name, value in self.detail.card.items() if name != "files"}
        card |= {about: entry, "scores": scores}
        save_detail(task.weights, self.detail.generator, self.detail.encoder, self.detail.w_mean, card)


def encoder_alone(task: Task, meshes: dict[str, int], rate: float, level_maps: int = LEVEL_MAPS) -> bool:
    """E goes on learning the coefficients of people; True when it is done, False when stopped before (all is kept).

    meshes: pairs of mesh and expression of the splits "train" and "validation". People and teacher are those of the
    card's seed, and begin with those that this E was trained on. Raises DnpmError when G paints more than bands of
    components, is of another face model, or the folder belongs to another G.
    """
    started = time.monotonic()
    start = _Start.of(task)
    detail, loss = start.detail, start.loss
    people, size = int(detail.card["seed"]), detail.generator.config.resolution
    recipe = {
        "generator": detail.card["files"][GENERATOR]["sha256"], "seed": people,
        "model": start.model.metadata.get("inputs", start.model.name), "teacher": cache.teacher_fingerprint(),
    }  # fmt: skip
    claim(start.folder / "codes.json", recipe, "coefficients")
    view = start.folder / "linear.safetensors"
    if not view.is_file():
        LinearView.of(Teacher(start.model, size, people), start.bands).save(view)
    codes = make_codes(start.folder / "codes", task.model_path, view, meshes, task.processes, people)
    trainer = CoefficientTrainer(
        detail.encoder, loss, codes["train"], codes["validation"], task.seconds, task.seed, task.device, rate,
        precision=task.precision, batch=BATCH,
    )  # fmt: skip
    if not start.run(task, "encoder", trainer, trainer.checked, {"meshes": meshes["train"], "rate": rate}):
        return False
    coarse = min(512, size)
    maps = cache.fill(start.folder / "maps", task.model_path, "validation", level_maps, coarse, coarse,
                      task.processes, people)  # fmt: skip
    learnt = trainer.result()
    gains = band_gains(learnt, loss, start.bands, maps.maps, maps.identity, maps.expression)
    log.info("bands are drawn stronger by %s", ", ".join(f"{gain:.3f}" for gain in gains))
    scale_bands(learnt, loss, gains)
    detail.encoder.load_state_dict(learnt.state_dict())
    entry = {
        "people": len(codes["train"].identity), "seconds": task.seconds, "steps": trainer.step, "batch": BATCH,
        "rate": rate, "gains": [round(gain, 3) for gain in gains],
        "from": detail.card["files"][ENCODER]["sha256"],
    }  # fmt: skip
    start.save(task, started, "encoder_training", entry, {"validation_r2_of_coefficients": round(trainer.best_r2, 4)})
    return True


def mapping_alone(task: Task) -> bool:
    """f is distilled from E; True when it is done, False when stopped before (all is kept). f begins as the weights
    have it, where it was learnt this way, and at random else. Raises DnpmError as `encoder_alone` does."""
    started = time.monotonic()
    start = _Start.of(task)
    detail = start.detail
    trainer = MappingTrainer(
        detail.generator, detail.encoder, detail.w_mean, start.loss, Copula.of(start.model, int(detail.card["seed"])),
        task.seconds, task.seed, task.device, task.precision,
    )  # fmt: skip
    if not start.run(task, "mapping", trainer, trainer.checked, {}):
        return False
    score = trainer.checked()["held_out_r2"]
    trainer.finish()
    entry = {"seconds": task.seconds, "steps": trainer.step, "r2_against_encoder": round(score, 4)}
    start.save(task, started, "mapping_training", entry, detail.card["scores"])
    return True
