"""The skull that no landmark shows: it is no cone, and the face does not move with it."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.fit.points import mediapipe_points
from dnpm.core.photo.fit.skull import UnseenSkull
from dnpm.core.photo.landmarks.networks import LandmarkNetworks


def _tall(model: FaceModel, vertices: np.ndarray) -> float:
    """Height of the head over the eyes against the face's under them."""
    points = vertices[model.landmarks68]
    eyes = points[36:48, 1].mean()
    return float((vertices[:, 1].max() - eyes) / (eyes - points[8, 1]))


def test_skulls_come_near_the_mean_ones(face_model: FaceModel) -> None:
    skull = UnseenSkull(face_model)
    identities = np.zeros((24, face_model.n_id), np.float32)
    identities[:, : face_model.n_shape] = np.random.default_rng(0).normal(size=(24, face_model.n_shape)) * 1.3
    rests = [face_model.neutral_of(i) for i in identities]
    skulls = [rest + skull.of(i) for rest, i in zip(rests, identities, strict=True)]
    tall = [np.std([_tall(face_model, vertices) for vertices in people]) for people in (rests, skulls)]
    assert tall[1] < 0.7 * tall[0]
    # The crown against the mean one, wherever it lies.
    crown = face_model.neutral[:, 1] > face_model.neutral[face_model.landmarks68[17:27], 1].max() + 60
    from_mean = [np.stack(people)[:, crown] - face_model.neutral[crown] for people in (rests, skulls)]
    odd = [(one - one.mean(1, keepdims=True)).std() for one in from_mean]
    assert odd[1] < 0.7 * odd[0]
    assert np.abs(skull.of(np.zeros(face_model.n_id, np.float32))).max() < 1e-3, "the mean person's is the mean one"


def test_the_face_stays(face_model: FaceModel) -> None:
    skull = UnseenSkull(face_model)
    places = mediapipe_points(face_model, LandmarkNetworks.load().canonical)
    identity = np.random.default_rng(1).normal(size=face_model.n_id).astype(np.float32)
    moved = skull.of(identity)
    assert np.abs(moved[face_model.landmarks68]).max() < 0.01
    low = places.of(face_model.neutral)[:, 1] < face_model.neutral[face_model.landmarks68[17:27], 1].max()
    assert np.abs(places.of(moved)[low]).max() < 0.6, "millimetres"
    eyes = np.concatenate([face_model.vertex_groups["eye_left"], face_model.vertex_groups["eye_right"]])
    assert np.abs(moved).max() > 2
    assert not moved[eyes].any()


def test_a_model_without_named_skin_keeps_its_skull(tiny_model: FaceModel) -> None:
    assert not UnseenSkull(tiny_model).of(np.ones(tiny_model.n_id, np.float32)).any()
