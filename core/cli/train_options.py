"""What the commands that train have in common: `dnpm train ...` and `dnpm finetune`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..options import add_device, add_threads, device_of, use_threads

if TYPE_CHECKING:
    import torch

    from ..training.precision import Precision


def training_parser(
    what: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str, description: str | None,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:  # fmt: skip
    """The parser of a `dnpm train` NAME; its arguments are the caller's."""
    form = argparse.RawDescriptionHelpFormatter
    parser = what.add_parser(name, help=purpose, description=description, formatter_class=form)
    parser.set_defaults(run=run)
    return parser


def add_training(
    parser: argparse.ArgumentParser, *, steps: int | None = None, batch: int | None = None, rate: float | None = None,
    precision: str = "fp32", threads: int | None = None, dry_run: bool = True,
) -> None:  # fmt: skip
    """What every training takes: --device, --precision, --threads, --seed, --dry-run; with a default also --steps,
    --batch and --rate."""
    if steps is not None:
        parser.add_argument("--steps", type=int, default=steps, metavar="N", help="of the whole training (%(default)s)")
    if batch is not None:
        parser.add_argument(
            "--batch", type=int, default=batch, metavar="N", help="samples a step, over all processes (%(default)s)"
        )
    if rate is not None:
        parser.add_argument("--rate", type=float, default=rate, help="Adam's (default %(default)s)")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), default=precision,
        help="what networks compute in (default %(default)s; auto: bf16 on GPUs with it; fp16 where no generator of "
        "displacement maps takes part)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default %(default)s)")
    add_device(parser)
    add_threads(parser, threads)
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="sizes, memory and speed; nothing is trained")


def add_heard(parser: argparse.ArgumentParser, what: str, sentences: int, of: str) -> None:
    """What the trainings take that add to speech weights: --weights, --out, --sentences, --encoder-file, --seed,
    --device. what: they add; of: whose sentences."""
    parser.add_argument("--weights", metavar="DIR", help="the speech weights (default: the shipped ones)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=f"where they are written with the {what}"
    )
    parser.add_argument("--sentences", type=int, default=sentences, metavar="N", help=f"{of} (default %(default)s)")
    parser.add_argument("--encoder-file", metavar="PLACE", help="the speech encoder's file")
    parser.add_argument("--seed", type=int, default=0, help="of sentences and noises (default %(default)s)")
    add_device(parser, of="the speech encoder")


def training_of(args: argparse.Namespace, allowed: Sequence[Precision]) -> tuple[torch.device, Precision]:
    """Device and precision of a training, torch's threads being set. Raises DnpmError when they are not there, or the
    training does not allow them."""
    from ..training.precision import choose

    use_threads(args)
    device = device_of(args)
    return device, choose(args.precision, device, allowed)


def command_line() -> str:
    """The command that is running, for cards."""
    return "dnpm " + " ".join(sys.argv[1:])
