"""Lips that are about to meet, meet; what was not meant stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.contact import LIFTED, OPENING, SEAL, TUCKED, TUCKED_OPENING, meant, meet, opening
from dnpm.core.speech.controls import Controls, apply

COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}
TIMES, LOUD = np.arange(12) / 30, np.full(60, -20, np.float32)


def curves(frames: int = 1, **values: float) -> np.ndarray:
    result = np.zeros((frames, 52), np.float32)
    for name, value in values.items():
        result[:, COLUMN[name]] = value
    return result


def met(expression: np.ndarray) -> np.ndarray:
    return meet(expression, *meant(expression))


def distance(expression: np.ndarray) -> np.ndarray:
    """As `opening`, but negative where the lips are pressed together."""
    return sum(weight * expression[:, COLUMN[name]].astype(np.float64) for name, weight in OPENING.items())


def test_a_closure_that_is_all_but_reached_is_reached():
    nearly = curves(jawOpen=0.18, mouthClose=0.14, mouthRollLower=0.12, mouthRollUpper=0.12)
    assert 0.01 < opening(nearly)[0] < 0.05
    assert opening(met(nearly))[0] == pytest.approx(0, abs=1e-6)
    # At rest the rims are 0.6 mm apart: lips that only reach an opening of 0 would let the light through.
    assert distance(met(nearly))[0] == pytest.approx(-SEAL, abs=1e-6)
    assert pytest.approx(0.6, abs=0.1) == 28 * SEAL


def test_lips_that_are_pressed_already_are_not_pressed_further():
    sealed = curves(jawOpen=0.18, mouthClose=0.18 + 2 * SEAL)
    assert distance(sealed)[0] < -SEAL
    np.testing.assert_allclose(met(sealed), sealed, atol=1e-7)


def test_a_closure_that_is_half_meant_is_half_made():
    spoken = curves(jawOpen=0.2, mouthClose=0.14)
    half = meet(spoken, np.array([0.5]), np.array([0.0]))
    assert distance(half)[0] == pytest.approx(0.5 * distance(spoken)[0] - 0.5 * SEAL, abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"jawOpen": 0.5, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
        {"jawOpen": 0.05, "mouthStretchLeft": 0.2, "mouthUpperUpLeft": 0.1},  # s: a narrow slit, and it stays one
        {"jawOpen": 0.1, "mouthPucker": 0.75, "mouthFunnel": 0.14},
        {"jawOpen": 0.15, "mouthClose": 0.2, "mouthRollLower": 0.16, "mouthRollUpper": 0.16},  # closed already
        {"jawOpen": 0.6, "mouthClose": 0.3},  # a performer's: half closed is not about to meet
        {},
    ],
)
def test_what_was_not_meant_stays(values):
    before = curves(**values)
    np.testing.assert_allclose(met(before), before, atol=1e-7)


def test_the_lower_lip_of_an_f_reaches_its_place():
    half = curves(jawOpen=0.12, mouthRollLower=0.32)
    after = met(half)
    # The upper lip clears the teeth's edge; apart from that the lips are as good as shut.
    for side in ("mouthUpperUpLeft", "mouthUpperUpRight"):
        assert after[0, COLUMN[side]] == pytest.approx(LIFTED)
        after[0, COLUMN[side]] = 0
    assert after[0, COLUMN["mouthRollLower"]] == pytest.approx(TUCKED)
    assert opening(after)[0] == pytest.approx(TUCKED_OPENING * opening(curves(jawOpen=0.12, mouthRollLower=TUCKED))[0])


def test_a_tucked_lip_is_at_the_teeth_and_not_bitten_off():
    after = met(curves(jawOpen=0.12, mouthRollLower=0.32))
    assert 0.35 < after[0, COLUMN["mouthRollLower"]] < 0.7
    after[0, [COLUMN["mouthUpperUpLeft"], COLUMN["mouthUpperUpRight"]]] = 0
    assert 0.3 < 28 * opening(after)[0] < 1.0, "millimetres: the tongue is not seen"


def test_lips_that_meet_are_not_lifted_off_the_teeth():
    both = meet(curves(jawOpen=0.1, mouthClose=0.09), np.array([1.0]), np.array([1.0]))
    assert both[0, COLUMN["mouthUpperUpLeft"]] == both[0, COLUMN["mouthUpperUpRight"]] == 0
    assert distance(both)[0] <= -SEAL + 1e-6


def test_a_jaw_that_is_all_but_shut_can_be_meant_to_close():
    lips, teeth = meant(curves(jawOpen=0.01, mouthClose=0.03))
    assert (lips[0], teeth[0]) == (1, 0)
    lips, _ = meant(curves())
    assert lips[0] == 0


def test_only_the_mouths_expressions_open_it():
    for name in ARKIT_NAMES:
        if name not in OPENING:
            assert opening(curves(**{name: 1.0}))[0] == 0, name
    assert set(OPENING) <= set(ARKIT_NAMES)
    assert opening(curves(jawOpen=0.2, mouthClose=0.5))[0] == 0, "pressed lips are but closed"


def test_the_weights_are_the_default_faces(face_model):
    """What each expression adds to the gap of the inner lips at landmarks 61-63 over 65-67, in jawOpen's."""
    upper, lower = face_model.landmarks68[[61, 62, 63]], face_model.landmarks68[[67, 66, 65]]
    person = np.zeros(face_model.n_id, np.float32)

    def gap(**values: float) -> float:
        points = face_model.vertices(person, face_model.expression(**values))
        return float((points[upper, 1] - points[lower, 1]).mean())

    rest = gap()
    whole = gap(jawOpen=1.0) - rest
    assert whole == pytest.approx(28, abs=3)
    for name in ARKIT_NAMES:
        measured = (gap(**{name: 1.0}) - rest) / whole
        # Speech hardly uses what the table leaves out: sneers, shifts, smiles.
        assert OPENING.get(name, measured) == pytest.approx(measured, abs=0.027), name
        assert name in OPENING or abs(measured) < 0.1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.01))
def test_it_is_continuous_and_leaves_the_rest(seed, step):
    rng = np.random.default_rng(seed)
    before = (rng.random((8, 52)) * rng.random((8, 1)) * 0.5).astype(np.float32)
    after = met(before)
    changed = np.flatnonzero(np.abs(after - before).max(0) > 0)
    moved = ("mouthClose", "mouthRollLower", "mouthUpperUpLeft", "mouthUpperUpRight")
    assert set(changed) <= {COLUMN[name] for name in moved}
    near = (before + step * rng.random((8, 52))).astype(np.float32)
    assert np.abs(met(near) - after).max() <= 40 * step + 1e-6


def test_smoothing_and_a_mumbling_mouth_still_close():
    spoken = curves(12, jawOpen=0.2)
    spoken[5:7, COLUMN["mouthClose"]] = 0.2
    for controls in (Controls(smoothing=0.06), Controls(mouth=0.4), Controls(jaw=1.5)):
        closed = opening(apply(spoken, TIMES, LOUD, controls))
        assert closed[5] == pytest.approx(0, abs=1e-6)
        assert closed[0] > 0.15
    left = apply(spoken, TIMES, LOUD, Controls(mouth=0.4, contact=False))
    assert opening(left)[5] > 0.1
    still = apply(spoken, TIMES, LOUD, Controls(mouth=0.0))
    assert still[:, COLUMN["mouthClose"]].max() == 0


def test_an_f_that_was_taken_for_an_m_opens():
    """The decoder shut the lips; the sound says that the lower one is at the teeth."""
    shut = curves(2, jawOpen=0.12, mouthClose=0.13)
    made = meet(shut, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert opening(made)[0] == 0, "an m stays one"
    assert opening(made)[1] > 0.03
    assert made[1, COLUMN["mouthRollLower"]] > made[0, COLUMN["mouthRollLower"]] + 0.4
