"""Speech to ARKit curves: curves.csv (seconds), live_link.csv (Apple's layout), curves.json; and to a speaking clip.

dnpm animate --audio a.wav --out build/a                                      30 frames a second
dnpm animate --audio a.mp3 --out build/a --fps 23.976 --blinks --head-life .5 --strength jaw=.8 --strength mouth=1.2
dnpm animate --audio a.wav --out build/a --emotion joy:.7 --emotion surprise:.5,fear:.2@4.2     the second from 4.2 s on
dnpm animate --audio a.wav --out build/a --fps 24 --preset face.dnpm.json --frames       a .blend, pictures, an mp4

The same file, settings and seed give the same curves.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import logs
from .. import progress as bars
from ..batch import clip
from ..errors import DnpmError
from ..files.writing import write_text
from ..options import add_emotion, device_of
from ..speech.controls import USUAL
from ..speech.formats import READ
from .batch import start_blender

if TYPE_CHECKING:
    from ..capture.track import CurveTrack

log = logs.logger(__name__)

PARTS = ("mouth", "jaw", "brows", "eyes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sound, place, settings."""
    parser.add_argument("--audio", type=Path, required=True, metavar="FILE", help=f"the sound: {READ}")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the curves are written")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second, also 23.976 (default %(default)s)")
    parser.add_argument(
        "--speaker", help="a style: one of the weights' (default: their first), or a learnt one by name or card"
    )
    parser.add_argument(
        "--strength", action="append", default=[], metavar="PART=FACTOR", help=f"of {', '.join(PARTS)}; 0 to 3"
    )
    parser.add_argument("--smoothing", type=float, default=0.0, metavar="SECONDS", help="a Gaussian's sigma")
    parser.add_argument("--no-contact", action="store_true", help="leave lips that all but meet as they are")
    parser.add_argument("--no-gate", action="store_true", help="leave the mouth as it is in silence, music and noise")
    parser.add_argument("--no-tongue", action="store_true", help="leave the tongue where it is")
    # The panel's defaults, so that the same sound gives the same motion here and there.
    parser.add_argument(
        "--blinks", action=argparse.BooleanOptionalAction, default=USUAL.blinks, help="add blinks (default: yes)"
    )
    for name, what in (
        ("brow_life", "brows with the stress"), ("face_life", "lids, gaze, cheeks, nose, corners of the mouth, chin"),
        ("head_life", "turns and nods of the head"),
    ):  # fmt: skip
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=getattr(USUAL, name), metavar="AMOUNT",
            help=f"{what}; rule-based, 0 to 1 (default %(default)s)",
        )  # fmt: skip
    add_emotion(parser)
    parser.add_argument("--seed", type=int, default=0, help="of all that is not the mouth")
    parser.add_argument("--weights", metavar="DIR", help="another folder of weights")
    parser.add_argument("--encoder-file", metavar="PLACE", help="another speech encoder's file or folder")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    clip.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the curves, print what was written."""
    from ..speech.audio import open_sound
    from ..speech.controls import Controls
    from ..speech.emotions import parse

    controls = Controls(
        **strengths(args.strength), smoothing=args.smoothing, contact=not args.no_contact,
        gate=not args.no_gate, tongue=not args.no_tongue, blinks=args.blinks, brow_life=args.brow_life,
        face_life=args.face_life, head_life=args.head_life, seed=args.seed, emotions=parse(args.emotion),
    )  # fmt: skip
    if clip.wants_blender(args):
        clip.read_item(args)  # What is wrong with it is told before anything is computed.
    sound = open_sound(args.audio)
    from ..capture.write import write_live_link, write_track
    from ..speech.animate import animate, open_animator

    animator = open_animator(args.weights, args.encoder_file, str(device_of(args)))
    with bars.share("curves") as tell:
        animation = animate(sound, animator, fps=args.fps, speaker=args.speaker, controls=controls, progress=tell)
    track = animation.track
    for note in animation.notes:
        log.warning("%s: %s", args.audio, note)
    write_track(args.out / "curves.csv", track)
    write_live_link(args.out / "live_link.csv", track)
    _write_json(args.out / "curves.json", track, args.fps)
    result: dict[str, Any] = {
        "audio": str(args.audio), "seconds": round(float(track.times[-1]), 3), "fps": args.fps,
        "frames": len(track.times), "weights": animator.name, "speaker": args.speaker, "out": str(args.out),
        "notes": list(animation.notes),
    }  # fmt: skip
    if clip.wants_blender(args):
        status = start_blender(clip.forwarded(args), args.blender, args.python, sys.stderr if args.json else None)
        if status:
            return status
        made = ("clip.blend", "clip.mp4", clip.PICTURES)
        result["clip"] = [name for name in made if (args.out / name).exists()]
    print(
        json.dumps(result, indent=2) if args.json else f"{args.out}: {len(track.times)} frames at {args.fps:g} a second"
    )
    return 0


def strengths(texts: list[str]) -> dict[str, float]:
    """["jaw=.8"] -> {"jaw": 0.8}. Raises DnpmError on another part, or on no number."""
    found = {}
    for text in texts:
        part, _, value = text.partition("=")
        try:
            found[part.strip()] = float(value)
        except ValueError as error:
            raise DnpmError(f"--strength {text}: give PART=FACTOR, for example jaw=.8") from error
        if part.strip() not in PARTS:
            raise DnpmError(f"--strength {text}: no such part; there are {', '.join(PARTS)}")
    return found


def _write_json(path: Path, track: CurveTrack, fps: float) -> None:
    from ..face_model.arkit import ARKIT_NAMES, TIP_UP

    columns = dict(zip(ARKIT_NAMES, track.expression.T, strict=True))
    if track.tip_up is not None:
        columns[TIP_UP] = track.tip_up
    curves = {name: [round(float(v), 5) for v in column] for name, column in columns.items()}
    write_text(path, json.dumps({"fps": fps, "frames": len(track.times), "curves": curves}))
