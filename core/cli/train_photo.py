"""Train pix2pixHD, the first of the photo's networks: a photo's texture to a rough map.

dnpm train pix2pix --folder build/photo --pairs 1200                       makes pairs of our own faces, and trains
dnpm train restoration --folder build/photo --maps build/maps --out build/weights  ...then E_deg, and writes both

Both go on where they were stopped; Ctrl-C ends after the step in hand.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..files.writing import write_text
from ..paths import ROOT
from .train_options import add_training, command_line, training_of, training_parser

if TYPE_CHECKING:
    import torch


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`pix2pix` beside the other networks."""
    first = training_parser(what, "pix2pix", "a photo's texture to a rough map (pix2pixHD)", __doc__, run)
    add_common(first, steps=2000)
    first.add_argument("--pairs", type=int, default=1200, metavar="N", help="pictures of our faces (default 1200)")
    first.add_argument("--processes", type=int, default=2, help="that make pairs (default 2)")
    first.add_argument("--begin", metavar="DIR", help="weights whose pix2pixHD it starts from")
    first.add_argument("--l1", type=float, default=60.0, help="weight of the L1 (default 60)")
    first.add_argument("--matching", type=float, default=10.0, help="of feature matching (default 10)")
    first.add_argument("--adversarial", type=float, default=1.0, help="of LSGAN (default 1)")


def add_common(parser: argparse.ArgumentParser, steps: int) -> None:
    """What the trainings of both photo networks share."""
    parser.add_argument("--folder", type=Path, metavar="DIR", help="pairs, states (default build/photo)")
    parser.add_argument(
        "--config",
        default="default",
        choices=("default", "paper", "tiny"),
        help="sizes of the networks (default %(default)s)",
    )
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    parser.add_argument("--rate", type=float, help="default: the plan's")
    add_training(parser, steps=steps, batch=4)


def run(args: argparse.Namespace) -> int:
    """Pairs, training, figures on held-out pairs. 130 when it was stopped before the end."""
    from ..face_model.model import FaceModel
    from ..geometry.uv_map import mask_at
    from ..photo.restore.pix2pix import CONFIGS
    from ..photo.restore.weights import load_photo
    from ..training.parallel import join_ranks
    from ..training.photo.pairs import blank_pairs, make_pairs
    from ..training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer, validate
    from ..training.photo.run import fit
    from ..training.rehearsal import META

    device, precision = training_of(args, Pix2PixTrainer.precisions)
    folder, started = args.folder or ROOT / "build" / "photo", time.monotonic()
    config, path = CONFIGS[args.config], Path(face_model_path(args.face_model))
    size = config.resolution
    plan = Pix2PixPlan(config, args.steps, args.batch, l1=args.l1, matching=args.matching,
                       adversarial=args.adversarial, seed=args.seed)  # fmt: skip
    plan = replace(plan, rate=args.rate) if args.rate else plan
    mask = mask_at(FaceModel.load(path).detail_mask, size)
    if args.dry_run:
        rehearsed = Pix2PixTrainer(blank_pairs(size), mask, plan, META)
        rehearsed.step = plan.steps - 1  # With everything that comes in later.
        print(json.dumps(estimate(rehearsed, rehearsed.generator, plan, device), indent=2))
        return 0
    with join_ranks(device) as rank:
        with rank.first_before_others():
            pairs, held = (
                make_pairs(folder / "pairs", path, split, count, size, args.processes, args.seed)
                for split, count in (("train", args.pairs), ("validation", max(2, min(48, args.pairs // 10))))
            )
        trainer = Pix2PixTrainer(pairs, mask, plan, device, precision, rank)
        if args.begin:
            known = load_photo(args.begin).pix2pix
            if known.config != config:
                raise DnpmError(f"{args.begin}: its pix2pixHD has other sizes than --config {args.config}")
            # What it has learnt is how a face differs from the mean: from these pairs' mean, which may be another one.
            trainer.generator.load_state_dict(known.state_dict() | {"mean": trainer.generator.mean.clone()})
        belongs = {"plan": plain(asdict(plan)), "pairs": args.pairs, "begin": args.begin or ""}
        if not fit(trainer, folder / "pix2pix", "pix2pix", belongs):
            return 130
    if not rank.first:
        return 0
    scores = validate(trainer.generator, held, mask)
    note = {"scores": scores, "command": command_line(), "pairs": args.pairs,
            "hours": round((time.monotonic() - started) / 3600, 2)}  # fmt: skip
    write_text(folder / "pix2pix" / "scores.json", json.dumps(note, indent=2))
    print(json.dumps(scores))
    return 0


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: tuples become lists."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def estimate(trainer: Any, network: Any, plan: Any, device: torch.device) -> dict[str, Any]:
    """A dry run's answer; the trainer is on the meta device."""
    from ..training.rehearsal import of_steps

    figures = of_steps(trainer.once, plan.batch, plan.steps, device)
    return {
        "parameters": sum(p.numel() for p in network.parameters()), "steps": plan.steps, "batch": plan.batch,
        "minutes": round(60 * figures["hours"], 1),
    } | figures  # fmt: skip
