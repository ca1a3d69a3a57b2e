"""Curves as keyframes: which frames can be left out. numpy alone."""

from __future__ import annotations

import numpy as np


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
