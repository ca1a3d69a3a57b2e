"""Curves of several sounds become one, before anything is keyed."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.backend.requests import Curves
from dnpm.operators.scene.motion.apply_curves import FrameTiming, joined


def test_sounds_joined():
    """Two that overlap and one that stands apart: the larger value, rest in the gap, one head."""

    def part(count: int, value: float) -> Curves:
        turns = np.full((count, 9), value, np.float32)
        return Curves(np.arange(count) / 20, np.full((count, 52), value, np.float32), turns, "")

    timings = [FrameTiming(frame, 0.0, 20.0, float(frame)) for frame in (10, 15, 40)]
    frames, expression, rotations, tip_up = joined(timings, [part(10, 0.4), part(10, 0.2), part(5, 0.6)])
    assert tip_up is None
    assert (frames[0], frames[-1]) == (10, 44)
    at = dict(zip(frames.tolist(), expression[:, 0].tolist(), strict=True))
    assert [at[k] for k in (10, 19, 20, 24, 30, 40, 44)] == pytest.approx([0.4, 0.4, 0.4 * 2 / 3, 0.2, 0, 0.6, 0.6])
    assert [at[k] for k in (25, 26, 27)] == pytest.approx([0.2 * 2 / 3, 0.2 / 3, 0], abs=1e-6)
    assert [at[k] for k in (37, 38, 39)] == pytest.approx([0, 0.2, 0.4], abs=1e-6)
    assert rotations[frames == 32, 0] == pytest.approx(0.4)


def test_the_tongue_of_several_sounds():
    """One of them says nothing of it: there it rests."""
    times = np.arange(6) / 20
    said = Curves(times, np.zeros((6, 52), np.float32), None, "", tip_up=np.full(6, 0.8, np.float32))
    still = Curves(times, np.zeros((6, 52), np.float32), None, "")
    timings = [FrameTiming(frame, 0.0, 20.0, float(frame)) for frame in (1, 20)]
    frames, _, _, tip_up = joined(timings, [said, still])
    at = dict(zip(frames.tolist(), tip_up.tolist(), strict=True))
    assert [at[k] for k in (1, 6, 7, 9, 20)] == pytest.approx([0.8, 0.8, 0.8 * 2 / 3, 0, 0], abs=1e-6)
