"""The rest of a photo's smile: it goes into the sliders, the face at rest loses it, the face in the photo does not."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.fit.smile import smiled
from dnpm.core.photo.fit.solve import Fitter, Picture, Pin
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks

_NAMES = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthDimpleLeft", "mouthLowerDownRight")
_SMILING = {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}
_CORNERS, _INNER = [48, 54], [62, 66]


def test_a_smile_is_added_to_the_sliders_of_a_smile() -> None:
    fitted = np.array([0.2, 0.5, 0.98, 0.0, 0.1])
    found = smiled(fitted, _NAMES, _SMILING, {3: 0.0})
    assert found[[0, 3]].tolist() == fitted[[0, 3]].tolist(), "another slider, and a locked one"
    assert found[[1, 4]].min() > 0.2
    assert found[1] > 0.55
    assert found[2] == 1.0
    half = smiled(fitted, _NAMES, dict.fromkeys(_SMILING, 0.5), {})
    assert half[1] - fitted[1] == pytest.approx((found[1] - fitted[1]) / 2)
    assert np.array_equal(smiled(fitted, _NAMES, {}, {}), fitted)


def test_the_face_at_rest_smiles_less_and_the_photo_is_met(face_model: FaceModel) -> None:
    networks = LandmarkNetworks.load()
    fitter = Fitter(face_model, networks.canonical, regressor=False)
    expression = face_model.expression(mouthSmileLeft=0.7, mouthSmileRight=0.7)
    places = fitter.points.of(face_model.vertices(np.zeros(face_model.n_id, np.float32), expression))
    eyes = np.linalg.norm(places[263] - places[33])
    flat = (places[:, :2] - places[:, :2].mean(0)) * [1, -1] / eyes
    points = np.concatenate([flat * 100 + 200, np.zeros((468, 1))], 1)
    picture = Picture(Face((100.0, 100.0, 200.0, 200.0), points, 1.0, dict(_SMILING)), (400, 400))
    found = fitter.fit([picture])
    fitter.smiles = False
    before = fitter.fit([picture])
    assert np.array_equal(found.identity, before.identity)

    def corners(fit: object) -> float:
        rest = face_model.vertices(fit.identity, np.zeros(face_model.n_exp, np.float32)) + fit.corrective
        marks = rest[face_model.landmarks68, 1]
        return float(marks[_CORNERS].mean() - marks[_INNER].mean())

    assert corners(found) < corners(before) - 0.4, "millimetres"
    assert found.errors[0] < before.errors[0] + 0.002
    fitter.smiles = True
    pinned = fitter.fit([Picture(picture.face, picture.size, (Pin(int(face_model.landmarks68[48]), (180.0, 230.0)),))])
    fitter.smiles = False
    again = fitter.fit([Picture(picture.face, picture.size, (Pin(int(face_model.landmarks68[48]), (180.0, 230.0)),))])
    assert np.array_equal(pinned.expressions[0], again.expressions[0])
