"""Pitch, loudness, harmonicity and hiss of a sound, 100 times a second, from blocks of any lengths. numpy alone.

Pitch is the highest peak of the window's autocorrelation over that of the window function (Boersma 1993), 60 to 450 Hz;
its height is the harmonicity. Octave errors are folded back to the speaker's own median.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .audio import RATE
from .silence import LEVEL_RATE, STEP, LevelMeter, silent

_WINDOW, _FFT = 640, 2048
_LOW_HZ, _HIGH_HZ = 60.0, 450.0
_HISS_HZ = 3500.0
_NO_HISS_DB, _NOISY_DB, _ABOVE_NOISE = -120.0, -26.0, 3.0
"""No hiss; noise over the loud parts from which hiss is not told from it; of whose power so many times is taken off."""
_VOICED = 0.55
"""Harmonicity from which a frame has a pitch."""
_WHOLE_OCTAVE = 12.0
_PIECE = 512
"""Windows that are transformed at once."""


@dataclass(frozen=True)
class Prosody:
    """What the voice does beside its words; all (n,) float32, 100 a second."""

    level: np.ndarray
    """Decibels of full scale, as `silence.levels`."""
    pitch: np.ndarray
    """Semitones from the sound's median pitch; NaN where there is none."""
    harmonicity: np.ndarray
    """0 to 1."""
    hiss: np.ndarray
    """Share of the power above 3.5 kHz, 0 to 1."""
    median_hz: float
    """Median pitch; 0 where nothing is voiced."""
    folded: np.ndarray | None = None
    """(n,) float32 semitones that were taken off the pitch for errors of an octave; None: none."""


class ProsodyMeter:
    """Takes blocks at 16 kHz; keeps 16 bytes for each hundredth of a second."""

    def __init__(self) -> None:
        self._levels = LevelMeter()
        # The first window's middle is the first step's.
        self._rest = np.zeros((_WINDOW - STEP) // 2, np.float32)
        self._count = 0
        self._found: list[np.ndarray] = []
        window = np.hanning(_WINDOW)
        self._window = window.astype(np.float32)
        spectrum = np.fft.rfft(window, _FFT)
        own = np.fft.irfft(np.abs(spectrum) ** 2)[: int(RATE / _LOW_HZ) + 2]
        self._own = own / own[0]

    def add(self, block: np.ndarray) -> None:
        """The next block (n,) at 16 kHz."""
        self._levels.add(block)
        self._count += len(block)
        self._take(np.concatenate([self._rest, np.asarray(block, np.float32)]))

    def _take(self, held: np.ndarray) -> None:
        count = max(0, (len(held) - _WINDOW) // STEP + 1)
        for first in range(0, count, _PIECE):
            last = min(count, first + _PIECE)
            part = held[first * STEP : (last - 1) * STEP + _WINDOW]
            self._found.append(self._measure(np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::STEP]))
        self._rest = held[count * STEP :]

    def _measure(self, frames: np.ndarray) -> np.ndarray:
        """Windows (n, 640) -> (n, 3): pitch in Hz, harmonicity, hiss."""
        windowed = (frames - frames.mean(1, keepdims=True)) * self._window
        power = np.abs(np.fft.rfft(windowed, _FFT)) ** 2
        total = power.sum(1) + 1e-12
        hiss = power[:, round(_HISS_HZ * _FFT / RATE) :].sum(1) / total
        low, high = int(RATE / _HIGH_HZ), int(RATE / _LOW_HZ) + 1
        auto = np.fft.irfft(power)[:, : high + 1]
        score = auto / (auto[:, :1] + 1e-9) / self._own[: high + 1]
        lags = np.arange(high + 1)
        # Of two periods of the same tone the shorter one wins.
        inner = score[:, low:high] - 0.02 * np.log2(lags[low:high] / low)
        best = inner.argmax(1) + low
        rows = np.arange(len(frames))
        left, middle, right = score[rows, best - 1], score[rows, best], score[rows, best + 1]
        bend = left - 2 * middle + right
        shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0).clip(-0.5, 0.5)
        peak = middle >= np.maximum(left, right) - 1e-9
        harmonicity = np.where(peak, middle, 0.0).clip(0, 1)
        return np.stack([RATE / (best + shift), harmonicity, hiss], 1).astype(np.float32)

    def measured(self) -> Prosody:
        """Of what came so far, padded with silence to whole windows."""
        level = self._levels.levels()
        found = list(self._found)
        if missing := len(level) - sum(len(part) for part in found):
            rest = np.zeros((missing - 1) * STEP + _WINDOW, np.float32)
            rest[: min(len(rest), len(self._rest))] = self._rest[: len(rest)]
            found.append(self._measure(np.lib.stride_tricks.sliding_window_view(rest, _WINDOW)[::STEP]))
        hertz, harmonicity, hiss = (np.concatenate(found) if found else np.zeros((0, 3), np.float32)).T
        voiced = (harmonicity > _VOICED) & ~silent(level) if len(level) else np.zeros(0, bool)
        median = float(np.median(hertz[voiced])) if voiced.any() else 0.0
        pitch, folded = np.full(len(level), np.nan, np.float32), np.zeros(len(level), np.float32)
        if median:
            tones = 12 * np.log2(hertz[voiced] / median)
            folded[voiced] = np.where(np.abs(tones) > 9, _WHOLE_OCTAVE * np.round(tones / _WHOLE_OCTAVE), 0)
            pitch[voiced] = tones - folded[voiced]
        return Prosody(level, pitch, harmonicity, hiss, median, folded)


def hissing(level: np.ndarray, hiss: np.ndarray) -> np.ndarray:
    """Levels and hiss as in `Prosody` (n,) -> (n,) float32: decibels of the power above 3.5 kHz over the loud parts of
    the sound; -120 throughout where noise is too loud to tell hiss from it."""
    none = np.full(len(level), _NO_HISS_DB, np.float32)
    speech = ~silent(level) if len(level) else np.zeros(0, bool)
    if not speech.any():
        return none
    power = 10.0 ** (level.astype(np.float64) / 10) * hiss
    loud = np.percentile(level[speech], 95)
    # A fifth of speech and more is vowels, whose power lies lower: what hisses in them is noise.
    noise = np.percentile(power[speech], 20)
    if 10 * np.log10(noise + 1e-12) - loud > _NOISY_DB:
        return none
    clean = 10 * np.log10(np.maximum(power - _ABOVE_NOISE * noise, 1e-12)) - loud
    return np.maximum(clean, _NO_HISS_DB).astype(np.float32)


def filled(values: np.ndarray) -> np.ndarray:
    """(n,) with NaN -> without: straight lines across the gaps, the ends held; 0 where there is nothing at all."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros_like(values)
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known]).astype(np.float32)


def at(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n,) at 100 a second -> (T,) float32 at times, linear; 0 where there is nothing."""
    if not len(values):
        return np.zeros(len(times), np.float32)
    return np.interp(times, np.arange(len(values)) / LEVEL_RATE, values).astype(np.float32)
