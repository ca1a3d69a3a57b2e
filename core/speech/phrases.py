"""Where a voice pauses and what it stresses: phrases, accents, questions, from levels and pitch. numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import silence
from .prosody import Prosody, filled
from .silence import LEVEL_RATE

PAUSE_S = 0.22
"""Silence that is shorter lies within a phrase (the closures of stops)."""
_LEAST_PHRASE_S = 0.15
_APART_S = 0.38
"""Between two accents: stressed syllables come about twice a second (Dauer 1983)."""
_RISE_TONES = 2.5
"""By how much the end of a question lies above what comes before it, semitones."""


@dataclass(frozen=True)
class Phrase:
    """From one pause to the next, seconds."""

    begin: float
    end: float
    asks: bool
    """Its pitch rises at the end."""


@dataclass(frozen=True)
class Accent:
    """A stressed syllable."""

    time: float
    weight: float
    """0 to 1: how prominent it is in this sound."""


def average(values: np.ndarray, seconds: float) -> np.ndarray:
    """A triangle's moving average of values at 100 a second (twice a box), by sums: quick over hours."""
    size = max(1, round(seconds * LEVEL_RATE / 2))
    for _ in range(2):
        sums = np.cumsum(np.pad(values.astype(np.float64), (size // 2 + 1, size - size // 2 - 1), mode="edge"))
        values = (sums[size:] - sums[:-size]) / size
    return values


def prominence(prosody: Prosody) -> np.ndarray:
    """(n,) in [0, 1]: how far loudness and pitch of the last syllable stand above the speech around it."""
    level = prosody.level
    if len(level) < 2:
        return np.zeros(len(level))
    above = np.maximum(level - silence.threshold(level), 0)
    loud = np.maximum(average(above, 0.3) - average(above, 2.5), 0)
    tones = average(filled(prosody.pitch), 0.2)
    high = np.maximum(tones - average(tones, 2.5), 0) * (above > 0)
    rise = loud / max(float(np.percentile(loud, 98)), 1e-6) + 0.8 * high / max(float(np.percentile(high, 98)), 1e-6)
    return average((rise / 1.8).clip(0, 1), 0.12)


def accents(prosody: Prosody) -> list[Accent]:
    """Peaks of the prominence, at least _APART_S from each other; the larger ones first come first."""
    rise = prominence(prosody)
    if len(rise) < 3:
        return []
    peaks = np.flatnonzero((rise[1:-1] >= rise[:-2]) & (rise[1:-1] > rise[2:]) & (rise[1:-1] > 0.15)) + 1
    taken = np.zeros(len(rise), bool)
    apart = round(_APART_S * LEVEL_RATE)
    kept = []
    for peak in peaks[np.argsort(-rise[peaks], kind="stable")]:
        if not taken[max(0, peak - apart) : peak + apart].any():
            taken[peak] = True
            kept.append(Accent(float(peak / LEVEL_RATE), float(rise[peak])))
    return sorted(kept, key=lambda accent: accent.time)


def phrases(prosody: Prosody) -> list[Phrase]:
    """Speech between pauses."""
    level = prosody.level
    if not len(level):
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~silence.silent(level), [False]]).astype(np.int8)))
    spans: list[list[int]] = []
    for begin, end in edges.reshape(-1, 2):
        if spans and begin - spans[-1][1] < PAUSE_S * LEVEL_RATE:
            spans[-1][1] = int(end)
        else:
            spans.append([int(begin), int(end)])
    long = [span for span in spans if span[1] - span[0] >= _LEAST_PHRASE_S * LEVEL_RATE]
    return [Phrase(b / LEVEL_RATE, e / LEVEL_RATE, _asks(prosody.pitch[b:e])) for b, e in long]


def _asks(pitch: np.ndarray) -> bool:
    known = pitch[np.isfinite(pitch)]
    last = round(0.22 * LEVEL_RATE)
    if len(known) < 3 * last:
        return False
    return bool(np.median(known[-last:]) - np.median(known[:-last]) > _RISE_TONES)
