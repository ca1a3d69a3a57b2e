"""Teach speech weights where the tongue is in th, and in t, d, n, l, s and z: a layer of its own, in minutes.

dnpm train speech-tongue --out build/weights

It needs installed voices (`dnpm data speech --list`). Decoder and readout stay as they are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import DnpmError
from ..options import add_device, device_of
from .train_options import command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech-tongue` beside the networks."""
    parser = training_parser(what, "speech-tongue", "where the tongue is", __doc__, run)
    parser.add_argument("--weights", metavar="DIR", help="the speech weights (default: the shipped ones)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where they are written with the layer")
    parser.add_argument(
        "--sentences", type=int, default=6, metavar="N", help="of the grammar, of each voice (%(default)s)"
    )
    parser.add_argument("--encoder-file", metavar="PLACE", help="the speech encoder's file")
    parser.add_argument("--seed", type=int, default=0, help="of sentences and noises (default %(default)s)")
    add_device(parser, of="the speech encoder")


def run(args: argparse.Namespace) -> int:
    """Train, save, print the scores."""
    from ..speech.card import speech_dir
    from ..speech.encoders import open_encoder
    from ..speech.weights import load_readout, load_speech, save_speech
    from ..training.speech import dentals
    from ..training.speech.voices import choose

    folder = speech_dir(args.weights)
    before = load_readout(folder)
    if before is None:
        raise DnpmError(f"{folder}: its weights have no readout yet; make it with `dnpm train speech-readout`")
    decoder, card = load_speech(folder)
    encoder = open_encoder(decoder.config.encoder, args.encoder_file, str(device_of(args)))
    voices = choose(None)
    heard = dentals.spoken(encoder, voices, args.sentences, args.seed)
    layer, scores = dentals.train(heard, encoder.rate, args.seed)
    about = {"command": command_line(), "voices": [voice.name for voice in voices],
             "hold_out": sorted(dentals.UNKNOWN), "scores": scores}  # fmt: skip
    save_speech(args.out, decoder, dict(card) | {"tongue": about}, replace(before, tongue=layer))
    print("\n".join(f"{name:<40}{value:.4f}" for name, value in scores.items()))
    return 0
