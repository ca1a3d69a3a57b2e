"""Speech encoders behind one interface: sound at 16 kHz in, features at a stated rate out."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import DnpmError
from .windows import SpeechEncoder

WHISPER, WAV2VEC2 = "whisper-tiny.en", "wav2vec2"

__all__ = ["WAV2VEC2", "WHISPER", "SpeechEncoder", "open_encoder"]


def open_encoder(
    kind: str = WHISPER, place: str | os.PathLike[str] | None = None, device: str = "cpu"
) -> SpeechEncoder:
    """The encoder that weights were trained with.

    kind: WHISPER (place: another converted file) or WAV2VEC2 (place: a folder, or a name in transformers' cache).
    Raises DnpmError when it is not there; nothing is ever fetched.
    """
    if kind == WHISPER:
        from .whisper import WhisperEncoder, encoder_path

        return WhisperEncoder.load(encoder_path(place), device)
    if kind == WAV2VEC2:
        from .wav2vec import Wav2VecEncoder

        return Wav2VecEncoder.load(str(place) if place else Wav2VecEncoder.DEFAULT, device)
    known = ", ".join((WHISPER, WAV2VEC2))
    raise DnpmError(f"speech encoder {kind!r} is not known; there are {known} ({Path(__file__).parent.name})")
