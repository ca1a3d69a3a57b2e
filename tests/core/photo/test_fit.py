"""Fitting: derivatives against differences, known faces, several photos, pins, locks, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import IDENTITY_LIMIT, random_expression, random_identity
from dnpm.core.files import tensor_file
from dnpm.core.photo.camera import UPRIGHT, Camera, angle_between, rotation_of, turned
from dnpm.core.photo.fit.landmark_errors import Differences, LandmarkErrorModel, LandmarkErrorModels, Mirror, level
from dnpm.core.photo.fit.part import Part
from dnpm.core.photo.fit.photo_bias import PhotoLandmarkBias
from dnpm.core.photo.fit.problem import CAMERA, rotation_derivatives
from dnpm.core.photo.fit.response import FEATURES, MIRRORED, feature_derivatives, features
from dnpm.core.photo.fit.solve import Fit, Fitter, Locks, Picture, Pin
from dnpm.core.photo.landmarks.detect import Face, find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.render import Lights, Paint, render

SIZE = (512, 512)


@pytest.fixture(scope="module")
def fitter(face_model) -> Fitter:
    return Fitter(face_model, LandmarkNetworks.load().canonical, error_models=LandmarkErrorModels.none())


def seen(fitter: Fitter, identity: np.ndarray, expression: np.ndarray, yaw: float = 15) -> tuple[Picture, Camera]:
    """A picture whose landmarks lie exactly where they should, and its camera."""
    model = fitter.model
    camera = Camera.before(SIZE, 800, 0.8, 240, fitter.centre, turned(yaw, 6, 4))
    places = fitter.points.of(model.vertices(identity, expression))
    pixels = camera.project(places)[0]
    points = np.concatenate([np.concatenate([pixels, np.zeros((10, 2))]), np.zeros((478, 1))], 1)
    scores = {name: float(v) for name, v in zip(model.expression_names, expression, strict=True)}
    return Picture(Face((0, 0, 1, 1), points, 1.0, scores), SIZE), camera


def test_a_known_face_comes_back(fitter: Fitter) -> None:
    model = fitter.model
    identity, expression = random_identity(model, 5, 0.8), model.expression(jawOpen=0.4, mouthSmileLeft=0.5)
    picture, camera = seen(fitter, identity, expression)
    fit = fitter.fit([picture])
    assert fit.errors[0] < 0.006
    assert angle_between(fit.cameras[0].rotation, camera.rotation) < 1.5
    front = model.vertex_groups["face"]
    apart = (model.vertices(fit.identity, fit.expressions[0]) - model.vertices(identity, expression))[front]
    assert np.median(np.linalg.norm(apart, axis=1)) < 1.5
    assert fit.landmarks[0].shape == (468, 2)
    assert (fit.expressions[0] >= 0).all()
    assert (fit.expressions[0] <= 1).all()


def test_several_pictures_share_a_person(fitter: Fitter) -> None:
    model = fitter.model
    identity = random_identity(model, 8, 0.8)
    pictures = [seen(fitter, identity, model.expression(jawOpen=j), yaw)[0] for j, yaw in ((0.0, 25), (0.6, -20))]
    fit = fitter.fit(pictures)
    assert len(fit.expressions) == len(fit.cameras) == len(fit.errors) == 2
    jaw = model.expression_index["jawOpen"]
    assert fit.expressions[1][jaw] - fit.expressions[0][jaw] > 0.3
    front = model.vertex_groups["face"]
    apart = (model.neutral_of(fit.identity) - model.neutral_of(identity))[front]
    assert np.median(np.linalg.norm(apart, axis=1)) < 1.5


def test_a_mistake_that_all_photos_share_is_not_seen_five_times(fitter: Fitter) -> None:
    rng, model = np.random.default_rng(0), fitter.model
    nobody, rest = np.zeros(model.n_id, np.float32), model.expression()
    picture, _ = seen(fitter, nobody, rest, 0)
    mistake = np.zeros(picture.face.points.shape)
    # The wings of the nose wider, the mouth higher: smooth over the face, as a network's systematic errors are.
    mistake[:468, :2] = 0.05 * (picture.face.points[:468, :2] - picture.face.points[4, :2]) * [1.0, -0.6]
    wrong = [
        Picture(
            replace(picture.face, points=picture.face.points + mistake + rng.normal(0, 0.4, (478, 3))), picture.size
        )
        for _ in range(5)
    ]
    alone, together = fitter.fit(wrong[:1]), fitter.fit(wrong)
    assert np.linalg.norm(alone.identity) > 0.7
    assert np.linalg.norm(together.identity) < 1.3 * np.linalg.norm(alone.identity)


def test_more_renders_of_a_person_bring_it_nearer(face_model) -> None:
    """What differs from picture to picture still counts in full: neither error nor length of the person may grow."""
    networks = LandmarkNetworks.load()
    fitter = Fitter(face_model, networks.canonical, photos=PhotoLandmarkBias.none())
    identity = random_identity(face_model, 900_003, 1.0)
    paint, pictures = Paint.of(face_model, resolution=256), []
    for number in range(5):
        rng = np.random.default_rng((number, 5))
        vertices = face_model.vertices(identity, random_expression(face_model, 900_030 + number, 0.5))
        camera = Camera.before(
            (360, 360), rng.uniform(600, 1800), 0.9, 245, vertices[face_model.vertex_groups["face"]].mean(0),
            turned(*rng.uniform(-1, 1, 3) * [25, 10, 8]),
        )  # fmt: skip
        image, _ = render(face_model, vertices, camera, paint, Lights.drawn(rng), background=rng.uniform(0.1, 0.9, 3))
        faces = find_faces(image, networks)
        assert faces
        pictures.append(Picture(faces[0], (360, 360)))
    front = face_model.vertex_groups["face"]
    true = face_model.neutral_of(identity)[front]

    def off(fit: Fit) -> float:
        return float(np.median(np.linalg.norm(face_model.neutral_of(fit.identity)[front] - true, axis=1)))

    alone, together = [fitter.fit([one]) for one in pictures], fitter.fit(pictures)
    assert off(together) < 1.05 * np.mean([off(fit) for fit in alone])
    usual = np.mean([np.linalg.norm(fit.identity) for fit in alone])
    assert np.linalg.norm(together.identity) < 1.3 * usual
    assert (np.array(together.residuals) < together.errors).mean() > 0.5, "usual errors explain a part"


@pytest.mark.parametrize("value", [5.0, -10.0, 2.5])
def test_a_lock_is_a_lock(fitter: Fitter, value: float) -> None:
    """A slider that was locked at 5 came back at 2.5, the bound of what is fitted."""
    model = fitter.model
    picture, _ = seen(fitter, np.zeros(model.n_id, np.float32), model.expression())
    fit = fitter.fit([picture], Locks({0: value}, {model.expression_index["jawOpen"]: 1.2}))
    assert fit.identity[0] == value
    assert fit.expressions[0][model.expression_index["jawOpen"]] == np.float32(1.2)
    assert np.abs(np.delete(fit.identity, 0)).max() <= IDENTITY_LIMIT


@pytest.mark.parametrize("value", [10.5, -11, float("nan"), float("inf")])
def test_a_lock_that_no_slider_holds_is_refused(fitter: Fitter, value: float) -> None:
    picture, _ = seen(fitter, np.zeros(fitter.model.n_id, np.float32), fitter.model.expression())
    for locks in (Locks({0: value}), Locks({}, {3: value})):
        with pytest.raises(DnpmError, match="is locked at"):
            fitter.fit([picture], locks)


def test_locks_stay_and_pins_pull(fitter: Fitter) -> None:
    model = fitter.model
    picture, camera = seen(fitter, np.zeros(model.n_id, np.float32), model.expression())
    vertex = int(model.landmarks68[8])
    (x, y), _ = (a[0] for a in camera.project(model.neutral[vertex : vertex + 1]))
    locks = Locks({0: 1.25}, {model.expression_index["jawOpen"]: 0.0})
    pinned = Picture(picture.face, SIZE, (Pin(vertex, (x, y + 12), 40.0),))
    plain, pulled = fitter.fit([picture], locks), fitter.fit([pinned], locks)
    for fit in (plain, pulled):
        assert fit.identity[0] == pytest.approx(1.25)
        assert fit.expressions[0][model.expression_index["jawOpen"]] == 0
    chin = [
        f.cameras[0].project(model.vertices(f.identity, f.expressions[0])[vertex : vertex + 1])[0][0, 1]
        for f in (plain, pulled)
    ]
    assert chin[1] - chin[0] > 4


def test_derivatives(fitter: Fitter) -> None:
    model, rng = fitter.model, np.random.default_rng(0)
    picture, _ = seen(fitter, random_identity(model, 1, 0.5), model.expression(jawOpen=0.3))
    one = fitter._observed(picture)
    part = Part(fitter.bilinear, one, fitter.centre, fitter.error_models.of(0.005), 0.005, [(100, (200.0, 220.0), 4.0)])
    identity = rng.normal(0, 0.3, model.n_id)
    own = np.concatenate([[0.1, -0.2, 0.05, 0.02, 0.1, 0.0, 6.7], rng.uniform(0.1, 0.6, model.n_exp)])
    part.residuals(identity, own)
    by_identity, by_own = part.jacobian(identity, own)
    robust = part.robust.copy()

    def rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        # The robust weights are held: the derivative is that of the last step's weights.
        value = part.residuals(a, b)
        value[: 2 * part.count] *= robust / part.robust
        return value

    # White errors: whitening is a multiple of one, so that the weights may be exchanged after it.
    for k in (0, 1, 2, 3, 4, 5, 6, CAMERA + 3, CAMERA + 20):
        step = np.zeros(len(own))
        step[k] = 1e-4
        wanted = (rows(identity, own + step) - rows(identity, own - step)) / 2e-4
        np.testing.assert_allclose(by_own[:, k], wanted, atol=2e-2 * max(1.0, np.abs(wanted).max()))
    step = np.eye(model.n_id)[3] * 1e-3
    wanted = (rows(identity + step, own) - rows(identity - step, own)) / 2e-3
    np.testing.assert_allclose(by_identity[:, 3], wanted, atol=2e-2 * max(1.0, np.abs(wanted).max()))


def drawn(model: FaceModel, count: int = 400) -> tuple[Differences, np.ndarray]:
    """Faces whose landmarks err by a response to turn, person and expression, and by five modes times their spread."""
    rng = np.random.default_rng(1)
    modes = rng.normal(0, 0.6, (5, 936))
    response = rng.normal(0, 0.01, (FEATURES + model.n_id + model.n_exp, 936))
    given = rng.normal(0, 0.3, (count, FEATURES)), rng.normal(0, 1, (count, model.n_id)), rng.random(
        (count, model.n_exp)
    )  # fmt: skip
    spread = rng.uniform(0.004, 0.008, count)
    noise = (rng.normal(0, 1, (count, 5)) @ modes + rng.normal(0, 0.1, (count, 936))) * spread[:, None]
    errors = np.concatenate(given, 1) @ response + noise
    return Differences(spread, errors.reshape(count, 468, 2), *given, given[2] / 2), response


def test_habits_find_what_errors_follow_and_whiten_the_rest(tmp_path: Path, tiny_model) -> None:
    faces, response = drawn(tiny_model)
    rng, error_model = np.random.default_rng(2), LandmarkErrorModel.of(faces, 12)
    assert error_model.modes.shape == (12, 468, 2)
    usual = np.stack(
        [
            error_model.expected(f, i, e)
            for f, i, e in zip(faces.features, faces.identity, faces.expression, strict=True)
        ]
    )  # fmt: skip
    assert (faces.differences - usual).std() < 0.7 * (faces.differences - faces.differences.mean(0)).std()
    known = error_model.response[FEATURES : FEATURES + tiny_model.n_id].reshape(tiny_model.n_id, -1)
    assert np.corrcoef(known.ravel(), response[FEATURES : FEATURES + tiny_model.n_id].ravel())[0, 1] > 0.9
    whitening = error_model.whitening(0.006)
    white = (faces.differences - usual).reshape(400, -1) @ whitening
    odd = rng.normal(0, 1, (50, 5)) @ rng.normal(0, 0.6, (5, 936)) * 0.006 @ whitening
    assert white.std() < 1
    assert np.linalg.norm(white, axis=1).mean() < 0.2 * np.linalg.norm(odd, axis=1).mean()
    # Looks that lie farther apart are trusted less, in every direction.
    assert np.linalg.norm(odd @ np.linalg.inv(whitening) @ error_model.whitening(0.02)) < np.linalg.norm(odd)


def test_habits_are_kept_and_other_files_refused(tmp_path: Path, tiny_model) -> None:
    faces, _ = drawn(tiny_model)
    by_identity = np.random.default_rng(0).normal(0, 1, (tiny_model.n_id, 468, 3))
    mirror = Mirror.of(np.arange(468), by_identity, tuple(tiny_model.expression_names))
    alike = replace(faces, spread=faces.spread * 0.5)
    with pytest.raises(DnpmError, match="looks are apart"):
        LandmarkErrorModels.measured(alike, mirror)
    faces = replace(faces, spread=faces.spread * np.where(np.arange(400) % 2, 1.0, 3.0))
    grades = LandmarkErrorModels.measured(faces, mirror)
    assert grades.of(0.004) is grades.agreeing
    assert grades.of(0.02) is grades.apart
    path = tmp_path / "h.safetensors"
    grades.save(path, tiny_model, "test")
    again = LandmarkErrorModels.load(tiny_model, path)
    for old, new in ((grades.agreeing, again.agreeing), (grades.apart, again.apart)):
        np.testing.assert_allclose(new.response, old.response, atol=2e-3 * np.abs(old.response).max())
        np.testing.assert_allclose(new.whitening(0.006), old.whitening(0.006), rtol=0.02, atol=2.0)
    # Measured before the model had skin components: these move no landmark.
    core = np.concatenate([tiny_model.core, np.zeros((2, *tiny_model.core.shape[1:]), np.float32)])
    labels = (*tiny_model.identity_labels, "Forehead lines", "Moles")
    skinned = LandmarkErrorModels.load(replace(tiny_model, core=core, identity_labels=labels), path)
    place = FEATURES + tiny_model.n_id
    assert not skinned.apart.response[place : place + 2].any()
    np.testing.assert_array_equal(np.delete(skinned.apart.response, [place, place + 1], 0), again.apart.response)
    assert skinned.expectation is not None
    # The scores are half the sliders; the ridge keeps the map a little low.
    names = tiny_model.expression_names
    expected, certainty = again.expression(names, dict.fromkeys(names, 0.25))
    np.testing.assert_allclose(expected, 0.5, atol=0.12)
    assert (certainty > 1 / 0.15).all()
    np.testing.assert_allclose(again.expression(names, {})[0], 0)
    # On another model the coefficients mean other faces.
    arrays, metadata = tensor_file.load(path)
    tensor_file.save(path, arrays, metadata | {"model": "another"})
    other = LandmarkErrorModels.load(tiny_model, path)
    assert len(other.agreeing.response) == FEATURES
    np.testing.assert_allclose(other.expression(names, dict.fromkeys(names, 0.25))[0], 0.25)
    tensor_file.save(
        tmp_path / "short.safetensors", arrays | {"apart.modes": np.zeros((3, 9, 2), np.float16)}, metadata
    )
    tensor_file.save(tmp_path / "lacking.safetensors", {"agreeing.rest": arrays["agreeing.rest"]}, metadata)
    tensor_file.save(tmp_path / "other.safetensors", {"mean": np.zeros((3, 2), np.float32)}, {"format": "x"})
    for name, message in (
        ("none", "no such file"),
        ("other", "error model"),
        ("short", "error model"),
        ("lacking", "response"),
    ):
        with pytest.raises(DnpmError, match=message):
            LandmarkErrorModels.load(tiny_model, tmp_path / f"{name}.safetensors")


def test_a_mirror_swaps_sides() -> None:
    names = ("jawOpen", "mouthSmileLeft", "mouthSmileRight")
    points = np.arange(468)[::-1]
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, (468, 3))
    flipped = first[points] * [-1.0, 1.0, 1.0]
    mirror = Mirror.of(points, np.stack([first + flipped, first - flipped]), names)
    np.testing.assert_allclose(mirror.identity, np.diag([1.0, -1.0]), atol=1e-9)
    assert mirror.expression.tolist() == [0, 2, 1]


def test_features_of_a_turned_head() -> None:
    rotation = rotation_of(np.array([0.1, 0.4, 0.2])) @ UPRIGHT
    turn = np.array([[0.9, 0.1], [-0.1, 0.9]])
    by_rotation = [r @ UPRIGHT for r in rotation_derivatives(np.array([0.1, 0.4, 0.2]))]
    found = feature_derivatives(rotation, turn, 800.0, by_rotation)
    for k in range(3):
        step = np.eye(3)[k] * 1e-5
        ahead, behind = (rotation_of(np.array([0.1, 0.4, 0.2]) + s) @ UPRIGHT for s in (step, -step))
        wanted = (features(ahead, turn, 800.0) - features(behind, turn, 800.0)) / 2e-5
        np.testing.assert_allclose(found[k], wanted, atol=1e-6)
    wanted = (features(rotation, turn, 800 * np.exp(1e-5)) - features(rotation, turn, 800 * np.exp(-1e-5))) / 2e-5
    np.testing.assert_allclose(found[3], wanted, atol=1e-6)
    # Far outside what was measured nothing moves.
    away = rotation_of(np.array([0.0, 1.4, 0.0])) @ UPRIGHT
    assert not feature_derivatives(away, np.eye(2), 90.0, by_rotation)[3].any()
    mirrored = np.diag([-1.0, 1.0, 1.0]) @ rotation @ np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(
        features(mirrored, np.eye(2), 800.0), features(rotation, np.eye(2), 800.0) * MIRRORED, atol=1e-12
    )


def test_usual_errors_are_followed(face_model) -> None:
    """Landmarks that err as the response says are undone; a fit that does not know it is farther off."""
    canonical = LandmarkNetworks.load().canonical
    rng = np.random.default_rng(3)
    response = np.zeros((FEATURES + face_model.n_id + face_model.n_exp, 468, 2))
    response[:3] = rng.normal(0, 0.02, (3, 468, 2))
    response[FEATURES : FEATURES + face_model.n_id] = rng.normal(0, 0.002, (face_model.n_id, 468, 2))
    knowing = LandmarkErrorModel(response, np.zeros((0, 468, 2)), 1.5)
    plain, taught = (
        Fitter(face_model, canonical, error_models=LandmarkErrorModels(h, h))
        for h in (LandmarkErrorModel.none(), knowing)
    )
    identity, expression = random_identity(face_model, 5, 0.8), face_model.expression(jawOpen=0.4)
    picture, camera = seen(plain, identity, expression)
    pixels = picture.face.points[:468, :2]
    for _ in range(3):
        turn, eyes = level(pixels)
        away = float(camera.into_camera(plain.centre[None])[0, 2])
        error = knowing.expected(features(camera.rotation, turn, away), identity, expression)
        pixels = picture.face.points[:468, :2] - error * eyes @ turn
    face = replace(picture.face, points=np.concatenate([np.c_[pixels, np.zeros(468)], picture.face.points[468:]]))
    off = [
        angle_between(f.fit([Picture(face, SIZE)]).cameras[0].rotation, camera.rotation) for f in (plain, taught)
    ]  # fmt: skip
    assert off[1] < 0.6 * off[0]


def test_levelling() -> None:
    points = np.zeros((468, 2))
    points[33], points[263] = (10, 10), (40, 50)
    turn, distance = level(points)
    assert distance == pytest.approx(50)
    np.testing.assert_allclose((points[263] - points[33]) @ turn.T, [50, 0], atol=1e-9)


def test_what_is_refused(fitter: Fitter, tiny_model) -> None:
    picture, _ = seen(fitter, np.zeros(fitter.model.n_id, np.float32), fitter.model.expression())
    with pytest.raises(DnpmError, match="no picture"):
        fitter.fit([])
    with pytest.raises(DnpmError, match="identity slider 99"):
        fitter.fit([picture], Locks({99: 0.0}))
    with pytest.raises(DnpmError, match="vertex -1"):
        fitter.fit([Picture(picture.face, SIZE, (Pin(-1, (0.0, 0.0)),))])
    with pytest.raises(DnpmError, match="landmarks"):
        Fitter(tiny_model, LandmarkNetworks.load().canonical, error_models=LandmarkErrorModels.none())
