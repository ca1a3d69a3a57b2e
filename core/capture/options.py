"""What settles the choices that a file leaves open: in messages, and on every command line that reads captures."""

from __future__ import annotations

import argparse

GIVE_RATE = "say how many frames a second there are (--fps, Capture Rate in Blender)"
LEAVE_RATE = "leave the rate out that was given"
GIVE_SCALE = "say which value is a full expression (--scale 1 or 100, Full Value in Blender)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--fps and --scale."""
    parser.add_argument(
        "--fps", type=float, metavar="RATE",
        help="frames a second of a capture that does not tell (frame numbers, a clip within one second)",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, metavar="VALUE",
        help="the value that is a full expression in a capture that does not tell (1, or 100 in percent)",
    )  # fmt: skip
