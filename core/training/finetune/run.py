"""`dnpm finetune` from begin to end, in stages that are kept: stopped anywhere, the same command goes on.

    codes       the artist's maps in the old G                  work/codes.safetensors
    generator   G against D, with what keeps it in place        work/generator.safetensors
    encoder     E after G                                       work/encoder.safetensors
    written     weights, card, discriminator, before_after.png

The result is a folder of weights like the shipped one.
"""

from __future__ import annotations

import sys
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...dataset.dataset import MapDataset
from ...detail.weights import Detail, save_detail
from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import reading
from ...files.network_file import built
from ..checkpoint import Stop, load_state, network_arrays, resume, save_state, stop_on_signal
from ..generator.batches import Batches
from ..generator.discriminator import Discriminator, DiscriminatorConfig
from ..generator.dry import BlankBatches
from ..generator.losses import r1_gamma
from ..generator.plan import Plan, Precision
from ..generator.run import DISCRIMINATOR, DISCRIMINATOR_KIND, data_entry, discriminator_metadata, progress, with_mean_w
from ..generator.start import spread_of
from ..rehearsal import META
from ..scalars import ScalarLog
from .maps import ArtistMaps, fit_codes, mean_shift
from .measure import scores, sheet
from .trainers import EncoderFollower, FinetuneTrainer, Weights

SHEET = "before_after.png"
SAVE_SECONDS, SAY_SECONDS = 300.0, 10.0
_FRESH = (4096, 128)
"""Channel base and most channels of a D that starts from nothing."""


@dataclass(frozen=True)
class Recipe:
    """What the command line sets."""

    resolution: int
    images: int = 3_000
    batch: int = 4
    microbatch: int | None = None
    rate: float = 5e-4
    code_steps: int = 100
    code_resolution: int = 256
    encoder_steps: int = 300
    encoder_batch: int = 4
    encoder_rate: float = 1e-4
    encoder_resolution: int = 256
    discriminator: Path | None = None
    precision: Precision = "fp32"
    seed: int = 0
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        for wrong, message in (
            (min(self.code_steps, self.encoder_steps, self.encoder_batch) < 1, "steps and batches must be at least 1"),
            (min(self.weights.reconstruction, self.weights.keep) < 0, "weights of losses must not be negative"),
            (not (self.encoder_rate > 0 and self.rate > 0), "rates must be positive"),
        ):
            if wrong:
                raise DnpmError(message)


def finetune(
    old: Detail, data: MapDataset, out: Path, recipe: Recipe, device: torch.device, command: str
) -> dict[str, Any] | None:
    """Run every stage that is not done yet; the scores, or None when stopped before the end (all is kept).

    Raises DnpmError when sizes do not fit, the folder was begun otherwise, or memory runs out.
    """
    started, work = time.monotonic(), out / "work"
    old = old.to(device)
    spread, artist = spread_of(data), ArtistMaps.read(data, recipe.resolution)
    discriminator, spread, fresh = _discriminator(recipe, spread)
    plan = plan_of(recipe, old, discriminator, fresh)
    belongs = {
        "data": data_entry(data), "from": old.card["files"], "plan": plan.as_json(), "spread_mm": spread,
        "codes": [recipe.code_steps, min(recipe.code_resolution, recipe.resolution)], "weights": asdict(recipe.weights),
    }  # fmt: skip
    with stop_on_signal() as stop:
        codes = _codes(old, artist, recipe, work / "codes.safetensors", belongs, stop)
        if codes is None:
            return None
        shift = mean_shift(old, artist)
        batches = Batches(data, data.split("train"), plan.batch, plan.resolution, plan.seed)
        try:
            trainer = FinetuneTrainer(
                plan, old, discriminator, batches, spread, artist, codes, shift, recipe.weights, device,
                recipe.microbatch,
            )  # fmt: skip
            if not _adapt(trainer, work, belongs, stop):
                return None
        finally:
            batches.close()
        generator = with_mean_w(trainer.mean, plan.seed).to(device).eval().requires_grad_(False)
        new = Detail(generator, deepcopy(old.encoder), old.w_mean, old.card)
        side = min(recipe.encoder_resolution, recipe.resolution)
        follower = EncoderFollower(
            old, new, artist, shift, side, recipe.encoder_steps, recipe.encoder_batch, recipe.encoder_rate, recipe.seed
        )
        of_e = [recipe.encoder_steps, recipe.encoder_batch, recipe.encoder_rate, side]
        if not _follow(follower, work / "encoder.safetensors", belongs | {"encoder": of_e}, stop):
            return None
    new.encoder.eval().requires_grad_(False)
    found = scores(old, new, artist, codes, shift, recipe.seed)
    sheet(out / SHEET, old, new, artist, recipe.seed)
    arrays = network_arrays("discriminator", trainer.discriminator)
    tensor_file.save(out / DISCRIMINATOR, arrays, discriminator_metadata(plan, spread))
    card = dict(old.card) | {
        "name": f"{old.card['name']}, {data.about.name}", "command": command, "seed": recipe.seed,
        "hours": round((time.monotonic() - started) / 3600, 2), "scores": {"finetune": found},
        "data": f"{old.card['data']} Fine-tuned on {len(artist)} maps of {data.about.name!r} ({data.about.source}).",
        "licence": f"{old.card['licence']}; the maps: {data.about.licence}",
        "finetune": belongs | {"encoder": of_e},
    }  # fmt: skip
    save_detail(out, generator.cpu(), new.encoder.cpu(), old.w_mean.cpu(), card)
    return found


def rehearsal(
    old: Detail, data: MapDataset, recipe: Recipe, device: torch.device = META
) -> FinetuneTrainer:  # fmt: skip
    """A trainer as `finetune` would make it, with no shift, codes of 0 and no maps to show D: on the meta device its
    steps count what they would need. `old` moves there as well, and loses its numbers."""
    artist = ArtistMaps.read(data, recipe.resolution)
    discriminator, spread, fresh = _discriminator(recipe, spread_of(data))
    plan = plan_of(recipe, old, discriminator, fresh)
    config = old.generator.config
    codes = torch.zeros(len(artist), config.w_layers, config.w_dim)
    shift = torch.zeros(1, 1, recipe.resolution, recipe.resolution)
    return FinetuneTrainer(
        plan, old, discriminator, BlankBatches(plan), spread, artist, codes, shift, recipe.weights, device,
        recipe.microbatch,
    )  # fmt: skip


def plan_of(recipe: Recipe, old: Detail, discriminator: Discriminator, fresh: bool) -> Plan:
    """The adversarial training's plan; G learns slowly, a fresh D quickly and some steps ahead of it."""
    if recipe.resolution not in old.generator.config.resolutions or recipe.resolution < 16:
        raise DnpmError(f"--resolution {recipe.resolution}: this generator has {old.generator.config.resolutions[2:]}")
    return Plan(
        old.generator.config, discriminator.config, recipe.images, recipe.batch,
        gamma=r1_gamma(recipe.resolution, recipe.batch) / 10, rate=recipe.rate,
        discriminator_rate=0.002 if fresh else recipe.rate, registered_rate=0.5, path_every=0, mixing=0.0,
        ema_images=min(500.0, recipe.images / 8), ada_images=20_000, learn_noise=False,
        warm_steps=min(25, recipe.images // recipe.batch // 10) if fresh else 0, precision=recipe.precision,
        seed=recipe.seed,
    )  # fmt: skip


def _discriminator(recipe: Recipe, spread: float) -> tuple[Discriminator, float, bool]:
    """(D, what one unit of its input is in mm, whether it starts from nothing)."""
    if recipe.discriminator is None:
        state = torch.random.get_rng_state()
        torch.manual_seed(recipe.seed)
        made = Discriminator(DiscriminatorConfig(max(_FRESH[0], recipe.resolution), _FRESH[1], recipe.resolution))
        torch.random.set_rng_state(state)
        return made, spread, True
    arrays, about = tensor_file.load(recipe.discriminator)
    again = "give a discriminator of `dnpm train generator`"
    with reading(recipe.discriminator, again):
        if about.get("format") != DISCRIMINATOR_KIND:
            raise DnpmError(f"is not of the format {DISCRIMINATOR_KIND}")
        sizes = {k: int(about[k]) for k in DiscriminatorConfig.__dataclass_fields__}
        kept = float(about["spread_mm"])
        if not 0 < kept <= 1000:
            raise DnpmError(f"its spread_mm is {kept:g}")
        config = DiscriminatorConfig(**sizes)
    if sizes["resolution"] != recipe.resolution:
        raise DnpmError(
            f"{recipe.discriminator}: judges maps of {sizes['resolution']}; add --resolution {sizes['resolution']}, or "
            "leave it out for a fresh one"
        )
    held = {k.removeprefix("discriminator."): v for k, v in arrays.items() if k.startswith("discriminator.")}
    made = built(lambda: Discriminator(config), held, recipe.discriminator, again)
    return made.train().requires_grad_(True), kept, False


def _codes(
    old: Detail, artist: ArtistMaps, recipe: Recipe, path: Path, belongs: dict[str, Any], stop: Stop
) -> Tensor | None:
    """The stage `codes`, from where it was stopped; None when stopped again."""
    kind = "dnpm-finetune-codes-1"
    done = torch.zeros(0, old.generator.config.w_layers, old.generator.config.w_dim)
    if path.is_file():
        with reading(path, "delete it, or use another folder"):
            done = torch.from_numpy(load_state(path, kind, belongs)["codes"].astype(np.float32))
            rows = (old.generator.config.w_layers, old.generator.config.w_dim)
            if done.shape[1:] != rows or len(done) > len(artist):
                raise DnpmError(f"holds codes of the shape {tuple(done.shape)}")
    side = min(recipe.code_resolution, recipe.resolution)
    for part in fit_codes(old, artist, side, recipe.code_steps, 4, len(done)):
        done = torch.cat([done, part.cpu()])
        save_state(path, {"codes": done.numpy()}, kind, belongs)
        _say(f"codes: {len(done)} of {len(artist)} maps found in the old generator")
        if stop.asked and len(done) < len(artist):
            _say("stopped; the same command goes on")
            return None
    return done


def _adapt(trainer: FinetuneTrainer, work: Path, belongs: dict[str, Any], stop: Stop) -> bool:
    """The stage `generator`; False when stopped before its end."""
    path, kind, plan = work / "generator.safetensors", "dnpm-finetune-generator-1", trainer.plan
    if path.is_file():
        resume(trainer, path, kind, belongs)
    first, started = trainer.step, time.monotonic()
    saved = said = started
    with ScalarLog(work, trainer.step) as log:
        for losses in trainer.run():
            now, ends = time.monotonic(), trainer.step == plan.steps
            if trainer.step % 10 == 0 or ends:
                log.write(trainer.step, losses.entries())
            if now - said > SAY_SECONDS or ends or sys.stderr.isatty():
                progress(trainer.step, plan, losses, (trainer.step - first) * plan.batch / (now - started))
                said = now
            if now - saved > SAVE_SECONDS or ends or stop.asked:
                save_state(path, trainer.state(), kind, belongs)
                saved = now
            if stop.asked and not ends:
                _say(f"\nstopped at step {trainer.step} of {plan.steps}; the same command goes on")
                return False
    return not stop.asked or trainer.step == plan.steps


def _follow(follower: EncoderFollower, path: Path, belongs: dict[str, Any], stop: Stop) -> bool:
    """The stage `encoder`; False when stopped before its end."""
    kind = "dnpm-finetune-encoder-1"
    if path.is_file():
        resume(follower, path, kind, belongs)
    saved = said = time.monotonic()
    recent = []
    for value in follower.run():
        recent.append(value)
        now, ends = time.monotonic(), follower.step == follower.steps
        if now - said > SAY_SECONDS or ends:
            _say(f"encoder: step {follower.step} of {follower.steps}, loss {np.mean(recent):.4f}")
            said, recent = now, []
        if now - saved > SAVE_SECONDS or ends or stop.asked:
            save_state(path, follower.state(), kind, belongs)
            saved = now
        if stop.asked and not ends:
            _say(f"stopped at step {follower.step} of the encoder; the same command goes on")
            return False
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
