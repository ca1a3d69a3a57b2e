"""Random faces: a seed is the same face for ever; expressions that a face can make, as strong as was asked for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dnpm.core.face_model import sampling
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.sampling import IDENTITY_LIMIT, random_expression, random_identity

SEEDS = range(600)
OPPOSITES = [
    ("eyeBlink", "eyeWide"), ("eyeSquint", "eyeWide"), ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"),
    ("mouthSmile", "mouthFrown"), ("mouthFunnel", "mouthPucker"), ("mouthFunnel", "mouthStretch"),
    ("mouthPucker", "mouthStretch"), ("mouthPucker", "mouthSmile"), ("browDown", "browOuterUp"),
    ("jawOpen", "mouthClose"), ("jawOpen", "mouthPress"),
]  # fmt: skip
RARE = {"tongueOut", "cheekPuff", "mouthClose", "jawForward"}


def _vector(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in ARKIT_NAMES], np.float32)


MODEL = SimpleNamespace(n_id=5, expression_names=ARKIT_NAMES, expression=_vector)


def stem(name: str) -> str:
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return name
    return name.removesuffix("Left").removesuffix("Right")


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, float]]:
    """The expressions of all SEEDS, by name, without zeros."""
    vectors = (random_expression(MODEL, seed) for seed in SEEDS)
    return [{n: float(v) for n, v in zip(ARKIT_NAMES, vector, strict=True) if v} for vector in vectors]


@pytest.fixture(scope="module")
def stems(drawn) -> list[dict[str, list[float]]]:
    """The same without the gaze, both sides of a pair together."""
    result = []
    for values in drawn:
        found: dict[str, list[float]] = {}
        for name, value in values.items():
            if not name.startswith("eyeLook"):
                found.setdefault(stem(name), []).append(value)
        result.append(found)
    return result


def test_a_seed_is_the_same_face_for_ever():
    """Files and commands name faces by their seeds."""
    identity = random_identity(MODEL, 46)
    np.testing.assert_allclose(identity, IDENTITY_46, atol=1e-5)
    assert identity.dtype == np.float32
    expression = random_expression(MODEL, 7)
    found = {n: round(float(v), 3) for n, v in zip(ARKIT_NAMES, expression, strict=True) if v}
    assert found == pytest.approx(EXPRESSION_7, abs=2e-3)


def test_identities_are_normal_up_to_the_limit():
    drawn = np.stack([random_identity(MODEL, seed) for seed in range(2000)])
    assert np.abs(drawn).max() == IDENTITY_LIMIT == 2.5
    assert drawn.mean() == pytest.approx(0, abs=0.03)
    assert drawn.std() == pytest.approx(1, abs=0.03)
    half = random_identity(MODEL, 3, 0.5)
    np.testing.assert_allclose(half, 0.5 * random_identity(MODEL, 3), atol=1e-6)
    assert np.abs(random_identity(MODEL, 3, 100.0)).max() == IDENTITY_LIMIT


def test_two_to_five_expressions_that_go_together(stems):
    counts = [len(found) for found in stems]
    assert set(counts) == {2, 3, 4, 5}
    assert all(counts.count(n) > 0.15 * len(counts) for n in (2, 3, 4, 5)), "each as often as the others"
    for found in stems:
        for one, other in OPPOSITES:
            assert not {one, other} <= set(found)
    assert set().union(*stems) == {stem(n) for n in ARKIT_NAMES if not n.startswith("eyeLook")}, "all of them occur"


def test_what_is_rare_is_rare(stems):
    often = [sum(name in found for found in stems) for name in {s for f in stems for s in f} - RARE]
    seldom = [sum(name in found for found in stems) for name in RARE]
    assert 0 < np.mean(seldom) < 0.5 * np.mean(often)


def test_amounts_and_sides(stems):
    every = [value for found in stems for values in found.values() for value in values]
    assert min(every) >= 0.25 * 0.85
    assert max(every) <= 1
    assert np.mean(every) == pytest.approx(0.625 * 0.925, abs=0.03)
    for found in stems:
        for name, values in found.items():
            pair = [n for n in ARKIT_NAMES if stem(n) == name]
            assert len(values) == len(pair), "both sides move"
            assert min(values) >= 0.85 * max(values), "nearly alike"


def test_both_eyes_look_one_way(drawn):
    across, along = [], []
    for values in drawn:
        look = lambda name: values.get(f"eyeLook{name}", 0.0)  # noqa: B023, E731
        assert look("OutRight") == look("InLeft")
        assert look("InRight") == look("OutLeft")
        assert look("UpRight") == look("UpLeft")
        assert look("DownRight") == look("DownLeft")
        assert not (look("OutRight") and look("InRight"))
        assert not (look("UpLeft") and look("DownLeft"))
        across.append(look("OutRight") - look("InRight"))
        along.append(look("UpLeft") - look("DownLeft"))
    for angle in (across, along):
        assert 0.55 < max(angle) <= 0.6
        assert -0.6 <= min(angle) < -0.55
        assert np.mean(angle) == pytest.approx(0, abs=0.05)
    assert abs(np.corrcoef(across, along)[0, 1]) < 0.15


def test_strength_scales_and_ends_at_1():
    whole = random_expression(MODEL, 11)
    np.testing.assert_allclose(random_expression(MODEL, 11, 0.5), 0.5 * whole, atol=1e-6)
    assert random_expression(MODEL, 11, 50.0).max() == 1
    assert not random_expression(MODEL, 11, 0.0).any()


def test_a_model_with_few_expressions_gets_what_it_has():
    few = SimpleNamespace(
        expression_names=("jawOpen", "mouthSmileLeft"),
        expression=lambda **values: np.array([values.get("jawOpen", 0), values.get("mouthSmileLeft", 0)], np.float32),
    )
    drawn = np.stack([random_expression(few, seed) for seed in range(20)])
    assert drawn.shape == (20, 2)
    assert (drawn > 0).all(), "two go together, and there are but two"


IDENTITY_46 = [1.21152, -0.578517, 0.557124, 0.046529, 1.250495]
EXPRESSION_7 = {
    "eyeLookDownLeft": 0.066,
    "eyeLookOutLeft": 0.266,
    "eyeLookDownRight": 0.066,
    "eyeLookInRight": 0.266,
    "mouthRollLower": 0.379,
    "mouthShrugLower": 0.304,
    "browOuterUpLeft": 0.453,
    "browOuterUpRight": 0.478,
}


def test_few_random_people_have_scars(face_model):
    """Their slider is low, and at no strength they are the mean; years move it by next to nothing."""
    place = face_model.identity_labels.index(sampling.SCARS)
    people = np.stack([sampling.random_person(face_model, seed) for seed in range(300)])
    drawn = np.stack([sampling.random_identity(face_model, seed) for seed in range(300)])
    assert (people[:, place] > 0).mean() < 0.06 < 0.4 < (drawn[:, place] > 0).mean()
    assert not sampling.random_person(face_model, 3, 0.0).any()
    assert np.abs(people).max() <= sampling.IDENTITY_LIMIT


def test_random_people_are_as_old_as_people_are(face_model):
    """Young ones are the more; who is older than another stays so, and all but age is `random_identity`'s."""
    weights, mean_years = age_regression(face_model)
    years = lambda people: people @ weights + mean_years  # noqa: E731
    drawn = np.stack([sampling.random_identity(face_model, seed) for seed in range(300)])
    people = np.stack([sampling.random_person(face_model, seed) for seed in range(300)])
    assert years(drawn).max() > 100
    assert sampling.YOUNGEST - 2 < years(people).min() < 18
    assert 75 < years(people).max() < sampling.OLDEST + 2
    assert 34 < np.median(years(people)) < 42
    ranks = [np.argsort(np.argsort(years(who))) for who in (drawn, people)]
    assert np.corrcoef(*ranks)[0, 1] > 0.995  # not 1: scars are left out, and the sliders' limits cost a little
    moved = people - drawn
    moved[:, face_model.identity_labels.index(sampling.SCARS)] = 0
    away = moved - np.outer(moved @ weights, weights) / (weights @ weights)
    assert np.abs(away).max() < 0.6
    assert np.percentile(np.abs(away), 95) < 0.01


def test_a_random_person_of_an_age(face_model):
    weights, mean_years = age_regression(face_model)
    for seed in range(20):
        old = sampling.random_person(face_model, seed, years=80.0)
        young = sampling.random_person(face_model, seed, 0.5, years=20.0)
        assert old @ weights + mean_years == pytest.approx(80, abs=1.5)
        assert young @ weights + mean_years == pytest.approx(20, abs=1.5)
    half = [sampling.random_person(face_model, seed, 0.5) @ weights + mean_years for seed in range(100)]
    assert 43 < np.median(half) < 49  # half way from the mean face's 54 years


def test_a_model_that_knows_no_ages_is_left_as_drawn(face_model):
    ageless = replace(face_model, metadata=face_model.metadata | {"semantics": "{}"})
    others = np.array(face_model.identity_labels) != sampling.SCARS
    drawn = sampling.random_identity(ageless, 5)
    assert np.array_equal(sampling.random_person(ageless, 5)[others], drawn[others])
    assert np.array_equal(sampling.random_person(ageless, 5, years=70.0)[others], drawn[others])
