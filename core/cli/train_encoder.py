"""Train the encoder E with G frozen, as the paper does: L1 + 0.05 LPIPS, Adam 5e-4 with a cosine, 100 epochs.

dnpm train encoder --data build/mine --out build/weights          on a data set, for the default generator
dnpm train encoder --maps 2000 --resolution 256 --out build/try   on maps that the teacher paints, coarse and quick
dnpm train encoder --inputs 1700 --data build/mine --out build/e  E_1700: points of the mesh instead of sliders
dnpm train encoder ... --dry-run                                  sizes, memory, images a second; trains nothing

It goes on where it was stopped; Ctrl-C ends after the step in hand. LPIPS needs AlexNet's weights: a file (--trunk),
torch's download cache, or --download. Without them EfficientNet-Lite0's features stand in, and the card says so.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import logs
from ..face_model.locate import face_model_path
from ..options import add_perceptual, perceptual_of
from ..paths import ROOT
from .train_options import add_training, command_line, training_of, training_parser

if TYPE_CHECKING:
    import torch

    from ..training.encoder.inputs import Inputs
    from ..training.encoder.sources import Source
    from ..training.encoder.trainer import EncoderTrainer, Samples

log = logs.logger(__name__)


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`encoder` beside the other networks."""
    parser = training_parser(
        what, "encoder", "E alone with G frozen (Eq. 5 to 7): sliders or mesh points to codes", __doc__, run
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the weights are written")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a data set (`dnpm data`); else the teacher paints")
    parser.add_argument("--maps", type=int, default=2000, help="that the teacher paints (default %(default)s)")
    parser.add_argument("--weights", metavar="DIR", help="weights whose generator is used (default: the shipped ones)")
    parser.add_argument("--generator", type=Path, metavar="DIR", help="or a generator alone (`dnpm convert`)")
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    parser.add_argument("--inputs", default="id-exp", help="id-exp, or a number of mesh points (1700, 5000)")
    parser.add_argument("--config", choices=("default", "paper"), default="default", help="widths of E")
    parser.add_argument(
        "--batch-norm", action=argparse.BooleanOptionalAction, default=None,
        help="BatchNorm after each of E's layers, or the paper's plain layers (default: the configuration's)",
    )  # fmt: skip
    parser.add_argument("--resolution", type=int, help="an early output of G, and maps averaged to it (default 1024)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="state and painted maps (default build/encoder)")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the samples (default %(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="at most so many; the cosine ends there")
    add_perceptual(parser, none=True)
    parser.add_argument(
        "--perceptual-weight",
        type=float,
        default=0.05,
        help="weight of the perceptual term, Eq. 7 (default %(default)s)",
    )
    parser.add_argument(
        "--begin", type=Path, metavar="DIR", help="weights whose E is trained on, in place of a random one"
    )
    add_training(parser, batch=8, rate=5e-4)
    parser.add_argument("--processes", type=int, default=2, help="that paint maps")


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, print their folder. 130 when it was stopped before the end."""
    from ..detail.config import ENCODERS
    from ..face_model.model import FaceModel
    from ..training.encoder import sources
    from ..training.encoder.inputs import make_inputs
    from ..training.encoder.run import fit
    from ..training.encoder.store import encoder_of
    from ..training.encoder.trainer import EncoderTrainer, Plan, new_encoder
    from ..training.parallel import join_ranks
    from ..training.rehearsal import META

    started = time.monotonic()
    device, precision = training_of(args, EncoderTrainer.precisions)
    model_path = face_model_path(args.face_model)
    model = FaceModel.load(model_path)
    source = sources.open_source(args.weights, args.generator, model)
    inputs = make_inputs(args.inputs, model)
    resolution = args.resolution or source.generator.config.resolution
    named = f"paper_{args.inputs}" if args.config == "paper" and args.inputs in ("1700", "5000") else args.config
    config = sources.fitting_config(ENCODERS[named], source.generator.config, inputs.n_id, inputs.n_exp)
    if args.batch_norm is not None:
        config = replace(config, batch_norm=args.batch_norm)
    plan = Plan(config, resolution, args.epochs, args.batch, args.rate, args.perceptual_weight, args.seed, args.steps)
    distance = perceptual_of(args) if args.perceptual_weight > 0 else None
    folder = args.folder or ROOT / "build" / "encoder"
    counts = {"train": args.maps, "validation": max(8, min(200, args.maps // 10))}
    place = sources.Painting(model_path, folder / "maps", max(64, resolution), args.processes, args.seed)
    train: Samples
    if args.dry_run:
        if args.data is None:
            train = sources.BlankSamples(args.maps, resolution, model.n_id, model.n_exp)
        else:
            train = sources.open_samples(args.data, counts, model, place)[0][0]
        with META:
            encoder = new_encoder(config, args.seed)
        trainer = EncoderTrainer(source.generator, source.w_mean, encoder, inputs, train, plan, distance, META)
        print(json.dumps(dry_run(trainer, device), indent=2))
        return 0
    import numpy as np

    with join_ranks(device) as rank:
        with rank.first_before_others():
            (train, check), label = sources.open_samples(args.data, counts, model, place)
        encoder = new_encoder(config, args.seed) if args.begin is None else encoder_of(args.begin, config)
        trainer = EncoderTrainer(
            source.generator, source.w_mean, encoder, inputs, train, plan, distance, device, precision, rank
        )
        about = {
            "samples": label, "generator": source.label, "inputs": args.inputs,
            "perceptual": distance.name if distance else "none",
        }  # fmt: skip
        if args.begin is not None:
            about["begin"] = str(args.begin)
        state = folder / f"encoder_{args.inputs}_{args.config}_{resolution}.state.safetensors"
        indices = np.linspace(0, len(check) - 1, min(32, len(check))).astype(int)
        if not fit(trainer, state, about, (check, indices), f"E_{inputs.name}"):
            return 130
        if rank.first:
            finish(args, trainer, source, inputs, check, about, time.monotonic() - started)
            print(args.out)
    return 0


def dry_run(trainer: EncoderTrainer, device: torch.device) -> dict[str, Any]:
    """Sizes, and estimates for the device that would train; the trainer is on the meta device."""
    import numpy as np

    from ..detail.config import to_json
    from ..training.rehearsal import of_steps

    plan = trainer.plan
    count = lambda net: sum(p.numel() for p in net.parameters())  # noqa: E731
    estimate = of_steps(lambda: trainer.once(np.arange(plan.batch)), plan.batch, trainer.total_steps, device)
    return {
        "encoder": to_json(plan.config), "encoder_parameters": count(trainer.encoder),
        "generator_parameters": count(trainer.generator), "samples": len(trainer.samples),
        "resolution": plan.resolution, "batch": plan.batch, "rate": plan.rate, "epochs": plan.epochs,
        "steps": trainer.total_steps, "perceptual": trainer.distance.name if trainer.distance else "none",
        "perceptual_weight": plan.perceptual_weight, "images_per_second": estimate["images_a_second"],
    } | estimate  # fmt: skip


def finish(
    args: argparse.Namespace, trainer: EncoderTrainer, source: Source, inputs: Inputs, check: Samples,
    about: dict[str, Any], seconds: float,
) -> None:  # fmt: skip
    """Measure on the validation samples and write what was learnt, with its card."""
    import numpy as np

    from ..detail.config import w_layers
    from ..detail.weights import save_detail
    from ..face_model.model import FaceModel
    from ..measures.metrics import Score
    from ..training.encoder.held_rows import hold_rows
    from ..training.encoder.inputs import PointInputs
    from ..training.encoder.store import encoder_of, plan_json, save_points

    reached = w_layers(trainer.plan.resolution)
    rows = source.generator.config.w_layers
    if args.begin is not None and reached < rows and not isinstance(inputs, PointInputs):
        before = encoder_of(args.begin, trainer.plan.config)
        left = hold_rows(trainer.encoder, before, reached, FaceModel.load(face_model_path(args.face_model)), args.seed)
        trainer.encoder.to(trainer.device)
        about["held_rows"] = f"{reached} to {rows - 1}, {100 * left:.2g} % of their variance lost"
        log.info("rows %s: held where they were", about["held_rows"])
    indices = np.arange(min(len(check), 200))
    truth, ours = trainer.truth(check, indices), trainer.predict(check, indices)
    score = Score(trainer.mask.cpu().numpy(), truth.mean(0))
    for a, b in zip(ours, truth, strict=True):
        score.add(a, b)
    scores = {"validation": score.result() | {"maps": len(indices), "resolution": trainer.plan.resolution}}
    card = source.card | {
        "command": command_line(), "seed": args.seed, "hours": round(seconds / 3600, 2),
        "scores": scores, "encoder_training": plan_json(trainer.plan) | about,
    }  # fmt: skip
    card["data"] = f"{source.card.get('data', '')} Encoder: {about['samples']}.".strip()
    log.info("held-out: %s", json.dumps(scores["validation"]))
    if isinstance(inputs, PointInputs):
        path = args.out / f"encoder_{inputs.name}.safetensors"
        save_points(path, trainer.encoder, inputs, source.w_mean, {k: v for k, v in card.items() if k != "files"})
        return
    save_detail(args.out, source.generator, trainer.encoder.cpu(), source.w_mean, card)
