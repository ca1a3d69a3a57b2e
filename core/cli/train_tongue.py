"""Teach speech weights where the tongue is in th, and in t, d, n, l, s and z: a layer of its own, in minutes.

dnpm train speech-tongue --out build/weights

It needs installed voices (`dnpm data speech --list`). Decoder and readout stay as they are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..errors import DnpmError
from ..options import device_of
from .train_options import add_heard, command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech-tongue` beside the networks."""
    parser = training_parser(what, "speech-tongue", "where the tongue is", __doc__, run)
    add_heard(parser, "layer", 6, "of the grammar, of each voice")


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
