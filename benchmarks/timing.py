"""Times as the figures that `dnpm bench` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def summary(times_ms: Sequence[float]) -> dict[str, float | int]:
    """Milliseconds -> {"median_ms", "p95_ms", "samples"}."""
    median, p95 = np.percentile(times_ms, [50, 95])
    return {"median_ms": round(float(median), 3), "p95_ms": round(float(p95), 3), "samples": len(times_ms)}


def clock(action: Callable[[int], object], runs: int) -> list[float]:
    """Milliseconds of `action(0)`, `action(1)`, ..., after two that do not count."""
    times = []
    for k in range(-2, runs):
        start = time.perf_counter()
        action(k)
        if k >= 0:
            times.append((time.perf_counter() - start) * 1e3)
    return times
