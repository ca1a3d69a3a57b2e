"""Learn a style of speaking from a performer's own take: a capture and its sound; a minute or two.

dnpm train style take.csv take.wav --out build/styles --licence "CC0-1.0"
dnpm train style one.csv one.wav two.csv two.wav --out build/styles --name ann --licence "ours, for internal use"
dnpm animate --audio line.wav --speaker build/styles/ann.style.json --out build/line

Styles that lie in a folder `styles` beside the speech weights, or in the one that DNPM_STYLES names, are known by their
names. A style is a linear regression from the speech encoder's features to jaw and mouth (docs/speech.md). The last
fifth of each take is held out for the scores, then learnt from as well.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..capture import options
from ..errors import DnpmError
from ..options import add_device, add_threads, device_of, use_threads
from .train_options import command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`style` beside the networks."""
    parser = training_parser(what, "style", "a manner of speaking, from a performer's own take", __doc__, run)
    parser.add_argument("files", type=Path, nargs="+", metavar="CAPTURE SOUND", help="a take; several: pair by pair")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the style is written")
    parser.add_argument("--name", help="of the style (default: the first capture's)")
    parser.add_argument("--licence", required=True, help="under which the take may be used, for the style's card")
    parser.add_argument("--weights", metavar="DIR", help="the speech weights (default: the shipped ones)")
    parser.add_argument("--encoder-file", metavar="PLACE", help="the speech encoder's file")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options.add_arguments(parser)
    add_device(parser, of="the speech encoder")
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Learn, save, print the scores."""
    from ..evaluation.speech_validation import style_scores
    from ..speech import style
    from ..speech.animate import open_animator
    from ..training.speech.captures import read_pair
    from ..training.speech.style import hear, learn, learnt_card

    if len(args.files) % 2:
        raise DnpmError(f"{len(args.files)} files: give a capture and its sound, pair by pair")
    name = args.name or args.files[0].stem
    style.check_name(name)
    if not args.licence.strip():
        raise DnpmError("--licence: say under which terms the take may be used")
    use_threads(args)
    started = time.monotonic()
    pairs = zip(args.files[::2], args.files[1::2], strict=True)
    takes = [read_pair(curves, sound, args.fps, args.scale) for curves, sound in pairs]
    animator = open_animator(args.weights, args.encoder_file, str(device_of(args)))
    decoder = animator.decoder
    heard = [hear(take, animator.encoder, decoder) for take in takes]
    made, scores = learn(name, heard, animator.encoder.kind, decoder.config.rate, style_scores)
    spent = time.monotonic() - started
    card = learnt_card(takes, heard, scores, args.licence, command_line(), spent, decoder.config.rate)
    path = style.save(args.out, made, card)
    if args.json:
        print(json.dumps({"style": str(path), "scores": scores}, indent=2))
        return 0
    print("\n".join([*(take.line for take in takes), "", *_table(scores), "", str(path)]))
    return 0


def _table(scores: dict[str, dict[str, float]]) -> list[str]:
    """The scores for reading."""
    keys = ("jaw_r", "mouth_r", "speed_ratio")
    lines = [f"{'on the held-out fifth':<24}" + "".join(f"{key:>13}" for key in keys)]
    for kind, row in scores.items():
        cells = ["-" if (value := row.get(key)) is None else f"{value:.3f}" for key in keys]
        lines.append(f"{kind:<24}" + "".join(f"{cell:>13}" for cell in cells))
    return lines
