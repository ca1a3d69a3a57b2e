"""Train the speech decoder on a set of `dnpm data speech`: resumable, validated on what is held out.

dnpm train speech --data build/speech --out build/weights                   the default decoder
dnpm train speech --data build/speech --data build/mine --out build/weights two sets, as if they were one
dnpm train speech --data build/mine --begin weights --out build/weights --rate 3e-4 --steps 400     go on from weights
dnpm train speech --data build/speech --out build/try --steps 20 --dry-run  sizes and speed; trains nothing

It goes on where it was stopped; Ctrl-C ends after the step in hand. Losses and measures are in log.csv in --folder,
and drawn into curves.png. A term of the loss is switched off by giving it the weight 0; it is reported all the same.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..paths import ROOT
from .train_options import add_training, command_line, training_of, training_parser

if TYPE_CHECKING:
    from ..training.speech.corpus import Clip
    from ..training.speech.trainer import SpeechTrainer

LOSSES = {"vertex": 1.0, "expression": 0.01, "lip": 0.5, "velocity": 0.5, "speed": 3.0, "roll": 0.5}
"""The loss's terms (`core/training/speech/losses.py`) and their weights."""


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech` beside the other networks."""
    parser = training_parser(what, "speech", "speech features to ARKit curves (Eq. 8 to 10)", __doc__, run)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", action="append",
        help="a set (`dnpm data speech`); more than once: several sets, as if they were one",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the weights are written")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="state and curves (default build/speech_training)")
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    parser.add_argument(
        "--begin", type=Path, metavar="DIR",
        help="weights to go on from, with their sizes and styles; its own past counts from the first step",
    )  # fmt: skip
    parser.add_argument("--config", choices=("default", "paper"), default="default", help="sizes of the decoder")
    parser.add_argument("--width", type=int, help="another width than the configuration's")
    parser.add_argument("--layers", type=int, help="another count of layers")
    parser.add_argument("--frames", type=int, default=150, help="of a window (default %(default)s)")
    parser.add_argument("--own-past", type=float, default=0.9, help="share of the past that is its own in the end")
    for name, value in LOSSES.items():
        parser.add_argument(f"--{name}", type=float, default=value, help=f"weight of the {name} loss (default {value})")
    parser.add_argument(
        "--validate-every",
        type=int,
        default=500,
        metavar="STEPS",
        help="steps between two validations (default %(default)s)",
    )
    parser.add_argument("--validation-clips", type=int, default=24, metavar="N", help="at most so many")
    parser.add_argument("--name", default="speech", help="of the weights, for the card")
    add_training(parser, steps=4000, batch=16, rate=5e-4)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, print their folder. 130 when it was stopped before the end."""
    from ..evaluation.speech_validation import validate
    from ..face_model.model import FaceModel
    from ..speech.config import CONFIGS
    from ..training.parallel import join_ranks
    from ..training.speech.corpus import open_sets
    from ..training.speech.losses import LossWeights, MotionLoss
    from ..training.speech.run import fit
    from ..training.speech.trainer import Plan, SpeechTrainer, new_decoder

    device, precision = training_of(args, SpeechTrainer.precisions)
    started = time.monotonic()
    sets = open_sets(args.data)
    first, speakers = sets[0], _by_length(sets)
    config = replace(
        CONFIGS[args.config], encoder=str(first.recipe["encoder"]), feature_width=first.width, rate=first.rate,
        speakers=tuple(speakers),
    )  # fmt: skip
    if args.width:
        config = replace(config, width=args.width, feedforward=2 * args.width)
    if args.layers:
        config = replace(config, layers=args.layers)
    begun = _begun(args, config)
    plan = Plan(
        begun.config if begun else config, args.steps, args.batch, args.frames, args.rate,
        scheduled_sampling_max=args.own_past,
        weights=LossWeights(**{name: getattr(args, name) for name in LOSSES}), seed=args.seed,
        scheduled_sampling_from=0.0 if begun else Plan.scheduled_sampling_from,
        scheduled_sampling_full=0.0 if begun else Plan.scheduled_sampling_full,
    )  # fmt: skip
    loss = MotionLoss(FaceModel.load(face_model_path(args.face_model)), plan.weights)
    clips = [one.clip(entry) for one in sets for entry in one.of("train")]
    check = _spread([one.clip(entry) for one in sets for entry in one.of("validation")], args.validation_clips)
    recipes, folder = [one.recipe for one in sets], args.folder or ROOT / "build" / "speech_training"
    with join_ranks(device) as rank:
        decoder = begun or new_decoder(config, args.seed)
        trainer = SpeechTrainer(decoder, clips, loss, plan, device, precision, rank)
        if args.dry_run:
            print(json.dumps(dry_run(trainer), indent=2))
            return 0
        about = {"data": recipes, "clips": len(clips)}
        if not fit(trainer, folder, about, lambda decoder: validate(decoder, check), args.validate_every):
            return 130
        if rank.first:
            finish(args, trainer, recipes, check, time.monotonic() - started)
            print(args.out)
    return 0


def finish(
    args: argparse.Namespace, trainer: SpeechTrainer, recipes: list[Any], check: list[Clip], spent: float
) -> None:
    """Measure on the held-out clips and write the decoder with its card."""
    from ..evaluation.speech_validation import motion_gain, validate
    from ..speech.weights import load_readout, save_speech

    trainer.decoder.cpu().eval()
    clips, plan = trainer.clips, trainer.plan
    hours = sum(clip.entry.seconds for clip in clips) / 3600
    card = {
        "name": args.name, "command": command_line(), "seed": args.seed,
        "hours": round(spent / 3600, 2), "licence": "GPL-3.0-or-later",
        "data": f"{len(clips)} clips, {hours:.1f} hours: {json.dumps(recipes, sort_keys=True)}",
        "scores": validate(trainer.decoder, check), "validation": [clip.entry.name for clip in check],
        "liveliness": motion_gain(trainer.decoder, check),
        "training": {"steps": plan.steps, "batch": plan.batch, "frames": plan.frames, "rate": plan.rate},
    }  # fmt: skip
    # What is read in the encoder's features does not depend on the decoder.
    save_speech(args.out, trainer.decoder, card, load_readout(args.begin) if args.begin else None)


def _begun(args: argparse.Namespace, config: Any) -> Any:
    """The decoder of --begin, or None. Raises DnpmError when it does not fit the set, or sizes are asked for beside."""
    if args.begin is None:
        return None
    from ..speech.weights import load_speech

    if args.width or args.layers or args.config != "default":
        raise DnpmError("--begin brings its own sizes; leave --config, --width and --layers out")
    decoder, _ = load_speech(args.begin)
    there = decoder.config
    for what, ours, wanted in (
        ("speech encoder", there.encoder, config.encoder), ("features", there.feature_width, config.feature_width),
        ("frame rate", there.rate, config.rate),
    ):  # fmt: skip
        if ours != wanted:
            raise DnpmError(f"--begin {args.begin}: its {what} is {ours}, the set's {wanted}; give another set")
    if unknown := set(config.speakers) - set(there.speakers):
        raise DnpmError(f"--begin {args.begin}: knows no style {', '.join(sorted(unknown))}; it knows {there.speakers}")
    return decoder.requires_grad_(True)


def _by_length(sets: list[Any]) -> list[str]:
    """The styles' names, the one that is heard longest first: it is the default."""
    seconds: dict[str, float] = {}
    for entry in (entry for one in sets for entry in one.entries):
        seconds[entry.speaker] = seconds.get(entry.speaker, 0.0) + entry.seconds
    return sorted(seconds, key=lambda name: (-seconds[name], name))


def dry_run(trainer: Any) -> dict[str, Any]:
    """Sizes, and the speed of a few steps on this machine, the last of them with the decoder's own past."""
    steps = trainer.run()
    next(steps)
    seconds = []
    for step in (1, trainer.plan.steps - 1):
        trainer.step, begin = step, time.monotonic()
        next(steps, None)
        seconds.append(time.monotonic() - begin)
    count = sum(p.numel() for p in trainer.decoder.parameters())
    return {
        "parameters": count, "weights_mib": round(2 * count / 2**20, 2), "clips": len(trainer.clips),
        "hours_of_speech": round(sum(c.entry.seconds for c in trainer.clips) / 3600, 3), "steps": trainer.plan.steps,
        "seconds_a_step": [round(s, 3) for s in seconds], "minutes": round(trainer.plan.steps * seconds[1] / 60, 1),
    }  # fmt: skip


def _spread(clips: list[Any], most: int) -> list[Any]:
    """At most so many, of every kind alike."""
    kinds: dict[str, list[Any]] = {}
    for clip in clips:
        kinds.setdefault(clip.entry.kind, []).append(clip)
    share = max(1, most // max(1, len(kinds)))
    return [clip for group in kinds.values() for clip in group[:: max(1, -(-len(group) // share))][:share]]
