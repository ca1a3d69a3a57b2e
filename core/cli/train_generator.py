"""Train the generator G alone on a set of maps, by the recipe of StyleGAN2 with adaptive discriminator augmentation.

dnpm train generator --data build/maps --out build/g --config default      our G, from the set's components
dnpm train generator --data build/maps --out build/g --config paper        config-f, from nothing: wants a GPU
dnpm train generator --data build/maps --out build/g --config default --resolution 128    a coarse one, on two cores
torchrun --no-python --nproc-per-node 4 dnpm train generator --data ...    four GPUs (or processes on a CPU)
dnpm train generator ... --dry-run [--json]                                sizes, memory, images a second

It goes on where it was stopped, bit for bit; Ctrl-C ends after the step in hand and saves. The folder holds the
running average of G (generator.safetensors, generator.json), which `dnpm train encoder --generator DIR` takes, D for
`dnpm finetune`, sheets of samples, the best G so far by Fréchet distance (not FID: `dnpm evaluate distance --help`
says what it is), and log.csv, with TensorBoard's log beside it where that package is installed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DnpmError
from .train_options import add_training, command_line, training_of, training_parser

if TYPE_CHECKING:
    import torch

    from ..training.generator.plan import Plan
    from ..training.precision import Precision


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`generator` beside the other networks."""
    sub = training_parser(what, "generator", "G alone on a set of maps, adversarially (StyleGAN2, ADA)", __doc__, run)
    sub.add_argument("--data", type=Path, metavar="SET", help="made by `dnpm data`; a dry run can do without")
    sub.add_argument("--out", type=Path, metavar="DIR", help="where everything is written")
    sub.add_argument(
        "--config",
        choices=("default", "paper", "tiny"),
        default="default",
        help="sizes and recipe (default %(default)s)",
    )
    sub.add_argument("--resolution", type=int, metavar="R", help="a smaller G and D (default: the configuration's)")
    sub.add_argument("--images", type=int, metavar="N", help="real maps to show in all, repeats included")
    sub.add_argument("--batch", type=int, metavar="N", help="over all processes")
    sub.add_argument("--microbatch", type=int, metavar="N", help="at once in a process: less memory, the same result")
    sub.add_argument("--start", choices=("components", "random"), help="of the registered maps (default, tiny)")
    sub.add_argument("--rate", type=float, help="Adam's, before the correction for lazy regularisation")
    sub.add_argument("--discriminator-rate", type=float, help="D's, where it is another")
    sub.add_argument("--warm-steps", type=int, metavar="N", help="at the beginning, in which D alone learns")
    sub.add_argument("--gamma", type=float, help="weight of R1")
    sub.add_argument("--path-weight", type=float, help="weight of path length; 0 leaves it out")
    sub.add_argument("--ada-target", type=float, help="mean sign of D on real maps to keep; 0 switches ADA off")
    sub.add_argument("--ada-images", type=int, metavar="N", help="images in which p may go from 0 to 1")
    sub.add_argument("--ema-images", type=float, metavar="N", help="half-life of G's running average")
    sub.add_argument(
        "--pictures-every",
        type=int,
        default=4_000,
        metavar="IMAGES",
        help="images between two sheets of painted maps (default %(default)s)",
    )
    sub.add_argument(
        "--metrics-every",
        type=int,
        default=20_000,
        metavar="IMAGES",
        help="images between two measurements (default %(default)s)",
    )
    sub.add_argument("--metric-maps", type=int, default=300, metavar="N", help="of each kind; 0 measures nothing")
    sub.add_argument(
        "--features",
        choices=("efficientnet-lite0", "random"),
        default="efficientnet-lite0",
        help="the network whose features are compared (default %(default)s)",
    )
    add_training(sub, precision="auto")
    sub.add_argument("--json", action="store_true", help="of a dry run: one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Train, print the folder. 130 when it was stopped before the end."""
    from ..dataset.dataset import MapDataset
    from ..training.generator.run import Watch, train
    from ..training.generator.trainer import GeneratorTrainer
    from ..training.parallel import join_ranks

    if args.metric_maps and args.metric_maps < 8:
        raise DnpmError("--metric-maps must be 0, or at least 8")
    if min(args.pictures_every, args.metrics_every) < 1:
        raise DnpmError("--pictures-every and --metrics-every must be at least 1")
    device, precision = training_of(args, GeneratorTrainer.precisions)
    plan = plan_of(args, precision)
    if args.dry_run:
        return _dry_run(args, plan, device)
    if args.data is None or args.out is None:
        raise DnpmError("--data SET and --out DIR are needed; `dnpm data` makes sets")
    data = MapDataset.open(args.data)
    watch = Watch(
        pictures=args.pictures_every, metrics=args.metrics_every, metric_maps=args.metric_maps, features=args.features
    )
    with join_ranks(device) as rank:
        done = train(data, args.out, plan, watch, device, rank, args.microbatch, command_line())
        if done and rank.first:
            print(args.out)
    return 0 if done else 130


def plan_of(args: argparse.Namespace, precision: Precision) -> Plan:
    """The configuration with what the command line changes. Raises DnpmError when it contradicts itself."""
    from ..training.generator.plan import configured

    changes = {
        "images": args.images, "batch": args.batch, "start": args.start, "rate": args.rate, "seed": args.seed,
        "discriminator_rate": args.discriminator_rate, "d_warmup_steps": args.warm_steps,
        "path_weight": args.path_weight, "ada_images": args.ada_images, "ema_images": args.ema_images,
        "precision": precision,
    }  # fmt: skip
    if args.path_weight == 0:
        changes["path_every"] = 0
    if args.ada_target:
        changes["ada_target"] = args.ada_target
    plan = configured(args.config, args.resolution, args.gamma, **changes)
    if args.ada_target == 0:
        plan = replace(plan, ada_target=None)
    return plan


def _dry_run(args: argparse.Namespace, plan: Plan, device: torch.device) -> int:
    from ..dataset.dataset import MapDataset
    from ..training.generator import dry

    maps = None if args.data is None else len(MapDataset.open(args.data).split("train"))
    result = dry.dry_run(dry.blank_trainer(plan, args.microbatch), maps, device)
    print(json.dumps(result, indent=2) if args.json else dry.table(result))
    return 0
