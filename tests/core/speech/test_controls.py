"""Strength, smoothing, the gate, blinks and head: what an artist asks for is what the curves do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech import silence
from dnpm.core.speech.blinks import blink_curve, blink_times
from dnpm.core.speech.controls import PARTS, SPEAKING, Controls, apply, gate, smoothed

TIMES = np.arange(300) / 30
LOUD = np.full(1000, -20, np.float32)


def levels_of(*spans: tuple[float, float], seconds: float = 10.0) -> np.ndarray:
    level = np.full(round(seconds * 100), -90, np.float32)
    for begin, end in spans:
        level[round(begin * 100) : round(end * 100)] = -20
    return level


def test_every_name_belongs_to_one_part():
    names = [name for part in PARTS.values() for name in part]
    assert sorted(names) == sorted(ARKIT_NAMES)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(list(PARTS)), st.floats(0, 3))
def test_strength_touches_its_part_alone(part, strength):
    values = np.random.default_rng(0).random((300, 52)).astype(np.float32)
    got = apply(values, TIMES, LOUD, Controls(**{part: strength}, contact=False))
    inside = np.array([name in PARTS[part] for name in ARKIT_NAMES])
    np.testing.assert_array_equal(got[:, ~inside], values[:, ~inside])
    np.testing.assert_allclose(got[:, inside], np.clip(values[:, inside] * strength, 0, 1), rtol=1e-6)


def test_smoothing_keeps_the_mean_and_calms():
    rng = np.random.default_rng(0)
    values = rng.random((300, 52)).astype(np.float32)
    got = smoothed(values, 3.0)
    assert np.abs(np.diff(got, axis=0)).mean() < 0.2 * np.abs(np.diff(values, axis=0)).mean()
    np.testing.assert_allclose(got.mean(0), values.mean(0), atol=0.03)
    np.testing.assert_allclose(smoothed(np.ones((50, 2), np.float32), 2.5), 1, rtol=1e-6)


@settings(max_examples=400, deadline=None)
@given(st.floats(1.0, 4.0), st.floats(1.5, 5.0), st.sampled_from([24.0, 30.0, 60.0]))
def test_the_gate_closes_before_three_tenths_of_a_second(end, pause, fps):
    level = levels_of((0, end), (end + pause, 10))
    times = np.arange(round(10 * fps)) / fps
    curve = gate(level, times)
    quiet = np.interp(times, np.arange(1000) / 100, silence.silent_for(level))
    # Until the mouth prepares for what comes, less than a tenth of a second ahead, it is shut.
    assert curve[(quiet >= 0.3) & (times < end + pause - 0.1)].max() <= 1e-6
    # Levels come a hundred a second: a boundary is known to a hundredth of a second.
    assert curve[(times < end - 0.01) | (times > end + pause + 0.01)].min() > 0.99
    assert np.abs(np.diff(curve)).max() < 0.75  # not from shut to open in one frame, even at 24 a second


def test_in_silence_the_mouth_is_still_and_the_rest_lives():
    values = np.random.default_rng(0).random((300, 52)).astype(np.float32)
    got = apply(values, TIMES, np.full(1000, -90, np.float32), Controls())
    assert np.abs(got[:, SPEAKING]).max() == 0
    rest = [k for k in range(52) if k not in SPEAKING]
    np.testing.assert_array_equal(got[:, rest], values[:, rest])
    np.testing.assert_array_equal(apply(values, TIMES, LOUD * 5, Controls(gate=False, contact=False)), values)


def test_a_click_opens_no_mouth():
    assert gate(levels_of((0, 1), (5, 5.02)), np.array([5.0])) == 0
    assert gate(levels_of((0, 1), (5, 5.3)), np.array([5.1])) == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_blinks_are_a_persons(seed):
    blinks = blink_times(600, levels_of((0, 600), seconds=600), seed)
    assert 12 < len(blinks) / 10 < 22  # a minute
    assert np.diff(blinks).min() > 1.69
    assert np.diff(blinks).max() < 7.01
    times = np.arange(18000) / 30
    curve = blink_curve(times, blinks)
    assert curve.min() == 0
    assert (curve > 0).mean() < 0.15
    slow = blink_curve(np.arange(60000) / 100, blinks)
    np.testing.assert_allclose(curve[::3], slow[::10], atol=1e-5)  # the frame rate changes nothing
    assert slow.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("seconds", [3.5, 5, 10])
def test_short_sounds_blink_too_and_not_all_the_time(seconds: float):
    level = levels_of((0, 2.2), (2.6, 6), (6.4, 10))[: round(seconds * 100)]
    counts = [len(blink_times(seconds, level, seed)) for seed in range(200)]
    assert min(counts) >= 1
    assert max(counts) <= max(1, seconds * 25 / 60)


def test_blinks_like_pauses():
    level = levels_of((0, 3), (3.6, 7), (7.6, 10))
    near = sum(min(abs(b - p) for p in (2.99, 6.99)) < 0.02 for s in range(60) for b in blink_times(10, level, s))
    assert near > 25


@pytest.mark.parametrize(
    ("name", "value"), [("mouth", -0.1), ("jaw", 3.5), ("smoothing", 2), ("head_life", np.nan), ("face_life", 1.5)]
)
def test_settings_have_limits(name: str, value: float):
    with pytest.raises(DnpmError, match=f"{name} must be 0 to"):
        Controls(**{name: value})
