"""The z-buffer against one triangle at a time, and against a closed form."""

from __future__ import annotations

import time

import numpy as np

from dnpm.core.geometry.rasteriser import all_triangles, interpolated, rasterise
from dnpm.core.photo.camera import Camera


def slow(points, depth, triangles, size):
    """Every triangle at every pixel."""
    width, height = size
    shown, best = np.full((height, width), -1), np.full((height, width), np.inf)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    for t, (a, b, c) in enumerate(triangles):
        matrix = np.stack([np.append(points[k], 1) for k in (a, b, c)], 1)
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        w = np.linalg.solve(matrix, np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).reshape(3, height, width)
        z = 1 / np.einsum("k,khw->hw", 1 / depth[[a, b, c]], w)
        wins = (w >= 0).all(0) & (z < best)
        shown[wins], best[wins] = t, z[wins]
    return shown, best


def test_random_triangles() -> None:
    rng = np.random.default_rng(0)
    points, depth = rng.uniform(-10, 50, (60, 2)), rng.uniform(50, 900, 60)
    triangles = rng.permutation(60).reshape(20, 3)
    wanted, z = slow(points, depth, triangles, (40, 30))
    shown, weights = rasterise(points, depth, triangles, (40, 30))
    assert shown.dtype == np.int32
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(shown, wanted)
    there = shown >= 0
    assert there.sum() > 300
    np.testing.assert_allclose(weights[there].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose((weights * depth[triangles[shown]]).sum(-1)[there], z[there], rtol=1e-5)
    assert (weights[~there] == 0).all()


def test_weights_are_right_in_perspective() -> None:
    """A pixel's ray meets the plane where the weights say."""
    corners = np.array([[-80.0, -60, 0], [90, -50, -300], [0, 80, 100]])
    camera = Camera.before((64, 64), distance=400, fill=0.9)
    pixels, depth = camera.project(corners)
    shown, weights = rasterise(pixels, depth, np.array([[0, 1, 2]]), camera.size)
    places = interpolated(corners, np.array([[0, 1, 2]]), shown, weights)
    rows, columns = np.nonzero(shown >= 0)
    again, _ = camera.project(places[rows, columns])
    np.testing.assert_allclose(again, np.stack([columns, rows], 1) + 0.5, atol=2e-3)


def test_what_cannot_be_seen_is_left_out() -> None:
    points = np.array([[5.0, 5], [5, 5], [5, 5], [-50, -50], [-40, -50], [-45, -40], [np.inf, 0], [3, 3], [8, 2]])
    shown, _ = rasterise(points, np.full(9, 10.0), np.arange(9).reshape(3, 3), (10, 10))
    assert (shown == -1).all()
    shown, _ = rasterise(np.array([[0.0, 0], [9, 0], [0, 9]]), np.array([5.0, -5, 5]), np.array([[0, 1, 2]]), (10, 10))
    assert (shown == -1).all()


def test_a_face_in_a_picture(face_model) -> None:
    triangles = all_triangles(face_model.faces)
    assert len(triangles) == 2 * (face_model.faces[:, 3] >= 0).sum() + (face_model.faces[:, 3] < 0).sum()
    front = face_model.neutral[face_model.vertex_groups["face"]]
    camera = Camera.before((512, 512), height=240, fill=0.9, target=front.mean(0))
    started = time.process_time()
    shown, weights = rasterise(*camera.project(face_model.neutral), triangles, camera.size)
    assert time.process_time() - started < 2.0
    nose = face_model.neutral[face_model.landmarks68[30]]
    (x, y), _ = (a[0] for a in camera.project(nose[None]))
    seen = interpolated(face_model.neutral, triangles, shown, weights)[int(y), int(x)]
    assert np.linalg.norm(seen - nose) < 1.0
