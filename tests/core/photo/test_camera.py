"""The pinhole camera: where points fall, and that scaling and cropping change the picture alone."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.photo.camera import UPRIGHT, Camera, angle_between, rotation_of, turned


def some_camera() -> Camera:
    rotation = rotation_of(np.array([0.1, -0.3, 0.2])) @ UPRIGHT
    return Camera(rotation, np.array([10.0, -20.0, 700.0]), 900.0, np.array([160.0, 120.0]), (320, 240))


def test_what_is_right_above_and_near() -> None:
    camera = Camera.before((200, 100), distance=500)
    pixels, depth = camera.project(np.array([[0, 0, 0], [50, 0, 0], [0, 50, 0], [0, 0, 100]]))
    np.testing.assert_allclose(pixels[0], [100, 50])
    # The subject's left is the picture's right; up is up; nearer is nearer.
    assert pixels[1, 0] > 100
    assert pixels[2, 1] < 50
    np.testing.assert_allclose(depth, [500, 500, 500, 400])


def test_fill_is_the_share_of_the_height() -> None:
    camera = Camera.before((400, 300), distance=800, fill=0.5, height=200)
    pixels, _ = camera.project(np.array([[0, 100, 0], [0, -100, 0]]))
    assert pixels[1, 1] - pixels[0, 1] == pytest.approx(150)


def test_behind_is_nowhere() -> None:
    pixels, depth = Camera.before((10, 10), distance=100).project(np.array([[0, 0, 150.0]]))
    assert depth[0] == -50
    assert np.isinf(pixels).all()


def test_position_is_the_centre_of_projection() -> None:
    camera = some_camera()
    np.testing.assert_allclose(camera.into_camera(camera.position[None]), 0, atol=1e-9)


def test_scaled_and_cropped() -> None:
    camera, points = some_camera(), np.random.default_rng(0).normal(0, 60, (20, 3))
    pixels, depth = camera.project(points)
    larger = camera.scaled(2.5)
    assert larger.size == (800, 600)
    np.testing.assert_allclose(larger.project(points)[0], pixels * 2.5)
    np.testing.assert_allclose(larger.project(points)[1], depth)
    np.testing.assert_allclose(camera.cropped(30, 40, (50, 60)).project(points)[0], pixels - [30, 40])


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(30, 0, 0), (0, 20, 0), (0, 0, -15), (25, -10, 5)])
def test_turning(yaw: float, pitch: float, roll: float) -> None:
    rotation = turned(yaw, pitch, roll)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    nose = rotation @ [0, 0, 1]
    assert np.sign(nose[0]) == np.sign(yaw)
    assert np.sign(nose[1]) == np.sign(pitch)
    if not pitch and not roll:
        assert angle_between(rotation, np.eye(3)) == pytest.approx(abs(yaw))


def test_rotation_vectors() -> None:
    for vector in (np.zeros(3), np.array([1e-10, 0, 0]), np.array([0.5, -1, 0.2])):
        rotation = rotation_of(vector)
        np.testing.assert_allclose(rotation @ vector, vector, atol=1e-12)
        assert angle_between(rotation, np.eye(3)) == pytest.approx(np.degrees(np.linalg.norm(vector)), abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotation": np.eye(3) * 2}, "not a rotation"), ({"focal": 0.0}, "focal"), ({"size": (0, 5)}, "size"),
        ({"translation": np.array([0, np.nan, 0])}, "finite"), ({"centre": np.zeros(3)}, "shapes"),
    ],
)  # fmt: skip
def test_what_is_no_camera(change: dict, message: str) -> None:
    whole = {
        "rotation": np.eye(3), "translation": np.zeros(3), "focal": 100.0, "centre": np.zeros(2), "size": (5, 5),
    }  # fmt: skip
    with pytest.raises(DnpmError, match=message):
        Camera(**(whole | change))
