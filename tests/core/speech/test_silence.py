"""Levels in decibels, and what counts as silence: by hand on sounds whose levels are known."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.speech import silence
from dnpm.core.speech.audio import RATE


def test_a_tone_has_its_level_and_blocks_do_not_matter() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE)).astype(np.float32)
    level = silence.levels([tone])
    assert len(level) == 100
    np.testing.assert_allclose(level, 20 * np.log10(0.5 / np.sqrt(2)), atol=0.02)
    np.testing.assert_allclose(silence.levels([tone[:7001], tone[7001:7003], tone[7003:]]), level, atol=1e-4)


def test_levels_are_taken_over_fifty_milliseconds() -> None:
    """One loud step of 10 ms spreads over five, each with a fifth of its power."""
    sound = np.zeros(RATE // 2, np.float32)
    sound[20 * silence.STEP : 21 * silence.STEP] = 1.0
    level = silence.levels([sound])
    np.testing.assert_allclose(level[18:23], -10 * np.log10(5), atol=1e-3)
    np.testing.assert_array_equal(np.delete(level, slice(18, 23)), -120)
    assert len(silence.levels([])) == 0
    assert len(silence.levels([np.zeros(silence.STEP + 1, np.float32)])) == 2, "the rest counts too"


@pytest.mark.parametrize(
    ("loud", "floor", "expected"),
    [
        (-10.0, -90.0, -42.0),  # clean: 32 dB below speech
        (-10.0, -40.0, -34.0),  # a hum in the pauses: 6 dB above it
        (-10.0, -15.0, -28.0),  # all of it is loud: never nearer than 18 dB
        (-60.0, -100.0, -66.0),  # very quiet: the absolute bound
    ],
)
def test_the_threshold(loud: float, floor: float, expected: float) -> None:
    level = np.array([loud] * 50 + [floor] * 50)
    assert silence.threshold(level) == pytest.approx(expected)
    quiet = silence.silent(level)
    assert not quiet[:50].any()
    assert quiet[50:].all() == (floor < expected)


def test_nothing_is_silent_below_the_absolute_bound() -> None:
    assert silence.threshold(np.zeros(0)) == silence.ABSOLUTE_DB == -66


def test_how_long_silence_has_lasted() -> None:
    level = np.array([-90.0, -90, -10, -10, -90, -90, -90])
    np.testing.assert_allclose(silence.silent_for(level), np.array([1, 2, 0, 0, 1, 2, 3]) / 100)
