"""Command line arguments that several commands share, so that they read and mean the same everywhere.

Filling a parser imports no torch: `dnpm --help` stays quick, and Blender's process may import this.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DnpmError

if TYPE_CHECKING:
    import torch

    from .measures.perceptual import PerceptualDistance

_PERCEPTUAL = ("auto", "lpips-alex", "lpips-vgg", "efficientnet-lite0")


def add_device(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, default: str | None = "auto", of: str = ""
) -> None:
    """`--device`. default: None where the answer is passed on to another process; of: what runs there, for the help."""
    what = f"of {of}: " if of else ""
    parser.add_argument(
        "--device", default=default, metavar="NAME",
        help=f"{what}auto, cpu, cuda, cuda:1, mps or xpu (default: {default or 'auto'}; auto is the fastest there is, "
        "under torchrun the process's own GPU)",
    )  # fmt: skip


def device_of(args: argparse.Namespace) -> torch.device:
    """The device that `--device` names. Raises DnpmError when it is missing or does not work."""
    from .devices import choose

    return choose(args.device or "auto")


def add_emotion(parser: argparse.ArgumentParser) -> None:
    """`--emotion`, for `speech/emotions.py: parse`."""
    from .speech.emotions import AUTO, CHOICES, USUAL_STRENGTH

    parser.add_argument(
        "--emotion", action="append", default=[], metavar="NAME[:STRENGTH][,...][@SECONDS]",
        help=f"rule-based: {', '.join(CHOICES)}, or {AUTO}, a rough guess from the voice; strength 0 to 1 (default "
        f"{USUAL_STRENGTH:g}); may be repeated, each from its second on",
    )  # fmt: skip


def add_threads(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """`--threads`."""
    parser.add_argument("--threads", type=int, default=default, metavar="N", help="of torch on a CPU")


def use_threads(args: argparse.Namespace) -> None:
    """Set torch's threads to `--threads`. Raises DnpmError on a number below 1."""
    if args.threads is None:
        return
    if args.threads < 1:
        raise DnpmError(f"--threads {args.threads}: give at least 1")
    import torch

    torch.set_num_threads(args.threads)


def add_perceptual(
    parser: argparse.ArgumentParser, prefer: str = "alex", none: bool = False, weight_too: bool = False
) -> None:
    """`--perceptual`, `--trunk` and `--download`.

    prefer: the trunk that the paper has here ("alex" or "vgg"), which "auto" looks for first; none: whether the term
    can be left out by name; weight_too: `--perceptual` also takes the term's weight and `--trunk` a distance's name, as
    they did before they had these meanings.
    """
    choices = (*_PERCEPTUAL, "none") if none else _PERCEPTUAL

    def named(text: str) -> str:
        if text not in choices and not (weight_too and _is_number(text)):
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    parser.add_argument(
        "--perceptual", default="auto", type=named, metavar="NAME",
        help=f"distance of the perceptual term: {', '.join(choices)} (default auto: lpips-{prefer} as in the paper "
        "where its trunk is at hand, else another LPIPS trunk, else efficientnet-lite0, which is not LPIPS)",
    )  # fmt: skip
    parser.add_argument(
        "--trunk", type=Path, metavar="FILE",
        help="LPIPS's trunk, a checkpoint of torchvision (alexnet-owt-7be5be79.pth, vgg16-397923af.pth); default: "
        "torch's download cache",
    )  # fmt: skip
    parser.add_argument("--download", action="store_true", help="fetch the trunk (AlexNet 233 MB, VGG16 528 MB)")
    parser.set_defaults(prefer=prefer)


def perceptual_of(args: argparse.Namespace) -> PerceptualDistance | None:
    """The distance that the arguments of `add_perceptual` name; None for "none". Raises DnpmError when its weights are
    missing or damaged."""
    from .measures.perceptual import perceptual

    name, trunk = args.perceptual, args.trunk
    if name == "none":
        return None
    if _is_number(name):
        name = "auto"
    if trunk is not None and str(trunk) in _PERCEPTUAL and not trunk.exists():
        name, trunk = str(trunk), None
    return perceptual(name, trunk=trunk, download=args.download, prefer=args.prefer)


def perceptual_weight_of(args: argparse.Namespace) -> float:
    """`--perceptual-weight`, or the number that `--perceptual` holds."""
    return float(args.perceptual) if _is_number(args.perceptual) else float(args.perceptual_weight)


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False
