"""photos' landmark bias: a bias that everybody has is found and no longer passes for a person; what is loaded and
refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.files import tensor_file
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.fit.calibrate import mirror_of
from dnpm.core.photo.fit.landmark_errors import LandmarkErrorModel, LandmarkErrorModels, level
from dnpm.core.photo.fit.measure_photos import LEAST, Portrait, measure_bias, nodded, pitch, shares
from dnpm.core.photo.fit.photo_bias import FORMAT, PhotoLandmarkBias
from dnpm.core.photo.fit.response import FEATURES
from dnpm.core.photo.fit.solve import Fitter, Picture
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks

SIZE = (512, 512)


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def fitter(face_model, networks) -> Fitter:
    return Fitter(face_model, networks.canonical, error_models=LandmarkErrorModels.none())


def portrait(fitter: Fitter, identity: np.ndarray, yaw: float, bias: np.ndarray, up: float = 0.0) -> Portrait:
    """Landmarks of a known person that err by `bias` (468, 2), in eye distances."""
    model = fitter.model
    camera = Camera.before(SIZE, 1000, 0.8, 240, fitter.centre, turned(yaw, up, 2))
    pixels = fitter.placed(identity, model.expression(), camera)
    turn, eyes = level(pixels)
    points = np.zeros((478, 3))
    points[:468, :2] = pixels - eyes * bias @ turn
    return Portrait(Face((0, 0, 1, 1), points, 1.0, dict.fromkeys(model.expression_names, 0.0)), SIZE)


def test_a_bias_that_everybody_has_is_found_and_is_no_person(fitter: Fitter, networks) -> None:
    model = fitter.model
    rest = fitter.bilinear.rest - fitter.bilinear.rest.mean(0)
    # The wings of the nose wider, the mouth higher: smooth, and alike on both sides.
    nose = np.exp(-((rest - rest[4]) ** 2).sum(1) / (2 * 22.0**2))
    mouth = np.exp(-((rest - rest[13]) ** 2).sum(1) / (2 * 25.0**2))
    bias = np.stack([-0.03 * nose * np.tanh(rest[:, 0] / 8), -0.03 * mouth], 1)
    bias = (bias + bias[mirror_of(networks.canonical)] * [-1.0, 1.0]) / 2
    people = [random_identity(model, 40 + k, 0.8) for k in range(LEAST // 2)]
    people = [sign * one for one in people for sign in (1, -1)]  # Their mean is the average person.
    portraits = [portrait(fitter, one, 16 * (k % 3 - 1), bias, 6 * (k // 2 % 2) - 3) for k, one in enumerate(people)]
    found = measure_bias(fitter, networks.canonical, portraits).bias
    # What a camera can do (shift, size) is no bias that could be told.
    flat = np.concatenate([np.eye(2)[:, None].repeat(468, 1), level(rest[:, :2])[1] ** -1 * rest[None, :, :2]], 0)
    given = np.concatenate([np.stack([f.ravel() for f in flat]), [(rest[:, :2] * [0, 1]).ravel()]], 0).T
    left = lambda a: a.ravel() - given @ np.linalg.lstsq(given, a.ravel(), rcond=None)[0]  # noqa: E731
    assert np.corrcoef(left(found), left(bias))[0, 1] > 0.85
    knowing = Fitter(
        model, networks.canonical, error_models=LandmarkErrorModels.none(), photos=PhotoLandmarkBias(found)
    )
    knowing.cues = None  # Their means are those of real photos.
    before, after = (
        np.mean([f.fit([Picture(one.face, SIZE)]).identity for one in portraits], 0) for f in (fitter, knowing)
    )
    assert np.linalg.norm(before) > 0.8, "a fit that does not know it makes a person of it"
    assert np.linalg.norm(after) < 0.4 * np.linalg.norm(before)


def test_a_nod_that_all_heads_share_is_a_bias(fitter: Fitter, networks) -> None:
    people = [random_identity(fitter.model, 60 + k, 0.8) for k in range(LEAST // 2)]
    people = [sign * one for one in people for sign in (1, -1)]
    portraits = [portrait(fitter, one, 0, np.zeros((468, 2)), -6) for one in people]
    found = measure_bias(fitter, networks.canonical, portraits)
    knowing = Fitter(fitter.model, networks.canonical, error_models=LandmarkErrorModels.none(), photos=found)
    knowing.cues = None
    before, after = (
        np.degrees(np.mean([pitch(f.fit([Picture(one.face, SIZE)]).cameras[0]) for one in portraits]))
        for f in (fitter, knowing)
    )
    assert before == pytest.approx(6, abs=1.5)
    assert abs(after) < before / 3


def test_a_head_that_is_nodded_stays_where_it_is(fitter: Fitter) -> None:
    camera = Camera.before(SIZE, 1000, 0.8, 240, fitter.centre, turned(20, 5, 2))
    found = nodded(camera, fitter.centre, 0.1)
    assert pitch(found) - pitch(camera) == pytest.approx(0.1, abs=1e-9)
    np.testing.assert_allclose(found.project(fitter.centre[None])[0], camera.project(fitter.centre[None])[0], atol=1e-6)


def test_women_and_men_count_for_a_half_each() -> None:
    counted = shares(["f", "m", "m", "m", ""])
    np.testing.assert_allclose(counted, [0.5, 1 / 6, 1 / 6, 1 / 6, 0])
    np.testing.assert_allclose(shares(["m", "", "m"]), 1 / 3)
    np.testing.assert_allclose(shares(["", ""]), 0.5)


def test_too_few_portraits_are_refused(fitter: Fitter, networks) -> None:
    one = portrait(fitter, np.zeros(fitter.model.n_id, np.float32), 0, np.zeros((468, 2)))
    with pytest.raises(DnpmError, match="11 portraits are too few"):
        measure_bias(fitter, networks.canonical, [one] * (LEAST - 1))


def test_a_fit_takes_a_picture_for_a_photo_unless_told(face_model, networks) -> None:
    photos = Fitter(face_model, networks.canonical).photos
    assert np.abs(photos.bias).max() > 0.01
    renders = Fitter(face_model, networks.canonical, photos=PhotoLandmarkBias.none())
    assert not renders.photos.bias.any()
    # The shipped ones belong to the shipped error model of renders: with others they would be counted twice or wrongly.
    assert not Fitter(face_model, networks.canonical, error_models=LandmarkErrorModels.none()).photos.bias.any()


def test_what_photos_add_is_a_usual_error_whatever_the_turn() -> None:
    bias, features = np.full((468, 2), 0.02), np.random.default_rng(0).normal(0, 1, FEATURES)
    features[0] = 1.0  # The constant one.
    error_model = LandmarkErrorModel(np.ones((FEATURES, 468, 2)), np.zeros((0, 468, 2)), 1.0)
    added = PhotoLandmarkBias(bias).on(error_model).expected(features, np.zeros(0), np.zeros(0))
    np.testing.assert_allclose(added - error_model.expected(features, np.zeros(0), np.zeros(0)), bias)


def test_files(face_model, tmp_path: Path) -> None:
    path = tmp_path / "photos.safetensors"
    found = PhotoLandmarkBias(np.random.default_rng(1).normal(0, 0.01, (468, 2)))
    found.save(path, face_model, {"command": "test", "licence": "CC0"})
    np.testing.assert_allclose(PhotoLandmarkBias.load(face_model, path).bias, found.bias, atol=1e-7)
    other = replace(face_model, name="another")
    assert not PhotoLandmarkBias.load(other, path).bias.any(), "another model's average person is another"
    with pytest.raises(DnpmError, match="missing"):
        PhotoLandmarkBias.load(face_model, tmp_path / "missing.safetensors")
    for arrays, says in (({"bias": np.zeros((4, 2), np.float32)}, "holds no photos"),
                         ({"bias": np.full((468, 2), 0.7, np.float32)}, "more than 0.5")):  # fmt: skip
        tensor_file.save(path, arrays, {"format": FORMAT, "model": face_model.name})
        with pytest.raises(DnpmError, match=says):
            PhotoLandmarkBias.load(face_model, path)
