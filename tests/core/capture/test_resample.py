"""A track at other times keeps its frames, its length and its peaks."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.capture.resample import resampled
from dnpm.core.capture.track import Track


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
