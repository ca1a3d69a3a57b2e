"""A track at other times: as long as it was, and as strong."""

from __future__ import annotations

import numpy as np

from .track import Track
from .write import LIVE_LINK_RATE

_CLOCK_S = 1.1 / (LIVE_LINK_RATE * 1000)
"""A timecode counts thousandths of a 60th: two of them may be wrong by half of one each."""
_FLATTENED = 0.02
"""A turning point that would lose more than this keeps its value."""
_LONGEST_FRAME_S = 0.1
"""A track's last frame lasts as long as the others, but not where frames are keys far apart."""


def resampled(track: Track, rate: float, first: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The track at first + k / rate seconds after its begin, for as long as it lasts: times (N,) from 0, expression
    (N, 52), rotations (N, 9) or None.

    Its begin is its first frame where its times are a time of day, else the time 0. Its last frame lasts as long as the
    others: N / rate differs from the track's length by less than a new frame. Values are those of `sampled`.
    """
    times = track.times - track.times[0] if track.clocked else track.times
    lasts = min(1 / track.rate, _LONGEST_FRAME_S)
    last = int(np.floor((times[-1] - first) * rate + _CLOCK_S * rate))
    last = max(0, last, round((times[-1] + lasts - first) * rate) - 1)
    wanted = first + np.arange(last + 1) / rate
    expression = sampled(times, track.expression, wanted)
    return wanted, expression, None if track.rotations is None else sampled(times, track.rotations, wanted)


def sampled(times: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(T, C) values at (T,) rising times -> (N, C) float32 at (N,) rising times, the ends held.

    Linear in between; a frame that stands where a wanted time does, as exactly as a timecode can say, gives it its own
    values. A blink or lips that close may last for a frame or two, and would be flattened where they fall in between:
    a turning point goes to the nearest wanted time with its own value, if that is closer than half a step.
    """
    if len(times) < 2:
        return np.repeat(values[:1], len(wanted), 0).astype(np.float32)
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    before = after - 1
    part = np.clip((wanted - times[before]) / (times[after] - times[before]), 0.0, 1.0)
    part[np.abs(wanted - times[before]) <= _CLOCK_S] = 0.0
    part[np.abs(wanted - times[after]) <= _CLOCK_S] = 1.0
    share = part[:, None].astype(np.float64)
    out = (values[before] * (1 - share) + values[after] * share).astype(np.float32)
    if len(wanted) > 1 and len(times) > 2:
        _keep_turns(times, values, wanted, out)
    return out


def _keep_turns(times: np.ndarray, values: np.ndarray, wanted: np.ndarray, out: np.ndarray) -> None:
    """Put peaks and valleys that `out` shows nowhere where they belong, the strongest where two meet."""
    nearest = np.searchsorted((wanted[1:] + wanted[:-1]) / 2, times)
    close = np.abs(wanted[nearest] - times) <= np.median(np.diff(wanted)) / 2 + 1e-9
    for column in range(values.shape[1]):
        curve = values[:, column]
        rows = np.flatnonzero(_turns(curve) & close)
        if not len(rows):
            continue
        loss = np.abs(curve[rows] - out[nearest[rows], column])
        begins = np.r_[True, (np.diff(rows) > 1) | (np.diff(curve[rows]) != 0)]  # of peaks, level ones among them
        least = np.minimum.reduceat(loss, np.flatnonzero(begins))[np.cumsum(begins) - 1]
        rows, loss = rows[least > _FLATTENED], loss[least > _FLATTENED]
        rows = rows[np.argsort(loss, kind="stable")]  # Of two in one place the last that is written stays.
        out[nearest[rows], column] = curve[rows]


def _turns(curve: np.ndarray) -> np.ndarray:
    """(T,) bool: frames of a peak or a valley, however many frames it is level."""
    signs = np.sign(np.diff(curve))
    moving = np.flatnonzero(signs)
    if not len(moving):
        return np.zeros(len(curve), bool)
    index = np.arange(len(signs))
    last = signs[moving[np.clip(np.searchsorted(moving, index, "right") - 1, 0, None)]]
    following = signs[moving[np.clip(np.searchsorted(moving, index), None, len(moving) - 1)]]
    return np.r_[False, last[:-1] * following[1:] < 0, False]
