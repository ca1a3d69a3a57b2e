"""Train the detail model (G and E) on the teacher's maps: resumable, every stage is kept.

dnpm train detail --weights build/weights            about two hours on two cores
dnpm train detail --small --weights build/try        a minute: shows that every stage works
dnpm train detail --only encoder --begin weights --weights build/try    E goes on, G stays as it is
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..paths import ROOT
from . import (
    train_encoder,
    train_generator,
    train_lips,
    train_photo,
    train_readout,
    train_restoration,
    train_speech,
    train_style,
    train_teeth,
    train_tongue,
)
from .train_options import add_training, command_line, training_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The networks that can be trained."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    detail = what.add_parser("detail", help="generator and encoder of the displacement maps", description=__doc__)
    detail.add_argument("--face-model", metavar="FILE", help="another face model")
    detail.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "training", help="maps and state (default %(default)s)"
    )
    detail.add_argument("--weights", type=Path, required=True, metavar="DIR", help="where the weights are written")
    detail.add_argument("--maps", type=int, help="teacher maps to learn from")
    detail.add_argument("--fine-maps", type=int, help="of these at the generator's size")
    detail.add_argument("--meshes", type=int, help="meshes with expressions; eight people's skins each teach E")
    detail.add_argument("--processes", type=int, default=2, help="that paint maps side by side")
    add_training(detail, threads=2, dry_run=False)
    detail.add_argument(
        "--begin", type=Path, metavar="DIR",
        help="weights whose E goes on learning; its heads are fitted to this training's components",
    )  # fmt: skip
    detail.add_argument(
        "--only", choices=("encoder", "mapping"),
        help="this network of --begin goes on alone, on coefficients; all else stays as it is (a G that paints bands "
        "of components, as the shipped one)",
    )  # fmt: skip
    detail.add_argument("--encoder-rate", type=float, default=8e-4, help="Adam's, with --only encoder (%(default)s)")
    detail.add_argument("--mapping-seconds", type=float, help="time for the mapping network's stage")
    detail.add_argument(
        "--encoder-seconds", type=float, help="time for the encoder's stage (default: as long as it takes)"
    )
    detail.add_argument(
        "--joint",
        action="append",
        metavar="RES:BATCH:SECONDS",
        help="a joint stage; may be repeated, replaces the default; 0:0:0 leaves it out",
    )
    detail.add_argument(
        "--crisp",
        action="append",
        metavar="RES:BATCH:SECONDS",
        help="an adversarial stage; may be repeated, replaces the default; 0:0:0 leaves it out",
    )
    detail.add_argument("--small", action="store_true", help="a minute's run that shows that every stage works")
    train_encoder.add_subparser(what)
    train_generator.add_subparser(what)
    train_speech.add_subparser(what)
    train_readout.add_subparser(what)
    train_lips.add_subparser(what)
    train_teeth.add_subparser(what)
    train_tongue.add_subparser(what)
    train_style.add_subparser(what)
    train_photo.add_subparser(what)
    train_restoration.add_subparser(what)


def _stages(texts: list[str], option: str) -> tuple[tuple[int, int, float], ...]:
    """RES:BATCH:SECONDS each. Raises DnpmError on anything else."""
    try:
        return tuple((int(r), int(b), float(s)) for r, b, s in (text.split(":") for text in texts))
    except ValueError as error:
        raise DnpmError(f"{option}: a stage is RESOLUTION:BATCH:SECONDS, for example 256:8:600 ({error})") from error


def run(args: argparse.Namespace) -> int:
    """Train; the weights' folder holds the newest stage at any time. 130 when it was stopped before the end."""
    from ..training.detail.alone import Task, encoder_alone, mapping_alone
    from ..training.detail.joint import JointTrainer
    from ..training.detail.run import SMALL, Plan, train
    from ..training.parallel import join_ranks

    device, precision = training_of(args, JointTrainer.precisions)
    plan = replace(SMALL if args.small else Plan(), seed=args.seed, processes=args.processes, threads=args.threads)
    if args.maps is not None:
        plan = replace(plan, maps=args.maps)
    if args.fine_maps is not None:
        plan = replace(plan, fine_maps=args.fine_maps)
    if args.meshes is not None:
        plan = replace(plan, meshes=args.meshes)
    if args.encoder_seconds is not None:
        plan = replace(plan, encoder_seconds=args.encoder_seconds)
    if args.joint:
        plan = replace(plan, train_jointly=tuple(stage for stage in _stages(args.joint, "--joint") if stage[0]))
    if args.crisp:
        plan = replace(plan, train_adversarial=tuple(stage for stage in _stages(args.crisp, "--crisp") if stage[0]))
    if args.mapping_seconds is not None:
        plan = replace(plan, mapping_seconds=args.mapping_seconds)
    if args.only and args.begin is None:
        raise DnpmError(f"--only {args.only}: give --begin, the weights whose {args.only} goes on")
    with join_ranks(device) as rank:
        if rank.count > 1:
            raise DnpmError("`dnpm train detail` goes by the clock and runs in one process: start it without torchrun")
        if args.only:
            seconds = plan.encoder_seconds if args.only == "encoder" else plan.mapping_seconds
            task = Task(
                face_model_path(args.face_model), args.folder, args.begin, args.weights, seconds, command_line(),
                args.seed, args.processes, device, precision,
            )  # fmt: skip
            meshes = {"train": plan.meshes, "validation": plan.check_meshes}
            done = encoder_alone(task, meshes, args.encoder_rate) if args.only == "encoder" else mapping_alone(task)
            return 0 if done else 130
        done = train(
            face_model_path(args.face_model), args.folder, args.weights, plan, command_line(), device=device,
            begin=args.begin, precision=precision,
        )  # fmt: skip
    return 0 if done else 130
