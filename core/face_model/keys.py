"""Curves as keyframes: which frames can be left out, and a track's values at other times. numpy alone."""

from __future__ import annotations

import numpy as np

from .tracks import LIVE_LINK_RATE, Track

_CLOCK_S = 1.1 / (LIVE_LINK_RATE * 1000)
"""A timecode counts thousandths of a 60th: two of them may be wrong by half of one each."""


def thinned(times: np.ndarray, values: np.ndarray, tolerance: float) -> np.ndarray:
    """Which keys are needed: (T,) rising times and (T, C) values -> (T, C) bool.

    Straight lines between the keys that are kept pass every sample within `tolerance`; the first and the last stay.
    At a tolerance of 0 all stay. One pass: a line goes on as long as it can pass all samples since its begin.
    """
    count = len(times)
    if tolerance <= 0 or count < 3:
        return np.ones(values.shape, bool)
    values, slack = np.asarray(values, np.float64), float(tolerance)
    kept = np.zeros(values.shape, bool)
    kept[[0, -1]] = True
    columns = np.arange(values.shape[1])
    begin = np.zeros(len(columns), np.int64)
    low, high = np.full(len(columns), -np.inf), np.full(len(columns), np.inf)
    for k in range(1, count):
        span, rise = times[k] - times[begin], values[k] - values[begin, columns]
        missed = (rise < low * span - 1e-12) | (rise > high * span + 1e-12)
        if missed.any():
            kept[k - 1, missed] = True
            begin[missed], low[missed], high[missed] = k - 1, -np.inf, np.inf
            span, rise = times[k] - times[begin], values[k] - values[begin, columns]
        np.maximum(low, (rise - slack) / span, out=low)
        np.minimum(high, (rise + slack) / span, out=high)
    return kept


def resampled(track: Track, rate: float, first: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The track at first + k / rate seconds after its begin, up to its end: times (N,) from 0, expression (N, 52),
    rotations (N, 9) or None.

    Its begin is its first line where its times are a time of day, else the time 0. Linear in between; a line that
    stands where a frame does, as exactly as a timecode can say, gives that frame its own values.
    """
    times = track.times - track.times[0] if track.clocked else track.times
    last = int(np.floor((times[-1] - first) * rate + _CLOCK_S * rate))
    wanted = first + np.arange(max(0, last) + 1) / rate
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    before = after - 1
    part = np.clip((wanted - times[before]) / (times[after] - times[before]), 0.0, 1.0)
    part[np.abs(wanted - times[before]) <= _CLOCK_S] = 0.0
    part[np.abs(wanted - times[after]) <= _CLOCK_S] = 1.0
    expression = _mixed(track.expression, before, after, part)
    rotations = None if track.rotations is None else _mixed(track.rotations, before, after, part)
    return wanted, expression, rotations


def _mixed(values: np.ndarray, before: np.ndarray, after: np.ndarray, part: np.ndarray) -> np.ndarray:
    share = part[:, None].astype(np.float64)
    return (values[before] * (1 - share) + values[after] * share).astype(np.float32)
