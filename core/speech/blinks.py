"""When a speaking face blinks, and how. Seeded.

Everything is made in seconds, hence the same at any frame rate, and drawn from the seed alone: the same sound and seed
give the same face. Intervals of blinks follow a log-normal distribution around 3.5 s, and blinks like pauses
(Bentivoglio et al. 1997: 26 a minute in conversation; Nakano & Kitazawa 2010: at the end of phrases).
"""

from __future__ import annotations

import numpy as np

from . import silence

CLOSING_S, CLOSED_S, OPENING_S = 0.08, 0.03, 0.16
_MEDIAN_S, _SPREAD, _LEAST_S = 3.2, 0.55, 0.7
_NEAR_PAUSE_S = 0.5


def blink_times(seconds: float, level: np.ndarray, seed: int) -> np.ndarray:
    """When the lids begin to close; a blink near a pause's begin moves there."""
    rng = np.random.default_rng([seed, 1])
    quiet = silence.silent(level) if len(level) else np.zeros(0, bool)
    pauses = np.flatnonzero(np.diff(quiet.astype(np.int8)) == 1) / silence.LEVEL_RATE
    blinks: list[float] = []
    at = float(rng.uniform(0.3, _MEDIAN_S))
    while at < seconds:
        near = pauses[np.abs(pauses - at) < _NEAR_PAUSE_S] if len(pauses) else pauses
        when = float(near[0]) if len(near) else at
        if not blinks or when - blinks[-1] >= _LEAST_S:
            blinks.append(when)
        at += max(_LEAST_S, float(_MEDIAN_S * np.exp(_SPREAD * rng.standard_normal())))
    return np.array(blinks)


def blink_curve(times: np.ndarray, blinks: np.ndarray) -> np.ndarray:
    """(T,) in [0, 1]: quickly shut, shut for a moment, more slowly open."""
    curve = np.zeros(len(times), np.float32)
    whole = CLOSING_S + CLOSED_S + OPENING_S
    for begin in blinks:
        low, high = np.searchsorted(times, [begin, begin + whole])
        t = times[low:high] - begin
        down = np.clip(t / CLOSING_S, 0, 1)
        up = np.clip((t - CLOSING_S - CLOSED_S) / OPENING_S, 0, 1)
        shut = np.sin(0.5 * np.pi * down) ** 2 * np.cos(0.5 * np.pi * up) ** 2
        curve[low:high] = np.maximum(curve[low:high], shut)
    return curve
