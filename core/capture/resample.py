"""A track at other times."""

from __future__ import annotations

import numpy as np

from .track import Track
from .write import LIVE_LINK_RATE

_CLOCK_S = 1.1 / (LIVE_LINK_RATE * 1000)
"""A timecode counts thousandths of a 60th: two of them may be wrong by half of one each."""


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
