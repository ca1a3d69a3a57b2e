"""How loud a sound is over time, and where it is silent.

Silence is measured against the sound itself, because recordings differ in level by tens of decibels: a frame is silent
when it lies 32 dB below the loud parts (95th percentile), or near the recording's own floor where that is higher, or
below -66 dB of full scale whatever the rest is.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .audio import RATE

STEP = 160
"""Samples between two levels: 100 a second."""
LEVEL_RATE = RATE / STEP
BELOW_SPEECH_DB, ABSOLUTE_DB, ABOVE_FLOOR_DB, LEAST_RANGE_DB = 32.0, -66.0, 6.0, 18.0
_SPAN = 5
"""Levels are taken over 50 ms around their place."""
_NOTHING_DB = -120.0


def levels(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Sound at 16 kHz in blocks of any lengths -> (n,) float32 dB of full scale, 100 a second, over 50 ms each."""
    meter = LevelMeter()
    for block in blocks:
        meter.add(block)
    return meter.levels()


class LevelMeter:
    """Levels of sound that comes in blocks; keeps 400 bytes a second."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._power: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """The next block (n,) at 16 kHz."""
        held = np.concatenate([self._rest, block])
        whole = len(held) // STEP * STEP
        self._power.append(np.square(held[:whole], dtype=np.float64).reshape(-1, STEP).mean(1).astype(np.float32))
        self._rest = held[whole:]

    def levels(self) -> np.ndarray:
        """(n,) float32 dB of what came so far."""
        rest = [np.array([np.square(self._rest, dtype=np.float64).mean()], np.float32)] if len(self._rest) else []
        power = np.concatenate([*self._power, *rest]) if self._power or rest else np.zeros(0, np.float32)
        if not len(power):
            return power
        padded = np.pad(power.astype(np.float64), _SPAN // 2, mode="edge")
        smooth = np.convolve(padded, np.full(_SPAN, 1 / _SPAN), "valid")
        return (10 * np.log10(np.maximum(smooth, 10 ** (_NOTHING_DB / 10)))).astype(np.float32)


def threshold(level: np.ndarray) -> float:
    """The level in dB under which a frame of this sound is silent."""
    if not len(level):
        return ABSOLUTE_DB
    loud, floor = np.percentile(level, [95, 5])
    # A hum below the pauses must not pass for speech, nor quiet speech for a hum.
    relative = max(loud - BELOW_SPEECH_DB, min(floor + ABOVE_FLOOR_DB, loud - LEAST_RANGE_DB))
    return float(max(relative, ABSOLUTE_DB))


def silent(level: np.ndarray) -> np.ndarray:
    """(n,) levels -> (n,) bool."""
    return level < threshold(level)


def silent_for(level: np.ndarray) -> np.ndarray:
    """(n,) levels -> (n,) float32 seconds that the silence has lasted at each; 0 in sound. A sound that begins with
    silence counts from its begin."""
    quiet = silent(level)
    index = np.arange(len(level))
    last = np.maximum.accumulate(np.where(quiet, -1, index))
    return np.where(quiet, (index - last) / LEVEL_RATE, 0).astype(np.float32)
