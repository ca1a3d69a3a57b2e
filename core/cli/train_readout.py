"""Teach speech weights who speaks and where the tongue is: a linear readout of the encoder's features, in minutes.

dnpm train speech-readout --weights weights --out build/weights --recordings readings

It needs installed voices (`dnpm data speech --list`). --recordings: a folder of readings without music, which are heard
clean and in noise. The decoder stays as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import DnpmError
from ..options import device_of
from .train_options import add_heard, command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech-readout` beside the networks."""
    parser = training_parser(what, "speech-readout", "who speaks, and where the tongue is", __doc__, run)
    add_heard(parser, "readout", 6, "of each voice")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="readings: sounds without music")


def run(args: argparse.Namespace) -> int:
    """Train, save, print the scores."""
    from ..speech.card import speech_dir
    from ..speech.encoders import open_encoder
    from ..speech.formats import SUFFIXES
    from ..speech.weights import load_speech, save_speech
    from ..training.speech import readout
    from ..training.speech.voices import choose

    if args.sentences < 1:
        raise DnpmError(f"--sentences {args.sentences}: give at least 1")
    folder = Path(args.recordings) if args.recordings else None
    found = [] if folder is None else sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if folder is not None and not found:
        raise DnpmError(f"{folder}: holds no sound that is read")
    decoder, card = load_speech(speech_dir(args.weights))
    encoder = open_encoder(decoder.config.encoder, args.encoder_file, str(device_of(args)))
    voices = choose(None)
    heard = readout.samples(voices, args.sentences, found, args.seed, encoder.rate)
    made, scores = readout.train(encoder, heard)
    about = {
        "command": command_line(), "voices": [voice.name for voice in voices], "recordings": [p.name for p in found],
        "scores": scores,
    }  # fmt: skip
    save_speech(args.out, decoder, dict(card) | {"readout": about}, made)
    print("\n".join(f"{name:<20}{value:.4f}" for name, value in scores.items()))
    return 0
