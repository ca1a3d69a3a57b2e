"""The landmark field: brings landmarks to where the photo has them, leaves alone what contradicts, teeth, and pins."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.fit.calibrate import load_offsets
from dnpm.core.photo.fit.field import MOST_MM, LandmarkField
from dnpm.core.photo.fit.landmark_errors import level
from dnpm.core.photo.fit.points import SurfacePoints, mediapipe_points
from dnpm.core.photo.landmarks.networks import LandmarkNetworks


@pytest.fixture(scope="module")
def points(face_model: FaceModel) -> SurfacePoints:
    return mediapipe_points(face_model, LandmarkNetworks.load().canonical, load_offsets())


@pytest.fixture(scope="module")
def eye_mm(face_model: FaceModel, points: SurfacePoints) -> float:
    rest = points.of(face_model.neutral)
    return float(np.linalg.norm(rest[263] - rest[33]))


@pytest.fixture(scope="module")
def field(face_model: FaceModel, points: SurfacePoints, eye_mm: float) -> LandmarkField:
    return LandmarkField(face_model, points.of(face_model.neutral), eye_mm)


def remainder_of(
    model: FaceModel, points: SurfacePoints, moved: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """What a face at rest leaves at the landmarks of one whose vertices (V, 3) are moved, and the turn."""
    here, there = (camera.project(points.of(model.neutral + change))[0] for change in (0 * moved, moved))
    turn, eyes = level(there)
    return (here - there) @ turn.T / eyes, turn


def test_a_wider_nose_comes_back(
    face_model: FaceModel, points: SurfacePoints, field: LandmarkField, eye_mm: float
) -> None:
    rest = face_model.neutral.astype(float)
    nose = points.of(face_model.neutral)[4]
    wide = np.exp(-((rest - nose) ** 2).sum(1) / (2 * 20.0**2))[:, None] * [2.0, 1.0, 0.0]
    camera = Camera.before((600, 600), 1200, 0.8, 220, nose, turned(8, 4, 12))
    remainder, turn = remainder_of(face_model, points, wide, camera)
    found = field.of([remainder], [turn], [camera], [()])
    tip = np.linalg.norm(rest - nose, axis=1).argmin()
    assert found[tip] == pytest.approx(wide[tip], abs=0.5)
    left = np.linalg.norm(points.of(wide - found), axis=1)
    assert left.mean() < 0.35 * np.linalg.norm(points.of(wide), axis=1).mean()
    assert np.abs(found[face_model.vertex_groups["teeth_upper"]]).max() == 0
    eye = found[face_model.vertex_groups["eye_left"]]
    assert np.ptp(eye, axis=0).max() < 1e-5, "an eyeball is not squeezed"


def test_noise_is_no_shape(field: LandmarkField) -> None:
    camera = Camera.before((600, 600), 1200, 0.8, 220)
    noise = np.random.default_rng(0).normal(0, 0.008, (468, 2))
    found = field.of([noise], [np.eye(2)], [camera], [()])
    assert np.linalg.norm(found, axis=1).mean() < 0.3 * 0.008 * field.eye_mm
    wild = field.of([np.full((468, 2), 0.3)], [np.eye(2)], [camera], [()])
    assert np.linalg.norm(wild, axis=1).max() <= MOST_MM + 1e-4


def test_a_pinned_places_landmarks_do_not_count(
    face_model: FaceModel, points: SurfacePoints, field: LandmarkField
) -> None:
    camera = Camera.before((600, 600), 1200, 0.8, 220)
    vertex = int(points.corners[4, 0])
    remainder = np.full((468, 2), 0.03)
    free, pinned = (field.of([remainder], [np.eye(2)], [camera], [pins]) for pins in ((), (vertex,)))
    assert np.linalg.norm(pinned[vertex]) < 0.4 * np.linalg.norm(free[vertex])
    far = int(points.corners[263, 0])
    assert np.linalg.norm(pinned[far]) > 0.8 * np.linalg.norm(free[far])


def test_photos_of_a_person_are_averaged(field: LandmarkField) -> None:
    camera = Camera.before((600, 600), 1200, 0.8, 220)
    remainder = np.random.default_rng(1).normal([0.01, 0], 0.01, (468, 2))
    one = field.of([remainder], [np.eye(2)], [camera], [()])
    two = field.of([remainder, -remainder], [np.eye(2)] * 2, [camera] * 2, [(), ()])
    assert np.abs(one).max() > 0.3
    assert np.abs(two).max() < 1e-4
