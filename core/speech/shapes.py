"""The shapes in time that muscles move in: rises, steps, slow wandering. All in seconds; numpy alone."""

from __future__ import annotations

import numpy as np


def bump(times: np.ndarray, peak: float, attack: float, hold: float, release: float) -> np.ndarray:
    """(T,) in [0, 1]: up to 1 at `peak`, held, down again; without a corner."""
    up = np.clip((times - (peak - attack)) / attack, 0, 1)
    down = np.clip((times - (peak + hold)) / release, 0, 1)
    return np.sin(0.5 * np.pi * up) ** 2 * np.cos(0.5 * np.pi * down) ** 2


def add_bump(
    curve: np.ndarray, times: np.ndarray, height: float, peak: float, attack: float, hold: float, release: float
) -> None:
    """Raise `curve` (T,) to a bump, in place: two that overlap give the larger one."""
    low, high = np.searchsorted(times, [peak - attack, peak + hold + release])
    shape = height * bump(times[low:high], peak, attack, hold, release)
    np.maximum(curve[low:high], shape, out=curve[low:high])


def steps(times: np.ndarray, at: list[float], values: list[float], span: float, first: float = 0.0) -> np.ndarray:
    """(T,) that goes to values[k] from at[k] on, each change lasting `span`."""
    result, before = np.full(len(times), first, np.float64), first
    for moment, value in zip(at, values, strict=True):
        share = np.clip((times - moment) / span, 0, 1)
        result += (value - before) * share * share * (3 - 2 * share)
        before = value
    return result


def drift(times: np.ndarray, rng: np.random.Generator, low: float = 0.07, high: float = 0.6) -> np.ndarray:
    """(T,) slow motion between about -1 and 1: five waves of `low` to `high` Hz, the slower the wider."""
    hertz, phase = np.geomspace(low, high, 5) * rng.uniform(0.85, 1.15, 5), rng.uniform(0, 2 * np.pi, 5)
    height = hertz**-0.7
    waves = [h * np.sin(2 * np.pi * f * times + p) for f, p, h in zip(hertz, phase, height, strict=True)]
    return np.sum(waves, 0) / np.sqrt(np.sum(height**2) * 2)
