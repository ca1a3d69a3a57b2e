"""Smoothing: still at rest, in step and whole in motion, contacts sharp; rest: the face that is seen most."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.contact import opening
from dnpm.core.video.rest import rest_of
from dnpm.core.video.smoothing import LEAST_OF_EXPRESSIONS, noise_of, smoothed, with_contacts


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def lag(a: np.ndarray, b: np.ndarray) -> int:
    scores = [np.corrcoef(a[10 + k : -10 + k], b[10:-10])[0, 1] for k in range(-5, 6)]
    return int(np.argmax(scores)) - 5


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_rest_is_still_and_motion_comes_in_time(fps: float, rng: np.random.Generator) -> None:
    times = np.arange(round(8 * fps)) / fps
    truth = np.clip((times - 4) / 0.15, 0, 1) * np.clip((6 - times) / 0.15, 0, 1)
    seen = truth + rng.normal(0, 0.02, len(times))
    made = smoothed(times, seen[:, None])[:, 0]
    still = times < 3.5
    assert made[still].std() < 0.5 * seen[still].std()
    assert abs(made - truth).max() < 0.2
    assert np.corrcoef(made, truth)[0, 1] > np.corrcoef(seen, truth)[0, 1]
    assert lag(made, truth) == 0


def test_noise_is_told_from_motion(rng: np.random.Generator) -> None:
    times = np.arange(400) / 25
    values = np.stack([np.sin(times), np.sin(times)], 1) + rng.normal(0, 1, (400, 2)) * [0.05, 0.01]
    assert noise_of(values) == pytest.approx([0.05, 0.01], rel=0.25)


def test_no_smoothing_changes_nothing(rng: np.random.Generator) -> None:
    values = rng.random((20, 3))
    assert np.array_equal(smoothed(np.arange(20) / 25, values, amount=0.0), values)


def test_pictures_in_doubt_count_less(rng: np.random.Generator) -> None:
    times, values = np.arange(60) / 25, np.zeros((60, 1)) + rng.normal(0, 0.01, (60, 1))
    values[30] = 0.3
    doubt = np.ones(60)
    usual = smoothed(times, values, doubt)[30, 0]
    doubt[30] = 5.0
    assert smoothed(times, values, doubt)[30, 0] < 0.5 * usual


def test_lids_close_and_lips_meet() -> None:
    raw, smooth = np.zeros((9, 52)), np.zeros((9, 52))
    blink, jaw, close = (ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "jawOpen", "mouthClose"))
    raw[4, blink], smooth[3:6, blink] = 0.95, 0.4
    raw[:, jaw] = smooth[:, jaw] = 0.4
    raw[5, close], smooth[4:7, close] = 0.4, 0.15
    made = with_contacts(raw, smooth)
    assert made[4, blink] == pytest.approx(0.95)
    assert made[3, blink] == pytest.approx(0.4)
    assert opening(made)[5] == pytest.approx(opening(raw)[5], abs=1e-6)
    assert opening(made)[6] == pytest.approx(opening(smooth)[6])


def test_lips_that_are_all_but_shut_are_shut() -> None:
    """Within the distance that their rims have at rest; wider ones stay as they were read."""
    raw = np.zeros((4, 52))
    raw[:, ARKIT_NAMES.index("jawOpen")] = 0.0, 0.019, 0.035, 0.06
    found = opening(with_contacts(raw, raw))
    assert found[:2].max() < 1e-9
    assert 0 < found[2] < 0.035
    assert found[3] == pytest.approx(0.06)


def test_the_rest_is_the_most_frequent_still_face(rng: np.random.Generator) -> None:
    times = np.arange(500) / 25
    rest, other = np.array([0.2, 0.1, 0.0]), np.array([0.8, 0.3, 0.9])
    readings = np.where((np.arange(500) % 100 < 60)[:, None], rest, other) + rng.normal(0, 0.01, (500, 3))
    found, places = rest_of(times, readings)
    np.testing.assert_allclose(found, rest, atol=0.02)
    assert (places % 100 < 60).all()
    chosen, places = rest_of(times, readings, chosen_s=70 / 25)
    np.testing.assert_allclose(chosen, other, atol=0.03)
    assert 70 in places


def test_lips_that_wait_open_are_no_rest(rng: np.random.Generator) -> None:
    """Who is about to speak holds still with open lips, longer than with shut ones here; the shut ones are the rest."""
    times = np.arange(100) / 25
    opening = np.where(times < 2.2, 0.2, np.where(times < 3.0, 0.25 + 0.2 * np.sin(20 * times), 0.0))
    readings = np.stack([opening, np.zeros(100)], 1) + rng.normal(0, 0.005, (100, 2))
    assert times[rest_of(times, readings)[1]].max() < 2.2
    assert times[rest_of(times, readings, opening=opening)[1]].min() >= 3.0


def test_a_person_whose_lips_rest_open_rests_so(rng: np.random.Generator) -> None:
    """Lips that only meet in passing, as for an m, are not the rest because they are the nearest."""
    times = np.arange(200) / 25
    opening = np.where(np.arange(200) % 40 < 4, 0.0, np.where(np.arange(200) % 40 < 12, 0.3, 0.09))
    readings = np.stack([opening, np.zeros(200)], 1) + rng.normal(0, 0.003, (200, 2))
    found, places = rest_of(times, readings, opening=opening)
    assert found[0] == pytest.approx(0.09, abs=0.01)
    assert (opening[places] == 0.09).all()


def test_a_jaw_that_jumps_for_three_pictures_is_held_still() -> None:
    times = np.arange(150) / 25
    values = np.random.default_rng(0).normal(0, 0.001, (len(times), len(ARKIT_NAMES)))
    jaw = ARKIT_NAMES.index("jawLeft")
    values[70:73, jaw] = 0.1
    free, held = smoothed(times, values)[:, jaw], smoothed(times, values, least=LEAST_OF_EXPRESSIONS)[:, jaw]
    assert held.max() < 0.4 * free.max()
    other = ARKIT_NAMES.index("mouthSmileLeft")
    assert LEAST_OF_EXPRESSIONS[other] < LEAST_OF_EXPRESSIONS[jaw]
