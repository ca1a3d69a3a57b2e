"""`dnpm finetune` from begin to end, in stages that are kept: stopped anywhere, the same command goes on.

    codes       the artist's maps in the old G                  work/codes.safetensors
    generator   G against D, with what keeps it in place        work/generator.safetensors
    encoder     E after G                                       work/encoder.safetensors
    written     weights, card, discriminator, before_after.png

The result is a folder of weights like the shipped one.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...dataset.dataset import MapDataset
from ...detail.finish import ENTRY
from ...detail.weights import Detail, save_detail
from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import reading
from ...files.network_file import built
from ...progress import Progress
from ..checkpoint import Stop, load_state, network_arrays, save_state, stop_on_signal
from ..generator.batches import Batches
from ..generator.discriminator import Discriminator, DiscriminatorConfig
from ..generator.dry import BlankBatches
from ..generator.losses import r1_gamma
from ..generator.plan import Plan
from ..generator.run import DISCRIMINATOR, DISCRIMINATOR_KIND, data_entry, discriminator_metadata, with_mean_w
from ..generator.start import spread_of
from ..loop import Loop
from ..parallel import Rank
from ..precision import Precision
from ..rehearsal import META
from .maps import ArtistMaps, fit_codes, mean_shift
from .measure import scores, sheet
from .trainers import EncoderFollower, FinetuneTrainer, Weights

SHEET = "before_after.png"
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
    old: Detail, data: MapDataset, out: Path, recipe: Recipe, device: torch.device, command: str,
    rank: Rank | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """Run every stage that is not done yet; the scores, or None when stopped before the end (all is kept).

    Of several processes each finds the scores, and the first one writes. Raises DnpmError when sizes do not fit, the
    folder was begun otherwise, or memory runs out.
    """
    started, work, rank = time.monotonic(), out / "work", rank or Rank()
    old = old.to(device)
    spread, artist = spread_of(data), ArtistMaps.read(data, recipe.resolution)
    discriminator, spread, fresh = _discriminator(recipe, spread)
    plan = plan_of(recipe, old, discriminator, fresh)
    belongs = {
        "data": data_entry(data), "from": old.card["files"], "plan": plan.as_json(), "spread_mm": spread,
        "codes": [recipe.code_steps, min(recipe.code_resolution, recipe.resolution)], "weights": asdict(recipe.weights),
    }  # fmt: skip
    with stop_on_signal() as stop:
        with rank.first_before_others():  # The others read what the first one found, or stop with it.
            codes = _codes(old, artist, recipe, work / "codes.safetensors", belongs, stop, rank)
        if codes is None:
            return None
        shift = mean_shift(old, artist)
        batches = Batches(data, data.split("train"), plan.batch, plan.resolution, plan.seed)
        try:
            trainer = FinetuneTrainer(
                plan, old, discriminator, batches, spread, artist, codes, shift, recipe.weights, device,
                recipe.microbatch, rank,
            )  # fmt: skip
            loop = Loop("generator", work / "generator.safetensors", "dnpm-finetune-generator-1", belongs)
            if not loop.run(trainer, stop):
                return None
        finally:
            batches.close()
        generator = with_mean_w(trainer.mean, plan.seed).to(device).eval().requires_grad_(False)
        new = Detail(generator, deepcopy(old.encoder), old.w_mean, old.card)
        side = min(recipe.encoder_resolution, recipe.resolution)
        follower = EncoderFollower(
            old, new, artist, shift, side, recipe.encoder_steps, recipe.encoder_batch, recipe.encoder_rate, recipe.seed,
            recipe.precision, rank,
        )  # fmt: skip
        of_e = [recipe.encoder_steps, recipe.encoder_batch, recipe.encoder_rate, side]
        loop = Loop(
            "encoder", work / "encoder.safetensors", "dnpm-finetune-encoder-1", belongs | {"encoder": of_e},
            folder=work / "encoder",
        )  # fmt: skip
        if not loop.run(follower, stop):
            return None
    new.encoder.eval().requires_grad_(False)
    found = scores(old, new, artist, codes, shift, recipe.seed)
    if not rank.first:
        return found
    sheet(out / SHEET, old, new, artist, recipe.seed)
    arrays = network_arrays("discriminator", trainer.discriminator)
    tensor_file.save(out / DISCRIMINATOR, arrays, discriminator_metadata(plan, spread))
    # The artist's own maps need no finish.
    card = {name: value for name, value in old.card.items() if name != ENTRY} | {
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
        d_warmup_steps=min(25, recipe.images // recipe.batch // 10) if fresh else 0, precision=recipe.precision,
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
    old: Detail, artist: ArtistMaps, recipe: Recipe, path: Path, belongs: dict[str, Any], stop: Stop, rank: Rank
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
    if not rank.first:
        return done if len(done) == len(artist) else None
    side = min(recipe.code_resolution, recipe.resolution)
    with Progress("codes", len(artist), len(done), "maps") as bar:
        for part in fit_codes(old, artist, side, recipe.code_steps, 4, len(done)):
            done = torch.cat([done, part.cpu()])
            save_state(path, {"codes": done.numpy()}, kind, belongs)
            bar.update(len(done))
            if stop.asked and len(done) < len(artist):
                bar.say(f"stopped at map {len(done)} of {len(artist)}; the same command goes on")
                return None
    return done
