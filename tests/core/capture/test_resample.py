"""A track at other times keeps its frames, its length and its peaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.resample import resampled
from dnpm.core.capture.track import CurveTrack


@pytest.mark.parametrize("clocked", [True, False])
def test_lines_that_stand_at_a_frame_are_that_frame(clocked: bool):
    rng = np.random.default_rng(0)
    exact = np.arange(200) / (24000 / 1001)
    rounded = np.round(exact * 60000) / 60000 + (7200.0 if clocked else 0.0)
    values = rng.uniform(0, 1, (200, 52)).astype(np.float32)
    times, expression, rotations = resampled(CurveTrack(rounded, values, clocked=clocked), 24000 / 1001)
    assert rotations is None
    assert np.allclose(times, exact)
    assert np.array_equal(expression, values)


def test_in_between_it_is_linear_and_ends_with_the_track():
    track = CurveTrack(
        np.array([0.5, 1.0, 2.0]), np.repeat([[0.0], [1.0], [0.0]], 52, 1), (), np.ones((3, 9), np.float32)
    )
    times, expression, rotations = resampled(track, 4.0)
    assert times.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    assert expression[:, 0].tolist() == [0, 0, 0, 0.5, 1, 0.75, 0.5, 0.25, 0]
    assert (rotations == 1).all()
    shifted, _, _ = resampled(track, 4.0, 0.1)
    assert shifted[0] == pytest.approx(0.1)
    assert shifted[-1] == pytest.approx(1.85)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 999), st.sampled_from([24, 25, 29.97, 30, 48, 50, 59.94, 60]), st.sampled_from([12, 23.976, 24, 25,
    29.97, 30, 60, 120]), st.integers(20, 200),
)  # fmt: skip
def test_length_and_peaks_are_kept(seed: int, source: float, target: float, count: int):
    """Blinks of a frame or two are as strong at any rate, and the length differs by less than a new frame."""
    rng = np.random.default_rng(seed)
    values = np.zeros((count, 52), np.float32)
    apart = int(np.ceil(3 * max(source / target, 1)))
    peaks = np.arange(apart, count - apart, 2 * apart + int(rng.integers(0, 5)))
    heights = rng.uniform(0.3, 1, len(peaks)).astype(np.float32)
    values[peaks, 0], values[:, 1] = heights, 0.25
    values[peaks, 2] = values[peaks + 1, 2] = heights
    times, expression, _ = resampled(CurveTrack(np.arange(count) / source, values), target)
    assert abs(len(times) / target - count / source) < 1 / target
    assert expression.max() <= values.max() + 1e-6
    np.testing.assert_allclose(expression[:, 1], 0.25, atol=1e-6)
    for peak, height in zip(peaks, heights, strict=True):
        near = np.abs(times - peak / source) <= 1.5 / source + 0.5 / target
        assert expression[near, 0].max() == pytest.approx(height, abs=0.02)
        assert expression[near, 2].max() == pytest.approx(height, abs=0.02)
    assert (expression[:, 0] > 0.021).sum() <= len(peaks) * np.ceil(2 * target / source + 1)
