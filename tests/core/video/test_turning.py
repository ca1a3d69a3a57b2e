"""What a turning head does to readings is found among gestures, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.video.reader import INPUTS, Reader
from dnpm.core.video.turning import slopes

STEP, SECONDS = 0.04, 12
TIMES = np.arange(round(SECONDS / STEP)) * STEP
CHANNELS = 40


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def head(size: float = 0.25) -> np.ndarray:
    """(T, 2) slopes of a face that looks around; 0.25: 14 degrees."""
    return size * np.stack([np.sin(1.1 * TIMES), np.cos(0.7 * TIMES)], 1)


def noise(rng: np.random.Generator) -> np.ndarray:
    """(T, CHANNELS), alike from picture to picture, as a network's errors are."""
    white = rng.normal(0, 0.1, (len(TIMES) + 4, CHANNELS))
    return np.mean([white[k : k + len(TIMES)] for k in range(5)], 0)


def gestures() -> np.ndarray:
    """(T, CHANNELS): three rises of a second each, in a quarter of the channels."""
    rises = np.zeros(len(TIMES))
    for begin in (2.0, 5.0, 9.0):
        rises += np.exp(-(((TIMES - begin - 0.5) / 0.3) ** 2))
    return np.outer(rises, 3.0 * (np.arange(CHANNELS) % 4 == 0))


def test_what_a_turn_does_is_found_among_gestures(rng: np.random.Generator) -> None:
    true = rng.normal(0, 2, (2, CHANNELS))
    found = slopes(noise(rng) + gestures() + head() @ true, head(), STEP)
    assert found.shape == true.shape
    left = head() @ (true - found)
    assert left.std() < 0.35 * (head() @ true).std()
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.95


def test_a_head_that_hardly_turns_changes_little(rng: np.random.Generator) -> None:
    small = head(0.01)
    taken = small @ slopes(noise(rng) + gestures(), small, STEP)
    assert np.abs(taken).max() < 0.05


def test_a_gesture_that_comes_with_a_turn_stays(rng: np.random.Generator) -> None:
    """The head is turned while the brows are up, once for a second and a half, and straight for the rest."""
    up = np.exp(-(((TIMES - 6) / 0.6) ** 4))
    turn = np.stack([0.2 * up, np.zeros(len(TIMES))], 1) + 0.02 * head()
    values = noise(rng)
    values[:, :10] += 3.0 * up[:, None]
    taken = turn @ slopes(values, turn, STEP)
    assert np.abs(taken[:, :10]).max() < 1.0, "two thirds and more of it are still there"


def test_long_videos_say_the_same(rng: np.random.Generator) -> None:
    true = rng.normal(0, 2, (2, CHANNELS))
    values = noise(rng) + head() @ true
    once = slopes(values, head(), STEP)
    many = slopes(np.tile(values, (20, 1)), np.tile(head(), (20, 1)), STEP)
    assert np.abs(many - true).max() < np.abs(once - true).max() + 0.1


def test_readings_lose_it_where_the_reader_was_measured(tiny_model, rng: np.random.Generator) -> None:
    plain = Reader.plain(tiny_model)
    features, rest = np.zeros((len(TIMES), INPUTS), np.float32), np.zeros(INPUTS, np.float32)
    features[:, -2:] = head()
    features[:, 40] = 2.0 * head()[:, 0]
    assert plain.without_turn(features, rest, STEP) is features
    known = replace(plain, straight=np.zeros((INPUTS, 52)), scale=np.full(INPUTS, 0.5))
    found = known.without_turn(features, rest, STEP)
    assert np.abs(found[:, 40]).max() < 0.2 * np.abs(features[:, 40]).max()
    np.testing.assert_array_equal(found[:, -2:], features[:, -2:])
