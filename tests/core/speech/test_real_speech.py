"""People who talk: what the shipped weights make of a recording of two speakers, against what a person marked in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech import audio, silence
from dnpm.core.speech.animate import Animation, animate, open_animator
from dnpm.core.speech.contact import opening
from dnpm.core.speech.controls import SPEAKING

JAW = ARKIT_NAMES.index("jawOpen")


@pytest.fixture(scope="module")
def sound(conversation_file: Path) -> audio.Sound:
    return audio.open_sound(conversation_file)


@pytest.fixture(scope="module")
def spoken(sound: audio.Sound, encoder_file: Path) -> Animation:
    return animate(sound, open_animator(None, encoder_file), fps=25.0)


def marked(times: np.ndarray, turns: list[tuple[float, float]], more: float = 0.0) -> np.ndarray:
    """Whether somebody speaks at each time; more: seconds around each turn."""
    return np.any([(times >= begin - more) & (times <= end + more) for begin, end in turns], axis=0)


def test_the_recording_is_what_was_expected(sound: audio.Sound, turns):
    assert (sound.rate, sound.channels) == (16000, 1)
    assert sound.seconds == pytest.approx(30, abs=0.1)
    assert len(turns) == 10
    assert turns[0][0] == pytest.approx(6.69)


def test_silence_is_where_nobody_speaks(sound: audio.Sound, turns):
    level = silence.levels(sound.blocks())
    times = np.arange(len(level)) / silence.LEVEL_RATE
    quiet, speech = silence.silent(level), marked(times, turns)
    outside = ~marked(times, turns, 0.3)
    assert outside.sum() > 500
    assert quiet[outside].mean() > 0.8, "the room and a telephone"
    assert quiet[speech].mean() < 0.25, "short pauses within a turn"


def test_the_mouth_moves_with_the_speech_and_rests_without(spoken: Animation, turns):
    track = spoken.track
    assert len(track.times) == 751
    assert track.expression.shape == (751, 52)
    assert track.expression.min() >= 0
    assert track.expression.max() <= 1
    speech, outside = marked(track.times, turns), ~marked(track.times, turns, 0.5)
    apart = opening(track.expression)
    assert apart[speech].std() > 0.03
    assert apart[speech].mean() > 5 * apart[outside].mean()
    assert np.percentile(track.expression[outside][:, SPEAKING], 80) < 0.02
    # Syllables: the jaw turns some 2 to 7 times a second while somebody speaks, and never jumps.
    jaw = track.expression[:, JAW]
    turning = np.diff(np.sign(np.diff(jaw[speech]))) != 0
    assert 2 < turning.sum() / (speech.sum() / 25) < 14
    assert np.abs(np.diff(jaw)).max() < 0.35


def test_louder_syllables_open_the_mouth(spoken: Animation, turns):
    """Over a quarter of a second, mouth opening follows the level of the sound, and is not earlier or later."""
    track = spoken.track
    inside = (track.times > 6.5) & (track.times < 29.5)
    level = np.interp(track.times, np.arange(len(spoken.level)) / 100, np.maximum(spoken.level, -60))
    level, apart = level[inside], opening(track.expression)[inside]
    lags = range(-12, 13)
    r = [np.corrcoef(np.roll(level, lag)[15:-15], apart[15:-15])[0, 1] for lag in lags]
    assert max(r) > 0.35
    assert abs(lags[int(np.argmax(r))]) <= 4, "within 0.16 s"


def test_a_part_of_it_speaks_as_the_whole_does(spoken: Animation, sound: audio.Sound, encoder_file: Path):
    part = animate(sound.part(9.0, 6.0), open_animator(None, encoder_file), fps=25.0)
    whole = opening(spoken.track.expression)[9 * 25 + 25 : 15 * 25 - 12]
    cut = opening(part.track.expression)[25 : 25 + len(whole)]
    assert np.corrcoef(whole, cut)[0, 1] > 0.9
