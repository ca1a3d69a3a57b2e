"""The ridge over the eyes is found where it runs, above the lid's crease, and a registration that is off is told."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.evaluation import brow_ridge

EYE_Y, RIDGE_MM, CREASE_MM = 20.0, 18.0, 10.0


def head(ridge_mm: float = RIDGE_MM, *, crease: float = 6.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bulged sheet with a ridge `ridge_mm` above the eyes and a lid's crease below it; vertices, triangles, marks."""
    x, y = np.meshgrid(np.linspace(-70, 70, 141), np.linspace(-40, 90, 131))
    up = y - EYE_Y
    fold = 9 * np.exp(-(((up - ridge_mm) / 5) ** 2)) + crease * np.exp(-(((up - CREASE_MM + 4) / 2.5) ** 2))
    z = 60 * np.cos(x / 90) * np.cos(y / 110) + fold
    grid = np.arange(x.size).reshape(x.shape)
    quads = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], -1).reshape(-1, 4)
    marks = np.zeros((68, 3))
    for eye, side in zip(brow_ridge.EYES, (-1, 1), strict=True):
        ring = np.radians(np.arange(6) * 60.0)
        marks[eye] = np.stack([32 * side + 14 * np.cos(ring), EYE_Y + 5 * np.sin(ring), np.full(6, 50.0)], 1)
    vertices = np.stack([x.ravel(), y.ravel(), z.ravel()], 1)
    return vertices, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]), marks


def test_the_ridge_is_found_above_the_lids_crease():
    found = brow_ridge.ridge(*head())
    assert found.shape == (14, 3)
    assert found[:, 1] - EYE_Y == pytest.approx(RIDGE_MM, abs=1.0)
    assert np.ptp(found[:, 1]) < 1.0
    assert (np.diff(found[:7, 0]) > 0).all()
    assert found[:7, 0].max() < 0 < found[7:, 0].min()


@pytest.mark.parametrize("off", [0.0, 1.5, -3.0])
def test_a_registration_that_is_off_is_told_by_how_much(off):
    person, triangles, marks = head()
    sheet = person + np.array([0.0, off, 0.0])
    assert brow_ridge.off_mm(person, sheet, triangles, marks, (person, triangles, marks)) == pytest.approx(
        abs(off), abs=0.05
    )


def test_a_head_whose_ridge_lies_elsewhere_is_told_from_one_that_is_marked_elsewhere():
    person, triangles, marks = head()
    higher, _, _ = head(RIDGE_MM + 4)
    assert brow_ridge.off_mm(person, person, triangles, marks, (higher, triangles, marks)) == pytest.approx(4, abs=0.7)
    other = marks.copy()
    other[17:27] += [0.0, 12.0, 0.0]  # the brows by another convention
    assert brow_ridge.off_mm(person, person, triangles, marks, (person, triangles, other)) == pytest.approx(0, abs=0.01)


def test_a_surface_without_folds_has_no_ridge():
    flat, triangles, marks = head()
    flat[:, 2] = 0.0
    assert np.isnan(brow_ridge.ridge(flat, triangles, marks)).all()
    assert np.isnan(brow_ridge.off_mm(flat, flat, triangles, marks, (flat, triangles, marks)))
