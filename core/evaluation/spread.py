"""Scores over several trainings: means, spreads, and whether more steps would have changed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def mean_and_spread(rows: Sequence[Any]) -> Any:
    """Dicts of one form, one a seed -> that form, each number as {"mean", "sd"}; sd 0 for a single one."""
    if isinstance(rows[0], dict):
        return {key: mean_and_spread([row[key] for row in rows]) for key in rows[0]}
    sd = float(np.std(rows, ddof=1)) if len(rows) > 1 else 0.0
    return {"mean": round(float(np.mean(rows)), 5), "sd": round(sd, 5)}


def cell(found: dict[str, float], digits: int) -> str:
    """A mean and its spread over the seeds, for a table."""
    return f"{found['mean']:.{digits}f}" + (f" ± {found['sd']:.{digits}f}" if found["sd"] > 0 else "")


def last_rise(curves: Sequence[Sequence[tuple[int, float]]]) -> float:
    """dB that the last fifth of the steps brought, mean over curves; nan when there are too few points."""
    rises = []
    for curve in curves:
        end, last = curve[-1]
        before = [psnr for step, psnr in curve if step <= 0.8 * end]
        rises.append(last - before[-1] if before else float("nan"))
    return round(float(np.mean(rises)), 3)
