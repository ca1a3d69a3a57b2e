"""Read a captured performance, print what it contains, and write it as this project's CSV.

dnpm capture take.csv                        one line: frames, rate and its source, channels, value range, gaps
dnpm capture take.json --out clips --json    writes clips/take.csv with a `time` column; prints the facts as JSON

Reads Live Link Face and other CSV with ARKit names, and Audio2Face, MediaPipe and BEAT JSON (docs/capture.md). A file
that leaves its rate or scale open is refused with the option that settles it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..capture import options
from ..capture.read import read_capture
from ..capture.write import write_track
from ..errors import DnpmError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file and its options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the capture (CSV, TSV or JSON)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write NAME.csv here; times of day are counted from 0 s"
    )
    options.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Read, write if requested, print what was read."""
    capture = read_capture(args.file, args.fps, args.scale)
    out = args.out / f"{args.file.stem}.csv" if args.out else None
    if out is not None:
        if out.exists() and out.samefile(args.file):
            raise DnpmError(f"{out}: is the input file; choose another --out")
        write_track(out, capture.from_zero())
    if args.json:
        print(json.dumps(capture.summary()))
    else:
        print(capture.line() + (f"; written to {out}" if out is not None else ""))
    return 0
