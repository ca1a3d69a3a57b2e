"""Learning the regressor of photos: laws of the regression, and the pictures that it learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.fit.solve import Fitter
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.training.photo.dressed import Dresser, Sitter
from dnpm.core.training.photo.regressor import LEAST_PICTURES, SEX, learn, pictures_seen

SIZE = (120, 150)


def sitter(sex: str = "", appearance: np.ndarray | None = None, camera: Camera | None = None) -> Sitter:
    return Sitter(
        np.full((SIZE[1], SIZE[0], 3), 0.4, np.float32), camera or Camera.before(SIZE, 1000),
        np.zeros(52, np.float32), np.full((64, 64, 3), 0.6, np.float16), np.full(3, 0.6, np.float32), sex,
        np.zeros(20, np.float32) if appearance is None else appearance,
    )  # fmt: skip


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features that show two of four components, with an error of half their size, and 18 that show nothing."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(count, 4))
    seen = rng.normal(size=(count, 20))
    seen[:, :2] = people[:, :2] + 0.5 * rng.normal(size=(count, 2))
    return seen, people


def test_what_is_shown_is_learnt_and_what_is_not_stays_open() -> None:
    seen, people = drawn(800)
    learnt = learn(seen, people, [sitter()])
    assert (learnt.r2[:2] > 0.6).all(), "1 / (1 + .25) at best"
    assert (np.abs(learnt.r2[2:]) < 0.1).all()
    assert len(learnt.regressor.basis) == 2
    np.testing.assert_allclose(learnt.regressor.open, 0.2, atol=0.08)
    assert np.abs(learnt.regressor.basis[:, 2:]).max() < 0.2
    others, them = drawn(300, 1)
    guesses = np.stack([learnt.regressor.guess(one) for one in others])
    assert np.corrcoef(guesses[:, 0], them[:, 0])[0, 1] > 0.8


def test_portraits_of_known_sex_are_taught_and_both_count_alike() -> None:
    seen, people = drawn(200)
    shift = np.zeros(20)
    shift[7] = 3.0  # What women's portraits show, and no render does.
    sexes = ["f"] * 4 + ["m"] * 16
    rng = np.random.default_rng(2)
    sitters = [
        sitter(sex, 0.1 * rng.normal(size=20) + 5 + (shift if sex == "f" else -shift)) for sex in sexes
    ]  # fmt: skip
    taught, untaught = (
        np.array([learn(seen, people, sitters, k).regressor.guess(one.appearance)[0] for one in sitters])
        for k in (0, None)
    )
    women, men = taught[:4], taught[4:]
    assert women.max() < -SEX / 3 < 0 < SEX / 3 < men.min()
    assert women.mean() == pytest.approx(-men.mean(), abs=0.1), "the mean person is as much a woman as a man"
    assert men.mean() - women.mean() > 2 * abs(untaught[4:].mean() - untaught[:4].mean())


def test_too_little_is_refused() -> None:
    seen, people = drawn(LEAST_PICTURES - 1)
    with pytest.raises(DnpmError, match="49 pictures are too few"):
        learn(seen, people, [sitter()])
    rng = np.random.default_rng(0)
    with pytest.raises(DnpmError, match="tell nothing"):
        learn(rng.normal(size=(400, 20)), rng.normal(size=(400, 4)), [sitter()])


@pytest.fixture(scope="module")
def dresser(face_model: FaceModel) -> Dresser:
    networks = LandmarkNetworks.load()
    fitter = Fitter(face_model, networks.canonical)
    camera = Camera.before(SIZE, 1000, 0.6, 240, fitter.centre, turned(0, 0, 0))
    return Dresser(face_model, fitter, [sitter("f", camera=camera), sitter("m", camera=camera)], 5)


def test_pictures_are_drawn_by_number(dresser: Dresser) -> None:
    first, again, other = dresser.draw(1), dresser.draw(1), dresser.draw(2)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.identity, again.identity)
    assert np.abs(first.identity - other.identity).max() > 0.5
    assert first.image.shape == (SIZE[1], SIZE[0], 3)
    assert first.points.shape == (468, 2)


def test_the_face_is_set_in_and_the_rest_of_the_photo_stays(dresser: Dresser) -> None:
    made = dresser.draw(3)
    changed = np.abs(made.image - 0.4).max(-1)
    inside = made.points.mean(0).round().astype(int)
    assert changed[inside[1] - 5 : inside[1] + 5, inside[0] - 5 : inside[0] + 5].mean() > 0.05
    assert changed[:12].max() < 0.1, "noise alone"


def test_a_second_run_makes_what_is_missing(dresser: Dresser, tmp_path: Path, monkeypatch) -> None:
    networks = LandmarkNetworks.load()
    first, people = pictures_seen(tmp_path, dresser, networks, 2, {"portraits": ["a"]})
    made = []
    draw = dresser.draw
    monkeypatch.setattr(dresser, "draw", lambda number: made.append(number) or draw(number))
    again, same = pictures_seen(tmp_path, dresser, networks, 3, {"portraits": ["a"]})
    assert made == [0, 2], "the first tells the size"
    np.testing.assert_array_equal(again[:2], first)
    np.testing.assert_array_equal(same[:2], people)
    assert again[2].any()
    with pytest.raises(DnpmError, match="another recipe"):
        pictures_seen(tmp_path, dresser, networks, 3, {"portraits": ["b"]})
