"""Fitting: derivatives against differences, known faces, several photos, pins, locks, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core import tensorfile
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.photo.camera import Camera, angle_between, turned
from dnpm.core.photo.fit.habits import Habits, level
from dnpm.core.photo.fit.part import Part
from dnpm.core.photo.fit.problem import CAMERA
from dnpm.core.photo.fit.solve import Fitter, Locks, Picture, Pin
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks

SIZE = (512, 512)


@pytest.fixture(scope="module")
def fitter(face_model) -> Fitter:
    return Fitter(face_model, LandmarkNetworks.load().canonical, habits=Habits.none())


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
    part = Part(fitter.bilinear, one, fitter.centre, fitter.habits, [(100, (200.0, 220.0), 4.0)])
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


def test_habits_whiten_what_they_were_made_of(tmp_path: Path, tiny_model) -> None:
    rng = np.random.default_rng(1)
    modes = rng.normal(0, 0.02, (5, 936))
    errors = (rng.normal(0, 1, (400, 5)) @ modes + rng.normal(0, 0.004, (400, 936))).reshape(400, 468, 2)
    habits = Habits.of(errors, np.arange(468), 12)
    assert habits.modes.shape == (12, 468, 2)
    white = (errors - habits.mean).reshape(400, -1) @ habits.whitening
    usual = np.linalg.norm((rng.normal(0, 1, (50, 5)) @ modes) @ habits.whitening, axis=1)
    odd = np.linalg.norm((rng.normal(0, 1, (50, 5)) @ rng.normal(0, 0.02, (5, 936))) @ habits.whitening, axis=1)
    assert white.std() < 1
    assert usual.mean() < 0.2 * odd.mean()
    habits.save(tmp_path / "h.safetensors", tiny_model, "test")
    again = Habits.load(tmp_path / "h.safetensors")
    np.testing.assert_allclose(again.whitening, habits.whitening, rtol=0.02, atol=2.0)
    tensorfile.save(tmp_path / "other.safetensors", {"mean": np.zeros((3, 2), np.float32)}, {"format": "x"})
    for name, message in (("none", "missing"), ("other", "habits")):
        with pytest.raises(DnpmError, match=message):
            Habits.load(tmp_path / f"{name}.safetensors")


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
        Fitter(tiny_model, LandmarkNetworks.load().canonical, habits=Habits.none())
