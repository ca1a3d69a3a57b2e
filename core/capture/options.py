"""Options for what a capture file leaves open: in messages, and on every command line that reads captures."""

from __future__ import annotations

import argparse

GIVE_RATE = "give its frames per second (--fps, Capture Rate in Blender)"
LEAVE_RATE = "do not give a rate"
GIVE_SCALE = "give the value of a full expression (--scale 1 or 100, Full Value in Blender)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--fps and --scale."""
    parser.add_argument(
        "--fps", type=float, metavar="RATE",
        help="frames per second of a capture that leaves them open (frame numbers, a clip within one second)",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, metavar="VALUE",
        help="value of a full expression in a capture that leaves it open (1, or 100 for percent)",
    )  # fmt: skip
