"""Sets from videos: which stretches are kept, that lips and sound agree, what is left out and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.read import Capture
from dnpm.core.capture.track import CurveTrack
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.audio import RATE
from dnpm.core.training.speech.captures import read_takes
from dnpm.core.video import collecting
from dnpm.core.video.collecting import Found, agreement_of, collect, line_of, pieces
from dnpm.core.video.performance import Performance

SECONDS, FPS = 8.0, 25.0


def loudness(times: np.ndarray) -> np.ndarray:
    """Syllables, and a pause in the middle."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * 2 * times)) * (np.abs(times - 4) > 0.8)


@pytest.fixture
def samples() -> np.ndarray:
    times = np.arange(round(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(1).normal(0, 0.1, len(times))
    return (noise * (loudness(times) + 0.001)).astype(np.float32)


@pytest.fixture
def made() -> Performance:
    times = np.arange(round(SECONDS * FPS)) / FPS
    expression = np.zeros((len(times), 52), np.float32)
    expression[:, ARKIT_NAMES.index("jawOpen")] = 0.4 * loudness(times)
    track = CurveTrack(times, expression, ("tongueOut",), np.zeros((len(times), 9), np.float32))
    capture = Capture("a.mp4", "video", track, FPS, "", 51, (0.0, 0.4), (), ())
    confidence = np.ones(len(times))
    turn = np.tile(np.eye(3), (len(times), 1, 1))
    return Performance(
        capture, confidence, (), np.zeros(3), 5, turn, np.zeros((len(times), 3)), 500.0, (64, 48), (), 0.0
    )


def test_lips_that_move_with_the_sound(made, samples) -> None:
    own = agreement_of(made.track, samples, 0.0)
    assert own is not None
    assert own > 0.6
    other = agreement_of(made.track, samples[::-1].copy(), 0.37)
    assert other is not None
    assert other < own
    assert agreement_of(made.track, np.zeros_like(samples), 0.0) is None
    still = replace(made.track, expression=np.zeros_like(made.track.expression))
    assert agreement_of(still, samples, 0.0) is None


def test_stretches_that_are_kept(made) -> None:
    assert pieces(made, 0.0, 8.0) == [(0.0, 8.0)]
    made.confidence[100:110] = 0.2
    made.confidence[150:] = 0.0
    # What follows the gap is too short, and before the sound begins nothing is kept.
    assert pieces(made, 0.5, 8.0) == [(0.5, 4.0)]
    long = replace(made, confidence=np.ones(len(made.confidence)))
    assert len(pieces(long, 0.0, 8.0)) == 1


def test_what_is_written_is_read_by_the_speech_set(made, samples, tmp_path: Path) -> None:
    collecting._write(tmp_path, "a_00", made, samples, 0.0, 2.0, 6.0)
    takes, skipped = read_takes(tmp_path)
    assert not skipped
    assert [take.name for take in takes] == ["a_00"]
    assert len(takes[0].track.times) == 100
    assert takes[0].track.times[0] == 0
    inside = made.track.expression[50:150]
    np.testing.assert_allclose(takes[0].track.expression, inside, atol=1e-5)
    from dnpm.core.speech.audio import load

    np.testing.assert_allclose(load(takes[0].sound), samples[2 * RATE : 6 * RATE], atol=1e-3)


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match="no such folder of videos"):
        next(collect(tmp_path / "none", tmp_path / "out", None))  # type: ignore[arg-type]
    (tmp_path / "a.txt").write_text("not a video")
    with pytest.raises(DnpmError, match="holds no video"):
        next(collect(tmp_path, tmp_path / "out", None))  # type: ignore[arg-type]


def test_lines() -> None:
    assert line_of(Found("a.mp4", reason="has no sound")) == "a.mp4: left out: has no sound"
    kept = Found("b.mp4", 9.0, [[0.0, 4.0], [5.0, 8.0]], confidence=0.9, agreement=0.5)
    assert line_of(kept).startswith("b.mp4: 7.0 of 9.0 s in 2 pieces")
