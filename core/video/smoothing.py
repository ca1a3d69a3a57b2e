"""Curves of a performance without their flicker, and without delay.

A Rauch-Tung-Striebel smoother (1965) of value and speed for each channel: it looks as far ahead as back, so nothing
comes late. It knows speed: how fast a channel may change its speed follows how fast it moves at that moment (as the
one-euro filter's cut-off does: Casiez, Roussel & Vogel 2012), measured against the clip's own noise. A channel at rest
is held still; one that moves is left alone.
"""

from __future__ import annotations

import numpy as np

from ..face_model.arkit import ARKIT_NAMES
from ..speech.contact import opening

_REST_HZ, _FAST_HZ = 1.0, 12.0
"""Cut-off at rest and in fast motion."""
_LEAST_NOISE = 0.003
LEAST_OF_EXPRESSIONS = np.full(len(ARKIT_NAMES), _LEAST_NOISE)
"""(52,) noise that each expression's reading has at least. A jaw to the side is hard to tell from a turn of the head:
its reading may rest for seconds and then jump for three pictures, which the second differences do not show."""
LEAST_OF_EXPRESSIONS[[ARKIT_NAMES.index(name) for name in ("jawLeft", "jawRight")]] = 0.012
_MOVING = (6.0, 12.0)
"""Differences over the window, in standard deviations of their noise: up to the first nothing moves (noise of pictures
that follow each other is alike, so that it passes for less than it is); from the second on it moves for sure."""
_WINDOW_S = 0.12
_ALIKE_S = 0.04
"""Pictures nearer in time than this are no further witnesses: their noise is the same."""
_LID = (0.45, 0.75)
"""A lid that is read as this far closed is left as it was read, so that blinks reach their end."""
_LIPS = (0.02, 0.08)
"""Openings (`core/speech/contact.py`) below which lips that were read as meeting are made to meet."""
_SHUT = (0.02, 0.05)
"""Openings that are none: up to the first, .6 mm, lips are shut, whose rims are as far apart at rest; from the second
on they stay as they were read."""


def noise_of(values: np.ndarray, apart: int = 1) -> np.ndarray:
    """(T, C) -> (C,) standard deviation of each channel's noise, from second differences between pictures that lie
    `apart`, of which half are taken for motion."""
    if len(values) < 2 * apart + 3:
        return np.full(values.shape[1], _LEAST_NOISE)
    second = np.abs(values[2 * apart :] - 2 * values[apart:-apart] + values[: -2 * apart]) / np.sqrt(6)
    return np.maximum(1.4826 * np.quantile(second, 0.5, 0), _LEAST_NOISE)


def smoothed(
    times: np.ndarray, values: np.ndarray, doubt: np.ndarray | None = None, amount: float = 1.0,
    least: np.ndarray | float = _LEAST_NOISE,
) -> np.ndarray:  # fmt: skip
    """(T,) seconds, (T, C) -> (T, C). doubt (T,): how many times as noisy a picture is as usual; amount: 0 changes
    nothing, 1 is usual, more rests more; least: of the noise, for all channels or (C,). Values must not be limited
    before: noise is measured by what is below 0, too.
    """
    count = len(values)
    if count < 3 or amount <= 0:
        return np.array(values, float)
    values = np.asarray(values, float)
    steps = np.maximum(np.diff(times), 1e-4)
    noise = np.maximum(noise_of(values, max(1, round(_ALIKE_S / float(np.median(steps))))), least) * amount
    rest, fast = _acceleration(_REST_HZ, noise), _acceleration(_FAST_HZ, noise)
    scale = np.ones(count) if doubt is None else np.maximum(doubt, 1.0)
    moving = _motion(times, values, noise, scale)
    # Geometric between the two, as cut-offs are.
    strength = np.exp(np.log(rest) * (1 - moving) + np.log(fast) * moving)
    measured = (noise[None] * scale[:, None]) ** 2
    return _rts(steps, values, measured, strength)


def _acceleration(hertz: float, noise: np.ndarray) -> np.ndarray:
    """Spectral density of the white acceleration with which this filter's cut-off lies at `hertz` for measurements of
    this noise 30 times a second: the smoother's bandwidth is (q / r)^(1/4)."""
    return noise**2 / 30.0 * (2 * np.pi * hertz) ** 4


def _motion(times: np.ndarray, values: np.ndarray, noise: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(T, C) 0 to 1: how surely a channel moves at a moment: whether what follows differs from what was before by more
    than noise does; scale (T,): how many times as noisy a picture is as usual."""
    step = float(np.median(np.diff(times)))
    reach = max(1, round(_WINDOW_S / 2 / step))
    independent = max(1.0, reach * min(1.0, step / _ALIKE_S))
    before, after = _means(values, reach, -reach), _means(values, reach, 1)
    doubtful = _widest(scale[:, None], reach)
    apart = np.abs(after - before) / (noise * doubtful * np.sqrt(2 / independent))
    sure = np.clip((apart - _MOVING[0]) / (_MOVING[1] - _MOVING[0]), 0, 1)
    # What has just moved, or is about to, still counts: its stop must not be rounded.
    return _widest(sure, reach)


def _means(values: np.ndarray, reach: int, first: int) -> np.ndarray:
    """(T, C): the mean of `reach` rows from the first-th after each one, the ends repeated."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), padded]), 0)
    begin = reach + first
    low = np.minimum(np.arange(begin, begin + len(values)), len(sums) - 1 - reach)
    result: np.ndarray = (sums[low + reach] - sums[low]) / reach
    return result


def _widest(values: np.ndarray, reach: int) -> np.ndarray:
    """(T, C): the largest of the rows up to `reach` away."""
    wide = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    result: np.ndarray = np.max([wide[k : k + len(values)] for k in range(2 * reach + 1)], 0)
    return result


def _rts(steps: np.ndarray, values: np.ndarray, measured: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Kalman's filter and Rauch-Tung-Striebel's way back for (T, C) channels of value and speed at once."""
    count, channels = values.shape
    state = np.zeros((count, 2, channels))
    covariance = np.zeros((count, 3, channels))  # value, between, speed
    ahead_state, ahead_covariance = np.zeros_like(state), np.zeros_like(covariance)
    x, v = values[0].copy(), np.zeros(channels)
    a, b, c = measured[0].copy(), np.zeros(channels), np.full(channels, 25.0)
    for k in range(count):
        if k:
            dt, q = steps[k - 1], strength[k]
            x = x + dt * v
            a, b, c = a + 2 * dt * b + dt**2 * c + q * dt**3 / 3, b + dt * c + q * dt**2 / 2, c + q * dt
        ahead_state[k], ahead_covariance[k] = (x, v), (a, b, c)
        gain = 1 / (a + measured[k])
        off = values[k] - x
        x, v = x + a * gain * off, v + b * gain * off
        a, b, c = a - a * a * gain, b - a * b * gain, c - b * b * gain
        state[k], covariance[k] = (x, v), (a, b, c)
    result = state[:, 0].copy()
    for k in range(count - 2, -1, -1):
        dt = steps[k]
        a, b, c = covariance[k]
        pa, pb, pc = ahead_covariance[k + 1]
        whole = np.maximum(pa * pc - pb * pb, 1e-18)
        ca, cb = a + dt * b, b + dt * c  # covariance of this state with the next one's prediction: [ca, b; cb, c]
        g11, g12 = (ca * pc - b * pb) / whole, (b * pa - ca * pb) / whole
        g21, g22 = (cb * pc - c * pb) / whole, (c * pa - cb * pb) / whole
        dx, dv = (x - ahead_state[k + 1, 0]), (v - ahead_state[k + 1, 1])
        x, v = state[k, 0] + g11 * dx + g12 * dv, state[k, 1] + g21 * dx + g22 * dv
        result[k] = x
    return result


def with_contacts(raw: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """(T, 52) as read and smoothed -> (T, 52): lids that close and lips that meet do so in the smoothed curves too."""
    result = np.array(smooth, float)
    for side in ("Left", "Right"):
        column = ARKIT_NAMES.index(f"eyeBlink{side}")
        share = _step(raw[:, column], _LID)
        result[:, column] += share * np.maximum(raw[:, column] - result[:, column], 0)
    meeting = 1 - _step(opening(raw), _LIPS)
    column = ARKIT_NAMES.index("mouthClose")
    result[:, column] += meeting * np.maximum(opening(result) - opening(raw), 0)
    result[:, column] += (1 - _step(opening(raw), _SHUT)) * opening(result)
    return result


def _step(values: np.ndarray, edges: tuple[float, float]) -> np.ndarray:
    t = ((values - edges[0]) / (edges[1] - edges[0])).clip(0, 1)
    return t * t * (3 - 2 * t)
