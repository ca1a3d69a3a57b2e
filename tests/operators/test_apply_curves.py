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
    frames, expression, rotations = joined(timings, [part(10, 0.4), part(10, 0.2), part(5, 0.6)])
    assert (frames[0], frames[-1]) == (10, 44)
    at = dict(zip(frames.tolist(), expression[:, 0].tolist(), strict=True))
    assert [at[k] for k in (10, 19, 20, 24, 30, 40, 44)] == pytest.approx([0.4, 0.4, 0.4 * 2 / 3, 0.2, 0, 0.6, 0.6])
    assert [at[k] for k in (25, 26, 27)] == pytest.approx([0.2 * 2 / 3, 0.2 / 3, 0], abs=1e-6)
    assert [at[k] for k in (37, 38, 39)] == pytest.approx([0, 0.2, 0.4], abs=1e-6)
    assert rotations[frames == 32, 0] == pytest.approx(0.4)
