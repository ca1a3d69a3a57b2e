"""Emotions: their tables, what the command line writes, and strengths over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES, mirror_name
from dnpm.core.speech import emotions
from dnpm.core.speech.emotions import EMOTIONS, EmotionKey, key, parse, strengths_at, table

MIRROR = [ARKIT_NAMES.index(mirror_name(name)) for name in ARKIT_NAMES]


def row(name: str, side: float = 0.0) -> dict[str, float]:
    return dict(zip(ARKIT_NAMES, table(name, side), strict=True))


def test_each_emotion_has_its_muscles():
    assert min(row("joy")[n] for n in ("mouthSmileLeft", "cheekSquintRight", "eyeSquintLeft")) > 0.3
    assert min(row("anger")[n] for n in ("browDownLeft", "eyeSquintRight", "mouthPressLeft")) > 0.3
    assert min(row("sadness")[n] for n in ("browInnerUp", "mouthFrownLeft", "mouthShrugLower")) > 0.3
    assert min(row("fear")[n] for n in ("browInnerUp", "eyeWideLeft", "mouthStretchRight")) > 0.3
    assert min(row("disgust")[n] for n in ("noseSneerLeft", "mouthUpperUpRight")) > 0.3
    assert min(row("surprise")[n] for n in ("browInnerUp", "browOuterUpLeft", "eyeWideRight")) > 0.3
    assert row("surprise")["browDownLeft"] == row("joy")["mouthFrownLeft"] == row("anger")["mouthSmileLeft"] == 0
    for name in EMOTIONS:
        for side in (-1.0, 0.0, 1.0):
            assert 0 <= table(name, side).min() <= table(name, side).max() <= 1


def test_contempt_alone_is_one_sided():
    left, right = table("contempt", -1.0), table("contempt", 1.0)
    assert left[ARKIT_NAMES.index("mouthDimpleLeft")] > 2 * left[ARKIT_NAMES.index("mouthDimpleRight")]
    np.testing.assert_allclose(left, right[MIRROR], atol=1e-6)
    for name in set(EMOTIONS) - {"contempt"}:
        np.testing.assert_allclose(table(name, 1.0), table(name, 1.0)[MIRROR])


def test_what_the_command_line_says():
    first, second = parse(["anger@4.2", "joy:.5,Surprise:.25"])
    assert (first.time, second.time) == (0.0, 4.2)
    assert first.strengths == key(0, {"joy": 0.5, "surprise": 0.25}).strengths
    assert second.strengths[EMOTIONS.index("anger")] == emotions.USUAL_STRENGTH
    assert parse(["auto"])[0].auto == 1
    assert not any(parse(["neutral"])[0].strengths)
    assert parse([]) == ()
    for text in ("glee", "joy:2", "joy:x", "joy:.5@x", "", "joy:nan", "joy@nan"):
        with pytest.raises(DnpmError, match="emotion"):
            parse([text])
    with pytest.raises(DnpmError, match="8 strengths"):
        EmotionKey(0.0, (1.0,))


def test_strengths_change_smoothly_and_are_reached():
    keys = (key(0.0, {"joy": 1.0}), key(4.0, {"anger": 0.5}))
    times = np.arange(0, 8, 0.01)
    got = strengths_at(keys, times)
    joy, anger = got[:, EMOTIONS.index("joy")], got[:, EMOTIONS.index("anger")]
    assert (joy[times < 3.69] == 1).all()
    assert np.abs(joy[times > 4.31]).max() == 0
    assert joy[400] == pytest.approx(0.5, abs=0.02)
    assert anger[-1] == 0.5
    assert np.abs(np.diff(got, axis=0)).max() < 0.03
    np.testing.assert_array_equal(strengths_at((), times), 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_keys_at_every_frame_are_a_curve(seed: int):
    rng = np.random.default_rng(seed)
    at = np.arange(60) / 24
    values = 0.5 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.1, 0.8) * at)
    keys = tuple(key(t, {"fear": float(v)}) for t, v in zip(at, values, strict=True))
    got = strengths_at(keys, at + 0.5 / 24)[:-1, EMOTIONS.index("fear")]
    np.testing.assert_allclose(got, values[1:] * 0.5 + values[:-1] * 0.5, atol=0.08)
    assert np.corrcoef(got, values[:-1])[0, 1] > 0.98


def test_sad_and_contemptuous_eyes_stay_open(face_model):
    """By themselves they take a sixth of the lids' opening at most: gaze, accents and the head take their share too."""
    lids = [face_model.landmarks68[list(places)] for places in ((37, 38, 43, 44), (41, 40, 47, 46))]

    def opening(name: str, strength: float) -> float:
        values = dict(zip(ARKIT_NAMES, strength * table(name), strict=True))
        points = face_model.vertices(np.zeros(face_model.n_id, np.float32), face_model.expression(**values))
        return float((points[lids[0], 1] - points[lids[1], 1]).mean())

    for name in ("sadness", "contempt"):
        assert 0.83 < opening(name, 1.0) / opening(name, 0.0) < 0.98, "but they hang a little"
