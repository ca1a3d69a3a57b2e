"""Which points lie in a polygon."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.geometry.polygon import inside

HOOK = np.array([(0, 0), (4, 0), (4, 3), (3, 3), (3, 1), (0, 1)], float)


def test_a_hook_has_no_inner_corner() -> None:
    x, y = np.array([0.5, 3.5, 1.0, 5.0, 3.5]), np.array([0.5, 2.5, 2.0, 0.5, 3.5])
    assert inside(HOOK, x, y).tolist() == [True, True, False, False, False]


def test_rows_and_columns_make_a_grid() -> None:
    x, y = np.arange(5)[None, :] + 0.5, np.arange(4)[:, None] + 0.5
    grid = inside(HOOK, x, y)
    assert grid.shape == (4, 5)
    assert grid.sum() == 6


@given(st.integers(3, 9), st.floats(0, 6.28), st.integers(0, 2**32 - 1))
def test_a_regular_polygon_lies_between_its_circles(corners: int, turn: float, seed: int) -> None:
    angle = turn + 2 * np.pi * np.arange(corners) / corners
    polygon = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.random.default_rng(seed).uniform(-1.2, 1.2, (200, 2))
    away, found = np.linalg.norm(points, axis=1), inside(polygon, *points.T)
    assert found[away < np.cos(np.pi / corners) - 1e-9].all()
    assert not found[away > 1].any()
    assert (inside(polygon[::-1], *points.T) == found).all()
