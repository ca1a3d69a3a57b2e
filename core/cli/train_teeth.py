"""Teach speech weights which frames are an f or v: a row of their readout, in minutes.

dnpm train speech-teeth --out build/weights

It needs installed voices (`dnpm data speech --list`). Decoder and the readout's other rows stay as they are.
"""

from __future__ import annotations

import argparse

from ..errors import DnpmError
from ..options import device_of
from .train_options import add_heard, command_line, training_parser


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`speech-teeth` beside the networks."""
    parser = training_parser(what, "speech-teeth", "which frames are an f or v", __doc__, run)
    add_heard(parser, "row", 6, "of the grammar, of each voice")


def run(args: argparse.Namespace) -> int:
    """Train, save, print the scores."""
    from ..speech.card import speech_dir
    from ..speech.encoders import open_encoder
    from ..speech.readout import ROWS, with_teeth
    from ..speech.weights import load_readout, load_speech, save_speech
    from ..training.speech import labiodentals
    from ..training.speech.voices import choose

    folder = speech_dir(args.weights)
    before = load_readout(folder)
    if before is None or (before.lips is None and len(before.weight) < len(ROWS) - 1):
        raise DnpmError(f"{folder}: m, b and p are not heard yet; teach them first with `dnpm train speech-lips`")
    decoder, card = load_speech(folder)
    encoder = open_encoder(decoder.config.encoder, args.encoder_file, str(device_of(args)))
    voices = choose(None)
    weight, bias, scores = labiodentals.train(labiodentals.spoken(encoder, voices, args.sentences, args.seed))
    about = {"command": command_line(), "voices": [voice.name for voice in voices], "scores": scores}
    save_speech(args.out, decoder, dict(card) | {"teeth": about}, with_teeth(before, weight, bias))
    print("\n".join(f"{name:<40}{value:.4f}" for name, value in scores.items()))
    return 0
