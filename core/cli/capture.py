"""A captured performance, or a video of a person, to this project's CSV.

dnpm capture take.csv                        one line: frames, rate and its source, channels, value range, gaps
dnpm capture take.json --out clips --json    writes clips/take.csv with a `time` column; prints the facts as JSON
dnpm capture clip.mp4 --out clips            a video: its face's 52 expressions, head and eyes; writes clips/clip.csv,
                                             clip_live_link.csv and clip_video.json (confidence, camera, identity)

Which of the two a file is, its content tells. Captures: Live Link Face and other CSV with ARKit names, and Audio2Face,
MediaPipe and BEAT JSON (docs/capture.md); a file that leaves its rate or scale open is refused with the option that
settles it. Videos (docs/video.md): whatever PyAV reads. Work that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..capture import options
from ..capture.read import read_capture
from ..capture.write import write_track
from ..errors import DnpmError
from ..video.formats import is_video

_KEPT = ".dnpm-reading"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file and its options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the capture (CSV, TSV or JSON), or a video")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write NAME.csv here; times of day are counted from 0 s"
    )
    options.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    video = parser.add_argument_group("of a video")
    video.add_argument(
        "--neutral", default="auto", metavar="auto|none|SECONDS",
        help="the person's rest that is taken out of all frames: the most frequent still face, nothing, or the face at "
        "a moment (default %(default)s)",
    )  # fmt: skip
    video.add_argument(
        "--smoothing", type=float, default=1.0, metavar="X", help="0: none, 1: usual (default %(default)s)"
    )
    video.add_argument("--sheet", action="store_true", help="also NAME_sheet.jpg: moments, the fitted face, curves")
    video.add_argument("--renders", action="store_true", help="the video shows rendered faces, not a photographed one")
    video.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    video.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")


def run(args: argparse.Namespace) -> int:
    """Read, write if requested, print what was read."""
    if is_video(args.file):
        return _video(args)
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


def _video(args: argparse.Namespace) -> int:
    from .. import progress
    from ..video.capturing import Choices, Tools, steps

    if args.fps is not None or args.scale is not None:
        raise DnpmError(f"{args.file}: is a video, whose pictures have times: leave --fps and --scale out")
    if args.sheet and args.out is None:
        raise DnpmError("--sheet needs --out DIR, where the picture is written")
    neutral, neutral_s = _neutral(args.neutral)
    if not 0 <= args.smoothing <= 10:
        raise DnpmError(f"--smoothing {args.smoothing:g}: must be 0 to 10")
    kept = args.out / f"{args.file.stem}{_KEPT}" if args.out else None
    tools = Tools.open(args.face_model, args.landmarks, args.renders)
    work = steps(args.file, tools, Choices(neutral, neutral_s, args.smoothing), kept)
    try:
        with progress.share(args.file.name) as tell:
            while True:
                tell(next(work))
    except StopIteration as end:
        made = end.value
    finally:
        work.close()
    written = made.write(args.out, args.file.stem) if args.out else []
    if args.out and args.sheet:
        from ..video.sheet import write_sheet

        written.append(write_sheet(args.out / f"{args.file.stem}_sheet.jpg", args.file, made, tools.model))
    if args.json:
        print(json.dumps(made.summary()))
    else:
        print(made.line() + (f"; written to {', '.join(str(path) for path in written)}" if written else ""))
    return 0


def _neutral(text: str) -> tuple[bool, float | None]:
    if text in ("auto", "none"):
        return text == "auto", None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e5:
        raise DnpmError(f"--neutral {text}: must be auto, none, or seconds into the video")
    return True, seconds
