"""When a speaking face blinks, and how. Seeded.

Everything is made in seconds, hence the same at any frame rate, and drawn from the seed alone: the same sound and seed
give the same face. Blinks like pauses (Nakano & Kitazawa 2010: at the end of phrases). Intervals follow a log-normal
distribution around 3.3 s, which makes 17 blinks a minute, as of people at rest (Bentivoglio et al. 1997; 26 in
conversation). Both its tails are cut off, a choice: two blinks in one second, or none for ten, look like a fault in a
sentence of a few seconds.
"""

from __future__ import annotations

import numpy as np

from . import silence

CLOSING_S, CLOSED_S, OPENING_S = 0.08, 0.03, 0.16
_MEDIAN_S, _SPREAD, _LEAST_S, _MOST_S = 3.3, 0.45, 2.2, 6.0
_FIRST_S = (0.3, 2.6)
_NEAR_PAUSE_S = 0.5
_APART_S = _LEAST_S - _NEAR_PAUSE_S
_A_MINUTE = 25
"""At most, over the whole sound: it holds for short ones, in which two soon blinks would count for many."""


def blink_times(seconds: float, level: np.ndarray, seed: int) -> np.ndarray:
    """When the lids begin to close, seconds; a blink near a pause's begin moves there. Between two of them lie 1.7 to
    7 s, and they are not more than 25 a minute, or one."""
    rng = np.random.default_rng([seed, 1])
    quiet = silence.silent(level) if len(level) else np.zeros(0, bool)
    pauses = np.flatnonzero(np.diff(quiet.astype(np.int8)) == 1) / silence.LEVEL_RATE
    blinks: list[float] = []
    most = max(1, int(seconds * _A_MINUTE / 60))
    at = float(rng.uniform(*_FIRST_S))
    while at < seconds and len(blinks) < most:
        since = blinks[-1] if blinks else -np.inf
        near = pauses[(np.abs(pauses - at) < _NEAR_PAUSE_S) & (pauses - since >= _APART_S)]
        blinks.append(float(near[0]) if len(near) else at)
        at += float(np.clip(_MEDIAN_S * np.exp(_SPREAD * rng.standard_normal()), _LEAST_S, _MOST_S))
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
