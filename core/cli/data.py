"""Make and inspect the sets that networks are trained on."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from . import data_maps, data_speech, data_video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sets that can be made."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    data_maps.add_subparsers(what)
    data_speech.add_subparser(what)
    data_video.add_subparser(what)


def run(args: argparse.Namespace) -> int:
    """Each set's own `run` stands in args; argparse has put it there."""
    command: Callable[[argparse.Namespace], int] = args.run
    return command(args)
