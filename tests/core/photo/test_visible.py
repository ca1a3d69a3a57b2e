"""What is seen in a photo: lips, nose and eyes lie where the points are, cheeks where the error model says."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.fit.calibrate import load_offsets
from dnpm.core.photo.fit.points import mediapipe_points
from dnpm.core.photo.fit.solve import Fitter, Picture
from dnpm.core.photo.fit.visible import WING_ERROR, VisibleFeatures
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks

_CORNERS, _SUBNASALE, _WINGS, _CHEEK, _FOREHEAD = [61, 291], 2, [129, 358], 123, 10


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def places(face_model: FaceModel, networks: LandmarkNetworks) -> np.ndarray:
    return mediapipe_points(face_model, networks.canonical, load_offsets()).of(face_model.neutral)


def test_what_is_seen_counts(places: np.ndarray) -> None:
    usual = np.random.default_rng(0).normal(0, 0.02, (468, 2))
    seen = VisibleFeatures(places).errors(usual)
    assert np.abs(seen[[*_CORNERS, _SUBNASALE]]).max() < 0.002
    assert seen[_WINGS, 0] == pytest.approx([WING_ERROR, -WING_ERROR], abs=0.002), "the points lie outside, as seen"
    assert seen[[_CHEEK, _FOREHEAD]] == pytest.approx(usual[[_CHEEK, _FOREHEAD]], abs=1e-3)


def test_eyes_move_as_a_whole(places: np.ndarray) -> None:
    eye = [33, 159, 133, 145]
    usual = np.zeros((468, 2))
    usual[:, 1] = -0.015
    usual[159, 1] -= 0.01
    change = VisibleFeatures(places).errors(usual) - usual
    assert np.ptp(change[eye], axis=0).max() < 1e-6, "how open the lids are stays"
    assert change[33, 1] > 0.014


def test_a_photos_mouth_lies_where_it_is_seen(face_model: FaceModel, networks: LandmarkNetworks) -> None:
    """The corners' usual error in photos is 4 % of the eyes' distance: a fit that ends with it looks sour."""
    fitter = Fitter(face_model, networks.canonical, regressor=False)
    rest, eyes = fitter.bilinear.rest, np.linalg.norm(fitter.bilinear.rest[263] - fitter.bilinear.rest[33])
    flat = (rest[:, :2] - rest[:, :2].mean(0)) * [1, -1] / eyes - fitter.photos.bias
    points = np.concatenate([flat * 100 + 200, np.zeros((468, 1))], 1)
    face = Face((100.0, 100.0, 200.0, 200.0), points, 1.0)
    fit = fitter.fit([Picture(face, (400, 400))])
    assert fit.corrective is not None
    before = fitter.placed(fit.identity, fit.expressions[0], fit.cameras[0])
    off = lambda found: np.linalg.norm(found[_CORNERS] - points[_CORNERS, :2], axis=1).mean() / 100  # noqa: E731
    assert off(before) > 0.02
    assert off(fit.landmarks[0]) < 0.5 * off(before)
    again = fitter.fit([Picture(face, (400, 400))])
    assert np.array_equal(again.corrective, fit.corrective)
