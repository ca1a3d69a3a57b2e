"""Values of a capture: their scale, rows in which the face was lost, and interpolation across these."""

from __future__ import annotations

import numpy as np

from ..errors import DnpmError
from .options import GIVE_SCALE

UNIT_MOST, PERCENT = 2.0, (10.0, 200.0)
"""A full expression is 1 and rigs may exceed it; in percent, something exceeds 10."""
_LEAST_SHARE = 0.01
_LEAST_COLUMNS = 20
_STANDS = 0.1
DEGREES_FROM = 3.2
"""Heads and eyes do not turn by that many radians."""


def scale_of(values: np.ndarray, asked: float | None) -> tuple[float, str]:
    """The value of a full expression in (N, 52) values (NaN: missing), and a note if it is not 1.

    Raises DnpmError when it cannot be determined.
    """
    if asked is not None:
        return asked, f"{asked:g} is a full expression, as given"
    size = np.abs(values[np.isfinite(values)])
    size = size[size > 0]
    top = float(size.max()) if len(size) else 0.0
    if top <= UNIT_MOST:
        return 1.0, ""
    share = float((size > UNIT_MOST).mean())
    if PERCENT[0] < top <= PERCENT[1] and share >= _LEAST_SHARE:
        return 100.0, "in percent, divided by 100"
    few = "" if share >= _LEAST_SHARE else f" in only {(size > UNIT_MOST).sum()} places"
    raise DnpmError(f"its values reach {top:.6g}{few}: neither 0 to 1 nor 0 to 100; {GIVE_SCALE}")


def in_radians(rotations: np.ndarray) -> tuple[np.ndarray, str]:
    """Rotations (N, 9) in radians, as Live Link Face writes them; converted from degrees where they are too large."""
    size = np.abs(rotations[np.isfinite(rotations)])
    if len(size) and size.max() > DEGREES_FROM:
        if size.max() > 360:
            raise DnpmError(f"its rotations reach {size.max():.6g}, which is neither radians nor degrees")
        return np.deg2rad(rotations), "rotations in degrees"
    return rotations, "rotations in radians"


def lost_rows(values: np.ndarray, columns: int) -> np.ndarray:
    """(N,) bool: rows in which every value is exactly 0 because the face was lost.

    values: (N, C), all channels of the file; columns: their number. A face at rest is 0 too, so the zeros must be
    abrupt: on both sides, at least two channels are above 0.1 and not approaching 0. Files with few columns are left
    alone, because they may well be 0.
    """
    zero = (values == 0).all(1)
    if columns < _LEAST_COLUMNS or not zero.any() or zero.all():
        return np.zeros(len(values), bool)
    edges = np.flatnonzero(np.diff(np.r_[False, zero, False]))
    lost = np.zeros(len(values), bool)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        before = begin == 0 or _breaks_off(values[begin - 1], values[max(begin - 2, 0)])
        after = end == len(values) or _breaks_off(values[end], values[min(end + 1, len(values) - 1)])
        lost[begin:end] = before and after
    return lost


def _breaks_off(edge: np.ndarray, further: np.ndarray) -> bool:
    ahead = 2 * edge - further
    return int(((edge > _STANDS) & (ahead > _STANDS)).sum()) >= 2


def bridged(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) values with NaN interpolated linearly over time (the ends held), and (C,) bool, columns with any values.

    Columns without values become 0.
    """
    held = np.isfinite(values)
    filled = np.where(held, values, 0.0)
    for column in np.flatnonzero(held.any(0) & ~held.all(0)):
        known = held[:, column]
        filled[:, column] = np.interp(times, times[known], values[known, column])
    return filled, held.any(0)
