"""The emotion of a face that speaks: chosen, mixed, keyed over time; and the one set of defaults."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from dnpm.core.speech.controls import USUAL
from dnpm.core.speech.emotions import EMOTIONS
from dnpm.operators.scene import compat, names


@pytest.fixture
def speech(face, tmp_path: Path):
    """The face's settings, a sound chosen."""
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(48000))
    group = face.dnpm_speech
    group.sound, group.add_sound = str(tmp_path / "a.wav"), False
    return group


def animate() -> set[str]:
    return bpy.ops.dnpm.animate_from_audio()


def strengths(key) -> dict[str, float]:
    return {name: value for name, value in zip((*EMOTIONS, "auto"), key.strengths, strict=True) if value}


def test_an_emotion_is_chosen_and_mixed(backend, face, speech):
    animate()
    assert backend.speech.controls.emotions == ()
    assert backend.speech.controls == replace(USUAL, head_life=0.0)  # One set of defaults; nothing turns.
    speech.emotion, speech.emotion_strength = "ANGER", 0.4
    animate()
    (only,) = backend.speech.controls.emotions
    assert strengths(only) == {"anger": pytest.approx(0.4)}
    speech.emotion = "AUTO"
    animate()
    assert strengths(backend.speech.controls.emotions[0]) == {"auto": pytest.approx(0.4)}
    speech.emotion, speech.joy, speech.surprise = "MIXED", 0.5, 0.25
    animate()
    assert strengths(backend.speech.controls.emotions[0]) == {"joy": 0.5, "surprise": 0.25}


def test_keyframes_of_the_emotion_are_read(backend, face, speech):
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    speech.emotion = "FEAR"
    for frame, value in ((11, 0.0), (31, 1.0)):
        speech.emotion_strength = value
        face.keyframe_insert(f"{names.SPEECH}.emotion_strength", frame=frame)
    speech.emotion_strength, speech.start, speech.frame = 0.3, "FRAME", 11
    animate()
    keys = backend.speech.controls.emotions
    assert keys[0].time == pytest.approx(0, abs=1e-6)
    assert not strengths(keys[0])
    assert keys[-1].time == pytest.approx(20 / fps)
    assert strengths(keys[-1]) == {"fear": 1.0}
    half = min(keys, key=lambda key: abs(key.time - 10 / fps))
    assert strengths(half)["fear"] == pytest.approx(0.5, abs=0.05)
    for frame, value in ((11, "FEAR"), (21, "JOY")):
        speech.emotion = value
        face.keyframe_insert(f"{names.SPEECH}.emotion", frame=frame)
    animate()
    keys = backend.speech.controls.emotions
    assert set(strengths(keys[3])) == {"fear"}
    assert strengths(keys[-1]) == {"joy": 1.0}
    assert len(compat.curves_of(face.animation_data)) == 2, "the emotion's keyframes stay the face's own"
