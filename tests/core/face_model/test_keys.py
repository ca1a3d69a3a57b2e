"""Thinned keys stay within the tolerance; a track at other times keeps its lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.face_model.keys import resampled, thinned
from dnpm.core.face_model.tracks import Track


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 120), st.sampled_from([1e-3, 0.02, 0.3]))
def test_no_sample_is_missed_by_more_than_the_tolerance(seed: int, count: int, tolerance: float):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.5, 1.5, count))
    values = np.cumsum(rng.normal(0, 0.1, (count, 3)), 0)
    values[:, 2] = 0.5
    kept = thinned(times, values, tolerance)
    assert kept[[0, -1]].all()
    assert kept[:, 2].sum() == 2
    for k in range(3):
        between = np.interp(times, times[kept[:, k]], values[kept[:, k], k])
        assert np.abs(between - values[:, k]).max() <= tolerance + 1e-9


def test_smooth_curves_need_few_keys():
    times = np.arange(600.0)
    values = np.sin(times / 20)[:, None]
    assert thinned(times, values, 0.01).sum() < 100
    assert thinned(times, values, 0.0).all()
    assert thinned(times[:2], values[:2], 0.5).all()


@pytest.mark.parametrize("clocked", [True, False])
def test_lines_that_stand_at_a_frame_are_that_frame(clocked: bool):
    rng = np.random.default_rng(0)
    exact = np.arange(200) / (24000 / 1001)
    rounded = np.round(exact * 60000) / 60000 + (7200.0 if clocked else 0.0)
    values = rng.uniform(0, 1, (200, 52)).astype(np.float32)
    times, expression, rotations = resampled(Track(rounded, values, clocked=clocked), 24000 / 1001)
    assert rotations is None
    assert np.allclose(times, exact)
    assert np.array_equal(expression, values)


def test_in_between_it_is_linear_and_ends_with_the_track():
    track = Track(np.array([0.5, 1.0, 2.0]), np.repeat([[0.0], [1.0], [0.0]], 52, 1), (), np.ones((3, 9), np.float32))
    times, expression, rotations = resampled(track, 4.0)
    assert times.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    assert expression[:, 0].tolist() == [0, 0, 0, 0.5, 1, 0.75, 0.5, 0.25, 0]
    assert (rotations == 1).all()
    shifted, _, _ = resampled(track, 4.0, 0.1)
    assert shifted[0] == pytest.approx(0.1)
    assert shifted[-1] == pytest.approx(1.85)
