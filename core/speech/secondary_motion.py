"""What a face does beside speaking: blinks, brows that rise with the stress, small turns of the head. Seeded.

Everything is made in seconds, hence the same at any frame rate, and drawn from the seed alone: the same sound and seed
give the same face. Intervals of blinks follow a log-normal distribution around 3.5 s, and blinks like pauses
(Bentivoglio et al. 1997: 26 a minute in conversation; Nakano & Kitazawa 2010: at the end of phrases).
"""

from __future__ import annotations

import numpy as np

from ..capture.track import ROTATION_NAMES
from ..face_model.arkit import ARKIT_NAMES
from . import silence
from .controls import Controls

CLOSING_S, CLOSED_S, OPENING_S = 0.08, 0.03, 0.16
_MEDIAN_S, _SPREAD, _LEAST_S = 3.2, 0.55, 0.7
_NEAR_PAUSE_S = 0.5
_BLINK = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_BROWS = {"browInnerUp": 0.45, "browOuterUpLeft": 0.25, "browOuterUpRight": 0.25}
_TURN = {"headYaw": 0.030, "headPitch": 0.022, "headRoll": 0.018}
"""Radians: about one and a half degrees, as a person has who speaks calmly."""
_NOD = 0.035


def add_life(expression: np.ndarray, times: np.ndarray, level: np.ndarray, controls: Controls) -> np.ndarray:
    """Blinks and brows on top of (T, 52); returns a new array in [0, 1]."""
    result = np.array(expression, np.float32)
    if controls.blinks:
        lids = blink_curve(times, blink_times(float(times[-1]), level, controls.seed))
        result[:, _BLINK] = np.maximum(result[:, _BLINK], lids[:, None])
    if controls.brow_life > 0:
        rise = stress(level, times)
        for name, most in _BROWS.items():
            result[:, ARKIT_NAMES.index(name)] += controls.brow_life * most * rise
    return np.clip(result, 0, 1)


def head_turns(times: np.ndarray, level: np.ndarray, controls: Controls) -> np.ndarray | None:
    """(T, 9) float32 radians in Live Link's order; None without head_life."""
    if controls.head_life <= 0:
        return None
    rng = np.random.default_rng([controls.seed, 2])
    turns = np.zeros((len(times), len(ROTATION_NAMES)), np.float32)
    for name, most in _TURN.items():
        turns[:, ROTATION_NAMES.index(name)] = controls.head_life * most * _drift(times, rng)
    turns[:, ROTATION_NAMES.index("headPitch")] += controls.head_life * _NOD * (stress(level, times) - 0.3)
    return turns


def blink_times(seconds: float, level: np.ndarray, seed: int) -> np.ndarray:
    """When the lids begin to close; a blink near a pause's begin moves there."""
    rng = np.random.default_rng([seed, 1])
    quiet = silence.silent(level) if len(level) else np.zeros(0, bool)
    pauses = np.flatnonzero(np.diff(quiet.astype(np.int8)) == 1) / silence.LEVEL_RATE
    blinks: list[float] = []
    at = float(rng.uniform(0.3, _MEDIAN_S))
    while at < seconds:
        near = pauses[np.abs(pauses - at) < _NEAR_PAUSE_S] if len(pauses) else pauses
        when = float(near[0]) if len(near) else at
        if not blinks or when - blinks[-1] >= _LEAST_S:
            blinks.append(when)
        at += max(_LEAST_S, float(_MEDIAN_S * np.exp(_SPREAD * rng.standard_normal())))
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


def stress(level: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(T,) float32 in [0, 1]: how much louder the last syllables are than the speech around them."""
    if len(level) < 2:
        return np.zeros(len(times), np.float32)
    above = np.maximum(level - silence.threshold(level), 0)
    short, long = _average(above, 0.35), _average(above, 2.5)
    rise = np.maximum(short - long, 0)
    largest = np.percentile(rise, 98)
    rise = np.clip(rise / largest, 0, 1) if largest > 0 else rise
    smooth = _average(rise, 0.3)
    return np.interp(times, np.arange(len(level)) / silence.LEVEL_RATE, smooth).astype(np.float32)


def _average(values: np.ndarray, seconds: float) -> np.ndarray:
    """A triangle's moving average (twice a box), by sums: quick over hours."""
    size = max(1, round(seconds * silence.LEVEL_RATE / 2))
    for _ in range(2):
        sums = np.cumsum(np.pad(values.astype(np.float64), (size // 2 + 1, size - size // 2 - 1), mode="edge"))
        values = (sums[size:] - sums[:-size]) / size
    return values


def _drift(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T,) slow motion between about -1 and 1: five waves of 0.07 to 0.6 Hz, the slower the wider."""
    hertz, phase = np.geomspace(0.07, 0.6, 5) * rng.uniform(0.85, 1.15, 5), rng.uniform(0, 2 * np.pi, 5)
    height = hertz**-0.7
    waves = [h * np.sin(2 * np.pi * f * times + p) for f, p, h in zip(hertz, phase, height, strict=True)]
    return np.sum(waves, 0) / np.sqrt(np.sum(height**2) * 2)
