"""Copies of a sound as other rooms, microphones and voices would give it; the motion stays the same.

Level, noise of any colour, a room's echoes, a narrow band (telephone, camera), another pitch by another pace (then the
motion is paced alike: the caller is told the factor), and stretches muted altogether.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from ...speech.audio import RATE


@dataclass(frozen=True)
class Copy:
    """samples (n,) at 16 kHz; pace: motion time is divided by it; muted: (start s, end s) without sound."""

    samples: np.ndarray
    pace: float
    muted: tuple[tuple[float, float], ...]


def altered(samples: np.ndarray, rng: np.random.Generator) -> Copy:
    """One random copy."""
    sound, pace = np.asarray(samples, np.float32), 1.0
    if rng.random() < 0.6:
        # Played faster it is higher: other sizes of throat, other paces.
        up, down = RATE // 100, round(RATE / 100 * float(rng.uniform(0.85, 1.18)))
        pace = down / up
        sound = resample_poly(sound, up, down).astype(np.float32)
    if rng.random() < 0.4:
        sound = _room(sound, rng)
    if rng.random() < 0.3:
        low, high = float(rng.uniform(80, 350)), float(rng.uniform(3000, 7000))
        sound = sosfilt(butter(2, (low, high), "band", fs=RATE, output="sos"), sound).astype(np.float32)
    muted: list[tuple[float, float]] = []
    seconds = len(sound) / RATE
    if seconds > 2 and rng.random() < 0.3:
        begin = float(rng.uniform(0, seconds - 1))
        muted.append((begin, begin + float(rng.uniform(0.5, 1.0))))
        sound = sound.copy()
        sound[round(begin * RATE) : round(muted[-1][1] * RATE)] = 0
    sound = sound * 10 ** (float(rng.uniform(-24, 3)) / 20)
    if rng.random() < 0.6:
        sound = sound + _noise(sound, rng)
    return Copy(np.clip(sound, -1, 1).astype(np.float32), pace, tuple(muted))


def _noise(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hiss to rumble (spectrum 1 / f^0 to 1 / f^1.5), 12 to 45 dB below the speech."""
    spectrum = np.fft.rfft(rng.standard_normal(len(sound)))
    hertz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 40)
    noise = np.fft.irfft(spectrum * hertz ** (-float(rng.uniform(0, 1.5)) / 2), len(sound))
    power = float(np.sqrt(np.mean(np.square(sound)) / max(np.mean(np.square(noise)), 1e-20)))
    return noise * power * 10 ** (-float(rng.uniform(12, 45)) / 20)


def _room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise that dies away in 0.15 to 0.7 s (60 dB), after the direct sound."""
    seconds = float(rng.uniform(0.15, 0.7))
    time = np.arange(round(seconds * RATE)) / RATE
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    echo[: round(0.003 * RATE)] = 0
    echo *= float(rng.uniform(0.1, 0.6)) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0
    return fftconvolve(sound, echo)[: len(sound)].astype(np.float32)
