"""Thinned keys stay within the tolerance."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.face_model.keys import thinned


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
