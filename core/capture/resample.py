"""Resamples tracks, keeping their length and peaks."""

from __future__ import annotations

import numpy as np

from .track import CurveTrack
from .write import LIVE_LINK_RATE

_CLOCK_S = 1.1 / (LIVE_LINK_RATE * 1000)
"""Our timecodes count thousandths of a 60th of a second; two of them may each be off by half of one."""
_FLATTENED = 0.02
"""A peak that would lose more than this keeps its value."""
_LONGEST_FRAME_S = 0.1
"""The last frame lasts one frame interval, but no longer than this in sparsely keyed tracks."""


def resampled(track: CurveTrack, rate: float, first: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The track at first + k / rate seconds after its start, for its whole duration: times (N,) from 0, expression
    (N, 52), rotations (N, 9) or None.

    The start is the first frame if times are a time of day, else time 0. The last frame lasts one frame interval:
    N / rate differs from the track's duration by less than one new frame. Values are those of `sampled`.
    """
    times = track.times - track.times[0] if track.clocked else track.times
    lasts = min(1 / track.rate, _LONGEST_FRAME_S)
    last = int(np.floor((times[-1] - first) * rate + _CLOCK_S * rate))
    last = max(0, last, round((times[-1] + lasts - first) * rate) - 1)
    wanted = first + np.arange(last + 1) / rate
    expression = sampled(times, track.expression, wanted)
    return wanted, expression, None if track.rotations is None else sampled(times, track.rotations, wanted)


def sampled(times: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(T, C) values at (T,) increasing times -> (N, C) float32 at (N,) increasing times, the ends held.

    Linear interpolation; where a frame and a wanted time coincide within the precision of a timecode, the frame's
    values are copied. A blink or lip closure may last only one or two frames and would be flattened between wanted
    times: a peak or valley is assigned to the nearest wanted time within half a step.
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
    """Write peaks and valleys that `out` misses to the nearest wanted time; of two at one time, the stronger."""
    nearest = np.searchsorted((wanted[1:] + wanted[:-1]) / 2, times)
    close = np.abs(wanted[nearest] - times) <= np.median(np.diff(wanted)) / 2 + 1e-9
    for column in range(values.shape[1]):
        curve = values[:, column]
        rows = np.flatnonzero(_turns(curve) & close)
        if not len(rows):
            continue
        loss = np.abs(curve[rows] - out[nearest[rows], column])
        begins = np.r_[True, (np.diff(rows) > 1) | (np.diff(curve[rows]) != 0)]  # one per peak, which may be flat
        least = np.minimum.reduceat(loss, np.flatnonzero(begins))[np.cumsum(begins) - 1]
        rows, loss = rows[least > _FLATTENED], loss[least > _FLATTENED]
        rows = rows[np.argsort(loss, kind="stable")]  # The last write to an index stays.
        out[nearest[rows], column] = curve[rows]


def _turns(curve: np.ndarray) -> np.ndarray:
    """(T,) bool: frames that belong to a peak or valley, including flat ones."""
    signs = np.sign(np.diff(curve))
    moving = np.flatnonzero(signs)
    if not len(moving):
        return np.zeros(len(curve), bool)
    index = np.arange(len(signs))
    last = signs[moving[np.clip(np.searchsorted(moving, index, "right") - 1, 0, None)]]
    following = signs[moving[np.clip(np.searchsorted(moving, index), None, len(moving) - 1)]]
    return np.r_[False, last[:-1] * following[1:] < 0, False]
