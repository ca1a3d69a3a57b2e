"""Blur is measured in eye distances whatever the size and contrast, and taken out before the networks look."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.degrade import blurred, resized
from dnpm.core.photo.landmarks import detect
from dnpm.core.photo.landmarks.blur import SHARP, blur_of, deconvolved, noise_of, sharpened
from dnpm.core.photo.landmarks.detect import Face, find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.render import Lights, Paint, render


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def picture(face_model) -> np.ndarray:
    vertices = face_model.vertices(np.zeros(face_model.n_id, np.float32), face_model.expression(mouthSmileLeft=0.3))
    front = face_model.vertex_groups["face"]
    camera = Camera.before((300, 300), 900, 0.8, 245, vertices[front].mean(0), turned(8, 3, 2))
    rng = np.random.default_rng(4)
    return render(face_model, vertices, camera, Paint.of(face_model, resolution=256), Lights.drawn(rng))[0]


@pytest.fixture(scope="module")
def face(picture: np.ndarray, networks: LandmarkNetworks) -> Face:
    return find_faces(picture, networks)[0]


def moved(a: Face, b: Face, scale: float = 1.0) -> float:
    """Mean distance of the points of a face, in a picture `scale` times as large, from another's; eye distances."""
    apart = np.linalg.norm(a.points[:468, :2] / scale - b.points[:468, :2], axis=1)
    return float(apart.mean() / b.eye_distance)


def test_blur_is_measured(picture: np.ndarray, face: Face) -> None:
    given = (0.0, 0.015, 0.025, 0.035, 0.05)
    found = np.array([blur_of(blurred(picture, s * face.eye_distance) if s else picture, face.points) for s in given])
    assert (np.diff(found) > 0.004).all(), "more blur is more"
    wanted = np.hypot(found[0], given)
    assert (found[1:] < 1.15 * wanted[1:]).all(), "less is told rather than more"
    assert (found[1:] > 0.55 * wanted[1:]).all()
    soft = blurred(picture, 0.03 * face.eye_distance)
    assert blur_of(0.4 * soft + 0.2, face.points) == pytest.approx(blur_of(soft, face.points), abs=0.001)
    twice = resized(soft, (600, 600))
    assert blur_of(twice, 2 * face.points) == pytest.approx(blur_of(soft, face.points), abs=0.004)


def test_what_has_no_edges_tells_nothing_that_breaks(face: Face) -> None:
    assert blur_of(np.full((300, 300, 3), 0.5, np.float32), face.points) == 0
    assert blur_of(np.zeros((300, 300, 3), np.float32), face.points + 5000) == 0


def test_a_moved_camera_is_not_out_of_focus(picture: np.ndarray, face: Face) -> None:
    """Taken out in all directions, the blur of one would sharpen what is sharp."""
    smeared = ndimage.uniform_filter1d(picture, int(0.1 * face.eye_distance), axis=1)
    assert blur_of(smeared, face.points) < 0.5 * blur_of(blurred(picture, 0.03 * face.eye_distance), face.points)


def test_noise_is_not_made_louder(picture: np.ndarray, face: Face) -> None:
    rng, soft = np.random.default_rng(0), blurred(picture, 0.03 * face.eye_distance)
    noisy = np.clip(soft + rng.normal(0, 0.03, soft.shape), 0, 1).astype(np.float32)
    assert noise_of(noisy) == pytest.approx(0.03 / np.sqrt(3), rel=0.15), "the mean of three colours has less"
    assert noise_of(soft) < 0.002
    flat = np.clip(0.5 + rng.normal(0, 0.03, (300, 300, 3)), 0, 1).astype(np.float32)
    assert sharpened(flat, face.points, 0.03)[0].std() < 1.1 * flat.std()


def test_deconvolution_brings_a_picture_back(picture: np.ndarray) -> None:
    given = blurred(picture, 1.0)  # A render's edges are sharper than any filter brings back.
    soft = blurred(given, 2.0)
    off = lambda a: float(np.sqrt(((a - given)[20:-20, 20:-20] ** 2).mean()))  # noqa: E731
    assert off(deconvolved(soft, 2.0)) < 0.6 * off(soft)
    assert deconvolved(picture, 0.0) is picture
    np.testing.assert_allclose(deconvolved(np.full((40, 40, 3), 0.3), 3.0), 0.3, atol=1e-6)


def test_the_less_blur_the_less_is_done(picture: np.ndarray, face: Face) -> None:
    done = []
    for blur in (SHARP, SHARP + 0.002, 0.015, 0.03):
        part, corner, scale = sharpened(picture, face.points, blur)
        left, top = corner.astype(int)
        given = picture[top : top + part.shape[0], left : left + part.shape[1]]
        assert (scale == 1).all()
        done.append(float(np.abs(part - given).mean()))
    assert done[0] == 0
    assert (np.diff(done) > 0).all()


def test_points_of_a_blurred_face_stay(picture, face: Face, networks, monkeypatch) -> None:
    """Without sharpening they move as much again; and a large picture's points come back in its own pixels."""
    soft = blurred(picture, 0.04 * face.eye_distance)
    held = find_faces(soft, networks)[0]
    assert 0.02 < held.blur < 0.048
    large = find_faces(resized(soft, (900, 900)), networks)[0]
    assert moved(large, held, 3.0) < 0.01
    np.testing.assert_allclose(np.array(large.box) / 3, held.box, atol=2)
    monkeypatch.setattr(detect, "SHARP", 1.0)
    plain = find_faces(soft, networks)[0]
    assert moved(held, face) < 0.75 * moved(plain, face)
