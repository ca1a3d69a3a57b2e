"""Make a speech set: sentences spoken by every installed voice and animated by the teacher, and captures beside them.

dnpm data speech --out build/speech --sentences 600                          whatever voices are installed
dnpm data speech --out build/speech --captures takes --hold-out take_7       captures (docs/capture.md) beside sounds
dnpm data speech --list                                                      the voices, and what is missing

A second run with the same options makes what is missing. Copies are muted, noisy, reverberant, pitched or re-levelled.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import logs
from ..capture import options
from ..errors import DnpmError
from ..options import add_device, device_of

log = logs.logger(__name__)

SENTENCES = 600


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech` beside the other sets."""
    parser = what.add_parser(
        "speech", help="sound and curves to train the speech decoder on", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the set is made")
    parser.add_argument(
        "--sentences",
        type=int,
        metavar="N",
        help=f"to be spoken, over all voices (default {SENTENCES}; with --captures and no voice installed, none)",
    )
    parser.add_argument("--voices", metavar="NAMES", help="with commas between (default: all that are installed)")
    parser.add_argument("--copies", type=int, default=1, help="altered copies of each sentence (default %(default)s)")
    parser.add_argument("--captures", type=Path, metavar="DIR", help="captures beside sounds of the same names")
    options.add_arguments(parser)
    parser.add_argument(
        "--capture-copies", type=int, default=3, help="of each piece of a capture (default %(default)s)"
    )
    parser.add_argument("--hold-out", default="", metavar="NAMES", help="voices and takes for validation alone")
    parser.add_argument("--encoder", default="whisper-tiny.en", help="whisper-tiny.en or wav2vec2")
    parser.add_argument("--encoder-file", metavar="PLACE", help="its file or folder")
    parser.add_argument("--seed", type=int, default=0, help="of the sentences and alterations (default %(default)s)")
    add_device(parser, of="the speech encoder")
    parser.add_argument("--list", action="store_true", help="say which voices there are, make nothing")
    parser.set_defaults(run=run)


def sentences_of(args: argparse.Namespace, voices: bool) -> int:
    """How many sentences are spoken. Captures alone need no voice: without one there are none, unless they or voices
    were asked for by name."""
    if args.sentences is not None:
        return int(args.sentences)
    if args.captures is not None and not voices and not args.voices:
        log.warning("no voice is installed: the captures alone (`dnpm data speech --list` says what is missing)")
        return 0
    return SENTENCES


def run(args: argparse.Namespace) -> int:
    """Make the set, print its folder."""
    from ..training.speech.voices import installed, missing

    if args.list:
        print("\n".join(installed()) or "no voice")
        for what in missing():
            print(f"missing: {what}")
        return 0
    if args.out is None:
        raise DnpmError("--out DIR is needed: where the set is made")
    if min(args.sentences or 0, args.copies, args.capture_copies) < 0:
        raise DnpmError("--sentences, --copies and --capture-copies must not be negative")
    from ..speech.encoders import open_encoder
    from ..training.speech.making import Recipe, make

    names = lambda text: tuple(n.strip() for n in (text or "").split(",") if n.strip())  # noqa: E731
    recipe = Recipe(
        sentences_of(args, bool(installed())), names(args.voices) or None, args.copies, args.captures,
        args.capture_copies, names(args.hold_out), seed=args.seed, capture_fps=args.fps, capture_scale=args.scale,
    )  # fmt: skip
    count = make(recipe, args.out, open_encoder(args.encoder, args.encoder_file, str(device_of(args))))
    print(f"{args.out}: {count} clips")
    return 0
