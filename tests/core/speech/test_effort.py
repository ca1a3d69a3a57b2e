"""A voice that is raised opens the mouth wider; a microphone that comes nearer, a question and a fast jump do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.contact import opening
from dnpm.core.speech.effort import effort, raised
from dnpm.core.speech.prosody import Prosody, ProsodyMeter

RATE = 16000
COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}


def voice(decibels: float, tones: float) -> Prosody:
    """Nine seconds of syllables at 120 Hz, of which the middle two are louder and higher by so much."""
    times = np.arange(9 * RATE) / RATE
    shout = (times > 4) & (times < 6)
    hertz = 120.0 * 2 ** (tones * shout / 12) * (1 + 0.05 * np.sin(2 * np.pi * 0.7 * times))
    loud = (0.6 + 0.4 * np.sin(2 * np.pi * 4 * times)) * 10 ** (decibels * shout / 20)
    loud[(times > 3.6) & (times < 4)] = 0
    loud[(times > 6) & (times < 6.4)] = 0
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    meter = ProsodyMeter()
    meter.add((0.02 * loud * sum(np.sin(k * phase) / k for k in range(1, 9))).astype(np.float32))
    return meter.measured()


def inside(values: np.ndarray) -> np.ndarray:
    return values[440:560]


def test_a_shout_is_heard_where_it_is() -> None:
    found = effort(voice(16.0, 10.0))
    assert inside(found).mean() > 0.8
    assert found[:380].max() < 0.1
    assert found[660:].max() < 0.1
    assert 0.1 < inside(effort(voice(10.0, 5.0))).mean() < 0.7


@pytest.mark.parametrize(("decibels", "tones"), [(16.0, 0.0), (0.0, 10.0), (-12.0, -5.0), (3.0, 2.0)])
def test_louder_or_higher_alone_is_none(decibels: float, tones: float) -> None:
    assert effort(voice(decibels, tones)).max() < 0.1


def test_nothing_is_no_effort() -> None:
    none = np.zeros(0, np.float32)
    assert len(effort(Prosody(none, none, none, none, 0.0))) == 0
    silent = np.full(100, -120, np.float32)
    assert not effort(Prosody(silent, np.full(100, np.nan, np.float32), 0 * silent, 0 * silent, 0.0)).any()


def test_a_voice_that_stays_an_octave_higher_is_no_error_of_an_octave() -> None:
    found = voice(16.0, 11.0)
    assert abs(np.nanmedian(inside(found.pitch))) < 2, "the pitch is folded, as errors of an octave are"
    assert inside(effort(found)).mean() > 0.8
    assert found.folded is not None
    single = replace(found, folded=found.folded * (np.arange(len(found.folded)) % 4 == 0))
    assert inside(effort(single)).mean() < 0.3, "one in four is one"


def test_the_mouth_opens_wider_and_lips_that_meet_still_do() -> None:
    curves = np.zeros((3, 52), np.float32)
    curves[:, COLUMN["jawOpen"]] = 0.4
    curves[1:, COLUMN["mouthClose"]] = 0.4
    got = raised(curves, np.array([1.0, 1.0, 0.0]))
    assert got[0, COLUMN["jawOpen"]] == pytest.approx(0.6)
    assert opening(got[1:2])[0] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_array_equal(got[2], curves[2])
