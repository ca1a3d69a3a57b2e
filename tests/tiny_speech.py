"""Writes an untrained speech decoder and a tiny encoder beside it: python tiny_speech.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from dnpm.core.speech.config import SpeechConfig
from dnpm.core.speech.decoder import SpeechDecoder
from dnpm.core.speech.encoders.whisper import FILE, WhisperEncoder
from dnpm.core.speech.weights import save_speech

WIDTH = 16


def write(folder: Path) -> Path:
    """speech.json, speech.safetensors and speech_encoder.safetensors."""
    torch.manual_seed(0)
    encoder = WhisperEncoder(WIDTH, 2, 1, 500)
    torch.nn.init.normal_(encoder.positions, 0, 0.1)
    encoder.save(folder / FILE, {})
    config = SpeechConfig("whisper-tiny.en", WIDTH, width=16, heads=2, feedforward=16, past=8, speakers=("calm", "b"))
    decoder = SpeechDecoder(config)
    torch.nn.init.normal_(decoder.out.weight, 0, 0.1)
    torch.nn.init.constant_(decoder.out.bias, 0.3)
    about = {"name": "tiny-speech", "data": "none", "licence": "CC0-1.0", "command": "test", "seed": 0, "hours": 0}
    save_speech(folder, decoder, about | {"scores": {}})
    return folder


if __name__ == "__main__":
    write(Path(sys.argv[1]))
