"""Where teeth and tongue lie, how the tongue sinks, and the fold above a closed lid: on shapes of this file."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.build.contacts import hollow_lid
from dnpm.core.face_model.build.mouth import seat_teeth, seat_tongue, sunk_tongue, tongue_floor


def _arch() -> np.ndarray:
    """An arch of 20 mm half width and 40 mm depth, (41, 3); its front is the middle."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 41)
    return np.stack([20 * np.sin(angle), np.zeros(41), 40 * np.cos(angle)], 1)


def test_premolars_go_out_and_incisors_stay():
    arch = _arch()
    for jaw, most in (("upper", 3.4), ("lower", 1.9)):
        placed = seat_teeth(arch, jaw)
        np.testing.assert_allclose(placed[::-1] * [-1, 1, 1], placed, atol=1e-9)
        middle = arch.mean(0)
        scaled = middle + [0.83, 1, 0.97] * (arch - middle)
        out = np.abs(placed[:, 0]) - np.abs(scaled[:, 0])
        behind = scaled[:, 2].max() - scaled[:, 2]
        assert np.abs(out[np.abs(arch[:, 0]) < 2]).max() < 0.05
        assert out[(behind > 13) & (behind < 22)].min() > 0.9 * most
        assert 0.3 * most < out[0] < 0.6 * most, "less at the molars"
    assert seat_teeth(arch, "upper")[20, 2] > seat_teeth(arch, "lower")[20, 2], "the upper stand before the lower"


def test_the_back_of_the_tongue_sinks_and_its_tip_stays():
    rng = np.random.default_rng(0)
    tongue = rng.uniform([-18, -68, 25], [18, -44, 90], (400, 3))
    tongue[:3] = [0, -68, 25], [0, -44, 40], [0, -46, 90]
    placed = seat_tongue(tongue)
    assert placed[:, 1].max() < tongue[:, 1].max() - 3, "low in the mouth"
    np.testing.assert_allclose(placed[0], tongue[0], atol=0.5)
    moved = sunk_tongue(placed)
    assert moved[1, 1] < -0.55 * (placed[1, 1] - tongue_floor(placed)[1])
    assert np.abs(moved[2]).max() < 0.1
    assert np.abs(moved[placed[:, 1] < tongue_floor(placed)[1] + 0.01]).max() < 0.01, "its floor stays"
    assert not moved[:, [0, 2]].any()
    assert moved[:, 1].max() <= 0
    side = placed[1] + [16, 0, 0]
    assert sunk_tongue(np.vstack([placed, side]))[-1, 1] > moved[1, 1], "a groove along the middle"


def test_a_fold_above_a_closed_lid():
    """A plane that rises from the lid's rim to the brow gets nearer to the eye in between, and there alone."""
    x, y = np.meshgrid(np.linspace(-12, 12, 13), np.linspace(-4, 14, 19))
    plane = np.stack([x.ravel(), y.ravel(), 16.5 + 0.25 * np.maximum(y.ravel(), 0)], 1)
    rim = np.flatnonzero(plane[:, 1] == -2)
    moved = plane.copy()
    hollow_lid(moved, np.arange(len(plane)), rim, np.zeros(3), 14.0)
    nearer = np.linalg.norm(plane, axis=1) - np.linalg.norm(moved, axis=1)
    middle = np.abs(plane[:, 0]) < 1
    assert nearer[middle & (plane[:, 1] > 2) & (plane[:, 1] < 6)].max() > 0.8
    assert nearer.min() >= 0
    assert not nearer[plane[:, 1] <= -1].any(), "the lid itself stays"
    assert not nearer[plane[:, 1] > 12].any(), "and the brow"
    assert nearer[np.abs(plane[:, 0]) > 11.9].max() < 1e-6, "and the corners"
