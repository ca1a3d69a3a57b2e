"""Shape from a photo's shading: what a bent face says, what another light explains, the usual albedo, its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.files import tensor_file
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.fit.measure_albedo import LEAST, measure_albedo, skin_vertices
from dnpm.core.photo.fit.photo_bias import PhotoLandmarkBias
from dnpm.core.photo.fit.photo_regressor import PersonRows, joined
from dnpm.core.photo.fit.shading import (
    COMPONENTS,
    FORMAT,
    Seen,
    ShadingReader,
    Skin,
    UsualSkin,
    light_of,
    shading,
)
from dnpm.core.photo.fit.solve import Fitter, Picture
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks.detect import find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.render import from_linear, to_linear

LIGHT = np.array([1.0, 0.3, -0.2, -0.5, 0.05, 0.0, 0.05, 0.1, 0.02])


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def usual(face_model: FaceModel) -> UsualSkin:
    found = UsualSkin.load(face_model)
    assert found is not None
    return replace(found, weight=1.0)


def test_a_bent_face_is_read_from_its_shading(
    face_model: FaceModel, usual: UsualSkin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Luminance of another person, the landmarks' fit at the mean one; then the same person in another light."""
    reader, none = ShadingReader(face_model, usual), np.zeros(face_model.n_id, np.float32)
    camera = Camera.before((400, 400), 1000, 0.8, 220, face_model.neutral.mean(0), turned(10, 5))
    image, mean = np.full((400, 400, 3), 0.5, np.float32), face_model.neutral.astype(float)
    for place in (0, 4):
        person = none.copy()
        person[place] = 1.0
        seen = reader.skin.seen(image, 100, mean, camera)
        bent = reader.skin.seen(image, 100, face_model.vertices(person, np.zeros(face_model.n_exp, np.float32)), camera)
        lit = Seen(usual.albedo + shading(bent.normals, LIGHT), seen.there, seen.normals)
        monkeypatch.setattr(Skin, "seen", lambda *_, lit=lit: lit)
        rows = reader.read(image, 100, mean, camera, none)
        found = np.linalg.solve(rows.rows.T @ rows.rows + np.eye(COMPONENTS), rows.rows.T @ rows.targets)
        assert found[place] > 0.25
        assert found.argmax() == place
        lit = Seen(usual.albedo + shading(seen.normals, LIGHT), seen.there, seen.normals)
        monkeypatch.setattr(Skin, "seen", lambda *_, lit=lit: lit)
        assert np.linalg.norm(reader.read(image, 100, mean, camera, none).targets) < 0.05 * np.linalg.norm(rows.targets)
        monkeypatch.undo()


def test_a_fit_counts_the_pixels_only_of_photos(
    face_model: FaceModel, networks: LandmarkNetworks, astronaut_file: Path
) -> None:
    image = read_picture(astronaut_file).image
    face, size = find_faces(image, networks)[0], (image.shape[1], image.shape[0])
    fitter = Fitter(face_model, networks.canonical)
    without, with_it = (fitter.fit([Picture(face, size, image=one)]) for one in (None, image))
    moved = np.linalg.norm(with_it.identity - without.identity)
    assert 0.02 < moved < 2.0
    darker = from_linear(0.6 * to_linear(image))
    again = fitter.fit([Picture(face, size, image=darker)])
    assert np.linalg.norm(again.identity - with_it.identity) < 0.35 * moved, "how bright a photo is says little"
    black = fitter.fit([Picture(face, size, image=np.zeros_like(image))])
    assert np.linalg.norm(black.identity - without.identity) < 2.0
    assert Fitter(face_model, networks.canonical, shading=False).shading is None
    assert Fitter(face_model, networks.canonical, photos=PhotoLandmarkBias.none()).shading is None
    assert UsualSkin.load(replace(face_model, name="another")) is None


def test_a_face_that_is_hardly_seen_says_nothing(face_model: FaceModel, usual: UsualSkin) -> None:
    camera = Camera.before((400, 400), 1000, 0.8, 220, face_model.neutral.mean(0), turned(180))
    none = np.zeros(face_model.n_id)
    rows = ShadingReader(face_model, usual).read(
        np.zeros((400, 400, 3), np.float32), 100, face_model.neutral.astype(float), camera, none
    )
    assert not len(rows.targets)


def test_albedo_is_what_light_does_not_explain(face_model: FaceModel, usual: UsualSkin) -> None:
    vertices = usual.vertices
    skin, rng = Skin(face_model, vertices), np.random.default_rng(0)
    true = np.where(rng.random(len(vertices)) < 0.2, -0.6, 0.0)
    portraits = []
    for _ in range(LEAST):
        normals = skin.normals(face_model.neutral[skin.used].astype(float)) @ turned(*rng.normal(0, 12, 2)).T
        light = LIGHT * [1, *rng.normal(1, 0.5, 8)]
        noise = rng.normal(0, 0.1, len(vertices))
        portraits.append(Seen(true + shading(normals, light) + noise, np.ones(len(vertices), bool), normals))
    found = measure_albedo(vertices, portraits)
    assert np.corrcoef(found.albedo, true)[0, 1] > 0.95
    assert np.median(found.deviation) == pytest.approx(0.1, abs=0.03)
    assert light_of(portraits[0], found.albedo).shape == (9,)
    with pytest.raises(DnpmError, match="too few"):
        measure_albedo(vertices, portraits[:-1])


def test_the_shipped_vertices_are_the_commands(
    face_model: FaceModel, networks: LandmarkNetworks, usual: UsualSkin
) -> None:
    fitter = Fitter(face_model, networks.canonical, regressor=False, shading=False)
    assert np.array_equal(skin_vertices(face_model, fitter.bilinear.rest), usual.vertices)


def test_rows_are_joined() -> None:
    short, long = PersonRows(np.ones((2, 3)), np.ones(2)), PersonRows(np.full((1, 5), 2.0), np.zeros(1))
    both = joined(None, short, long)
    assert both is not None
    identity = np.arange(8.0)
    np.testing.assert_allclose(both.of(identity), np.concatenate([short.of(identity), long.of(identity)]))
    assert joined(None, None) is None


def test_files(face_model: FaceModel, usual: UsualSkin, tmp_path: Path) -> None:
    path = tmp_path / "albedo.safetensors"
    usual.save(path, face_model, {"command": "test"})
    again = UsualSkin.load(face_model, path)
    assert again is not None
    np.testing.assert_allclose(again.albedo, usual.albedo, atol=1e-6)
    with pytest.raises(DnpmError, match="missing"):
        UsualSkin.load(face_model, tmp_path / "missing.safetensors")
    arrays, about = tensor_file.load(path)[0], {"format": FORMAT, "model": face_model.name}
    for change, says in (
        ({"deviation": np.zeros_like(arrays["deviation"])}, "contradict"),
        ({"albedo": arrays["albedo"][:-1]}, "contradict"),
        ({"weight": np.full(1, -1, np.float32)}, "contradict"),
        ({"vertices": arrays["vertices"] + len(face_model.neutral)}, "does not have"),
    ):
        tensor_file.save(path, {**arrays, **change}, about)
        with pytest.raises(DnpmError, match=says):
            UsualSkin.load(face_model, path)
    tensor_file.save(path, {k: v for k, v in arrays.items() if k != "albedo"}, about)
    with pytest.raises(DnpmError, match="holds no 'albedo'"):
        UsualSkin.load(face_model, path)
    tensor_file.save(path, arrays, {"format": "another"})
    with pytest.raises(DnpmError, match="holds no albedo of the skin"):
        UsualSkin.load(face_model, path)
