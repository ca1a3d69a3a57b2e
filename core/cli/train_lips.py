"""Teach speech weights which frames are an m, b or p, in any language: a layer of its own, in minutes.

dnpm train speech-lips --out build/weights --captures takes --hold-out take_6

It needs espeak-ng and installed voices (`dnpm data speech --list`). --captures: a folder of captures beside sounds of
the same names, in which real lips shut. Decoder and readout stay as they are.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

from ..capture import options
from ..errors import DnpmError
from ..options import device_of
from .train_options import add_heard, command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech-lips` beside the networks."""
    parser = training_parser(what, "speech-lips", "which frames are an m, b or p, in any language", __doc__, run)
    add_heard(parser, "layer", 3, "English ones of each voice")
    parser.add_argument("--captures", type=Path, metavar="DIR", help="captured takes with their sounds")
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="NAME", help="takes for the scores alone")
    options.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train, save, print the scores."""
    from ..speech.card import speech_dir
    from ..speech.encoders import open_encoder
    from ..speech.weights import load_readout, load_speech, save_speech
    from ..training.speech import bilabials
    from ..training.speech.captures import read_takes
    from ..training.speech.voices import choose

    folder = speech_dir(args.weights)
    before = load_readout(folder)
    if before is None:
        raise DnpmError(f"{folder}: its weights have no readout yet; make it with `dnpm train speech-readout`")
    takes = read_takes(args.captures, args.fps, args.scale)[0] if args.captures else []
    if unknown := set(args.hold_out) - {take.name for take in takes}:
        raise DnpmError(f"--hold-out {', '.join(sorted(unknown))}: no such take")
    decoder, card = load_speech(folder)
    encoder = open_encoder(decoder.config.encoder, args.encoder_file, str(device_of(args)))
    voices = choose(None)
    real = (bilabials.captured(encoder, take, encoder.rate, take.name in args.hold_out) for take in takes)
    heard = bilabials.spoken(encoder, voices, args.sentences, args.seed)
    layer, scores = bilabials.train(itertools.chain(heard, real), args.seed)
    about = {
        "command": command_line(), "voices": [voice.name for voice in voices], "languages": list(bilabials.SENTENCES),
        "takes": [take.name for take in takes], "hold_out": sorted(args.hold_out), "scores": scores,
    }  # fmt: skip
    save_speech(args.out, decoder, dict(card) | {"lips": about}, replace(before, lips=layer))
    print("\n".join(f"{name:<40}{value:.4f}" for name, value in scores.items()))
    return 0
