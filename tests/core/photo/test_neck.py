"""The neck that no landmark shows: a woman's is slimmer, and the face does not move with it."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.fit.neck import UnseenNeck
from dnpm.core.photo.fit.points import mediapipe_points
from dnpm.core.photo.landmarks.networks import LandmarkNetworks


def _identity(model: FaceModel, masculine: float) -> np.ndarray:
    identity = np.zeros(model.n_id, np.float32)
    identity[model.identity_labels.index("Masculine")] = masculine
    return identity


def test_necks_by_sex(face_model: FaceModel) -> None:
    neck, rest = UnseenNeck(face_model), face_model.neutral
    below = rest[:, 1] < rest[face_model.landmarks68[8], 1] - 40
    assert below.any()
    width = lambda moved: np.ptp((rest + moved)[below, 0])  # noqa: E731
    woman, man = (neck.of(_identity(face_model, value)) for value in (-0.8, 0.8))
    assert width(woman) < np.ptp(rest[below, 0]) - 5 < width(man)
    places = mediapipe_points(face_model, LandmarkNetworks.load().canonical)
    assert np.abs(places.of(woman)).max() < 0.5, "millimetres"
    above = rest[:, 1] > rest[face_model.landmarks68[8], 1] + 15
    assert np.abs(woman[above]).max() == 0


def test_a_model_without_sexes_keeps_its_neck(tiny_model: FaceModel) -> None:
    assert not UnseenNeck(tiny_model).of(np.ones(tiny_model.n_id, np.float32)).any()
