"""How open a mesh's vertices are to the light: what is convex wholly, the bottom of a pit hardly."""

from __future__ import annotations

import numpy as np

from dnpm.core.geometry.openness import openness


def sheet(depth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A plane of 100 mm with a pit of 20 mm across, that is `depth` deep; which vertices lie on the pit's floor, and
    which far from it."""
    side = 41
    x, y = np.meshgrid(np.linspace(-50, 50, side), np.linspace(-50, 50, side))
    away = np.maximum(np.abs(x), np.abs(y))
    vertices = np.stack([x, y, np.where(away < 10, -depth, 0.0)], -1).reshape(-1, 3)
    at = np.arange(side * side).reshape(side, side)
    faces = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    return vertices, faces, (away < 6).ravel(), ((away > 30) & (away < 45)).ravel()


def test_a_plane_is_open() -> None:
    vertices, faces, _, _ = sheet(0.0)
    assert openness(vertices, faces).min() > 0.97


def test_the_deeper_a_pit_the_less_light() -> None:
    shallow, deep = (sheet(depth) for depth in (8.0, 30.0))
    floors = [openness(v, f)[floor].mean() for v, f, floor, _ in (shallow, deep)]
    assert floors[1] < 0.35 < floors[0] < 0.9
    assert openness(deep[0], deep[1])[deep[3]].mean() > 0.95, "beside the pit"
