"""The regressor of photos: what pixels add to a fit's prior, its file, and photos that it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.files import tensor_file
from dnpm.core.photo.fit.landmark_errors import LandmarkErrorModel
from dnpm.core.photo.fit.part import Part
from dnpm.core.photo.fit.photo_bias import PhotoLandmarkBias
from dnpm.core.photo.fit.photo_regressor import FORMAT, PersonRows, PhotoRegressor
from dnpm.core.photo.fit.problem import CAMERA
from dnpm.core.photo.fit.solve import Fitter, Picture
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks.detect import Face, appearance_of, find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


def drawn(seed: int, size: int = 30, most: int = 6, inflation: float = 1.0) -> PhotoRegressor:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(most, most)))[0][:3]
    return PhotoRegressor(
        rng.normal(size=size), rng.normal(0, 0.2, (size, most)), basis, rng.uniform(0.1, 0.9, 3), inflation
    )


def posterior(regressor: PhotoRegressor, appearance: np.ndarray) -> np.ndarray:
    rows = regressor.of(appearance)
    return np.linalg.solve(np.eye(6) + rows.rows.T @ rows.rows, rows.rows.T @ rows.targets)


@given(seed=st.integers(0, 10_000))
def test_with_the_prior_alone_the_fit_is_the_regressors_guess(seed: int) -> None:
    """The guess is a posterior mean already: with the prior it must neither shrink again nor grow."""
    regressor, appearance = drawn(seed), np.random.default_rng(seed + 1).normal(size=30)
    found = regressor.basis @ posterior(regressor, appearance)
    np.testing.assert_allclose(found, regressor.basis @ regressor.guess(appearance), atol=1e-9)


@given(seed=st.integers(0, 10_000), inflation=st.floats(1.5, 20))
def test_a_larger_error_leaves_more_to_the_prior(seed: int, inflation: float) -> None:
    appearance = np.random.default_rng(seed + 1).normal(size=30)
    sure, unsure = (posterior(drawn(seed, inflation=k), appearance) for k in (1.0, inflation))
    assert np.linalg.norm(unsure) < np.linalg.norm(sure)


def test_the_usual_photo_is_the_mean_person() -> None:
    regressor = drawn(3)
    assert not regressor.of(regressor.centre).targets.any()


def test_rows_and_their_derivatives_are_part_of_a_picture(face_model: FaceModel, networks: LandmarkNetworks) -> None:
    fitter = Fitter(face_model, networks.canonical, photos=PhotoLandmarkBias.none())
    points = np.zeros((478, 3))
    points[:468, :2] = fitter.bilinear.rest[:, :2] * [2, -2] + 256
    one = fitter._observed(Picture(Face((0, 0, 1, 1), points, 1.0, {}), (512, 512)))
    rows = PersonRows(np.random.default_rng(0).normal(size=(4, 50)), np.arange(4.0))
    part = Part(fitter.bilinear, one, fitter.centre, LandmarkErrorModel.none(), 0.005, [], 0.5, rows)
    identity = np.random.default_rng(1).normal(size=face_model.n_id)
    own = np.concatenate([[0, 0, 0, 0, 0, 0, 7.0], np.zeros(face_model.n_exp)])
    found, (by_identity, by_own) = part.residuals(identity, own), part.jacobian(identity, own)
    np.testing.assert_allclose(found[-4:], 0.5 * (rows.rows @ identity[:50] - rows.targets))
    np.testing.assert_allclose(by_identity[-4:, :50], 0.5 * rows.rows)
    assert len(found) == len(by_identity) == len(by_own)
    assert by_own.shape[1] == CAMERA + face_model.n_exp
    assert not by_own[-4:].any()


def test_renders_and_other_face_models_have_none(face_model: FaceModel, networks: LandmarkNetworks) -> None:
    assert Fitter(face_model, networks.canonical).regressor is not None
    assert Fitter(face_model, networks.canonical, photos=PhotoLandmarkBias.none()).regressor is None
    assert Fitter(face_model, networks.canonical, regressor=False).regressor is None
    assert PhotoRegressor.load(replace(face_model, name="another")) is None


def test_a_mirrored_face_looks_the_same(networks: LandmarkNetworks, astronaut_file: Path) -> None:
    image = read_picture(astronaut_file).image
    face = find_faces(image, networks)[0]
    assert face.appearance is not None
    assert face.appearance.shape == (4096,)
    points = face.points.copy()
    points[:, 0] = image.shape[1] - points[:, 0]
    points[[33, 263]] = points[[263, 33]]
    mirrored = appearance_of(np.ascontiguousarray(image[:, ::-1]), points, networks)
    assert np.abs(mirrored - face.appearance).max() < 0.02 * np.abs(face.appearance).max()


def test_a_fit_follows_the_pixels(face_model: FaceModel, networks: LandmarkNetworks, astronaut_file: Path) -> None:
    """The astronaut is a woman. The same landmarks with an appearance as far on the other side of the usual photo's are
    fitted by a man's face."""
    image = read_picture(astronaut_file).image
    face = find_faces(image, networks)[0]
    fitter = Fitter(face_model, networks.canonical)
    place = face_model.identity_labels.index("Masculine")
    assert fitter.regressor is not None
    assert face.appearance is not None
    assert fitter.regressor.guess(face.appearance)[place] < -0.2
    opposite = replace(face, appearance=2 * fitter.regressor.centre - face.appearance)
    size = (image.shape[1], image.shape[0])
    woman, man = (fitter.fit([Picture(one, size)]).identity[place] for one in (face, opposite))
    assert woman < man - 0.1


def test_files(face_model: FaceModel, tmp_path: Path) -> None:
    path, one = tmp_path / "regressor.safetensors", drawn(5)
    one.save(path, face_model, {"command": "test"})
    again = PhotoRegressor.load(face_model, path)
    assert again is not None
    appearance = np.random.default_rng(2).normal(size=30)
    np.testing.assert_allclose(again.of(appearance).targets, one.of(appearance).targets, atol=1e-4)
    with pytest.raises(DnpmError, match="missing"):
        PhotoRegressor.load(face_model, tmp_path / "missing.safetensors")
    arrays, metadata = tensor_file.load(path)
    about = {"format": FORMAT, "model": face_model.name}
    assert metadata["format"] == FORMAT
    for change, says in (
        ({"open": np.full(3, 1.5, np.float32)}, "no regression leaves"),
        ({"inflation": np.zeros(1, np.float32)}, "no regression leaves"),
        ({"weights": np.zeros((30, 5), np.float32)}, "contradict"),
        ({"basis": np.zeros(3, np.float32)}, "contradict"),
    ):
        tensor_file.save(path, {**arrays, **change}, about)
        with pytest.raises(DnpmError, match=says):
            PhotoRegressor.load(face_model, path)
    tensor_file.save(path, {k: v for k, v in arrays.items() if k != "centre"}, about)
    with pytest.raises(DnpmError, match="holds no 'centre'"):
        PhotoRegressor.load(face_model, path)
    tensor_file.save(path, arrays, {**about, "format": "another"})
    with pytest.raises(DnpmError, match="holds no regressor"):
        PhotoRegressor.load(face_model, path)
