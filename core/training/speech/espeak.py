"""espeak-ng by its C library (speak_lib.h): sound and, by events, when each phone begins.

The library keeps one state a process; calls are made one after the other.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...programs import find_library

_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA = 2, 1, 2
_END_OF_LIST, _SENTENCE_END, _TERMINATED, _PHONEME = 0, 5, 6, 7
_UTF8 = 1
_WORDS_A_MINUTE = 165
_RATE, _PITCH = 1, 3


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT."""

    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Identity),
    ]  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    """The loaded library, its sample rate, and what the last text gave."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _PHONEME_IPA))
        self.sound: list[np.ndarray] = []
        self.events: list[tuple[float, str]] = []
        self.callback = _Callback(self._take)  # Kept: the library holds no reference.
        library.espeak_SetSynthCallback(self.callback)

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if count > 0 and wave:
            self.sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        k = 0
        while events[k].type != _END_OF_LIST:
            event = events[k]
            if event.type == _PHONEME:
                symbol = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self.events.append((event.audio_position / 1000, symbol))
            elif event.type in (_SENTENCE_END, _TERMINATED):
                self.events.append((event.audio_position / 1000, "_"))
            k += 1
        return 0


@lru_cache(maxsize=1)
def _loaded() -> _Library | None:
    path = find_library("espeak-ng")
    if path is None:
        return None
    try:
        library = _Library(ctypes.CDLL(path))
    except OSError:  # for another processor, or without a library that it needs
        return None
    return library if library.rate > 0 else None


def available() -> bool:
    """Whether the library and its data are installed."""
    return _loaded() is not None


def has(voice: str) -> bool:
    """Whether it is installed and knows that voice."""
    speaker = _loaded()
    return speaker is not None and speaker.library.espeak_SetVoiceByName(voice.encode()) == 0


def ipa(text: str, voice: str = "en-us") -> str:
    """The text's phones in the International Phonetic Alphabet, words apart by blanks. Raises DnpmError without it."""
    speaker = _loaded()
    if speaker is None:
        raise DnpmError("espeak-ng is not installed (package libespeak-ng1)")
    if speaker.library.espeak_SetVoiceByName(voice.encode()):
        raise DnpmError(f"espeak-ng has no voice {voice!r}")
    speaker.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    # It takes one clause a call and moves the pointer on; what ends a clause is lost, so a comma stands for it.
    rest = ctypes.c_char_p(text.encode())
    clauses = []
    while rest.value:
        clauses.append(speaker.library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _PHONEME_IPA) or b"")
    return ", ".join(clause.decode("utf-8", "ignore").strip() for clause in clauses if clause.strip()) + "."


def say(text: str, voice: str, rate: float = 1.0) -> tuple[np.ndarray, list[tuple[float, str]], int]:
    """(n,) float32 sound, (start s, symbol) of each phone in order, samples a second. Raises DnpmError without it."""
    speaker = _loaded()
    if speaker is None:
        raise DnpmError("espeak-ng is not installed (package libespeak-ng1)")
    if speaker.library.espeak_SetVoiceByName(voice.encode()):
        raise DnpmError(f"espeak-ng has no voice {voice!r}")
    speaker.library.espeak_SetParameter(_RATE, round(_WORDS_A_MINUTE * rate), 0)
    speaker.library.espeak_SetParameter(_PITCH, 50, 0)
    speaker.sound, speaker.events = [], []
    data = text.encode()
    speaker.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    speaker.library.espeak_Synchronize()
    if not speaker.sound:
        raise DnpmError(f"espeak-ng's voice {voice!r} spoke nothing for {text!r}")
    return np.concatenate(speaker.sound).astype(np.float32) / 32768, list(speaker.events), speaker.rate
