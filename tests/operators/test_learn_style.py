"""Learn Style: which take and which part of the sound are sent, what is refused, Esc, the Style list."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.backend.style_requests import StyleEnd, StyleOpen
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.operators import learn_style
from dnpm.operators.properties.speech import learnt_styles
from dnpm.operators.scene import settings
from dnpm.operators.scene.face import models
from dnpm.operators.scene.motion import apply_curves

JAW = ARKIT_NAMES.index("jawOpen")


@pytest.fixture
def styles(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "styles_folder", lambda: tmp_path / "styles")
    return tmp_path / "styles"


@pytest.fixture
def taken(face, styles, tmp_path):
    """A face with 30 s of keyframes from frame 5 on, at 10 frames a second, and a sound that begins at frame 1."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base, scene.frame_start = 10, 1.0, 1
    frames = np.arange(5, 306)
    values = np.zeros((len(frames), 52), np.float32)
    values[:, JAW] = 0.5 + 0.5 * np.sin(frames / 7)
    apply_curves.key_expression(face, models.model_of(face), "take", frames, values, 0.0, layered=False)
    group = face.dnpm_speech
    (tmp_path / "take.wav").write_bytes(b"")
    group.sound, group.skip = str(tmp_path / "take.wav"), 2.0
    group.style_name, group.style_licence = "ann", "ours"
    return face, values


def test_keyframes_beside_the_sound_are_sent(backend, taken, styles):
    face, values = taken
    assert bpy.ops.dnpm.learn_style() == {"FINISHED"}
    (asked,) = [request for request in backend.submitted if isinstance(request, StyleOpen)]
    assert (asked.name, asked.licence, asked.out) == ("ann", "ours", str(styles))
    assert asked.begin == pytest.approx(2.4), "two seconds are skipped, the keyframes begin at the fifth frame"
    assert asked.times[0] == 0
    assert asked.times[-1] == pytest.approx(30.0)
    np.testing.assert_allclose(asked.expression[:, JAW], values[:, JAW], atol=1e-5)
    assert list(learnt_styles()) == ["ann"]
    assert face.dnpm_speech.speaker == "ann"
    assert bpy.context.scene.frame_current == 1


def test_a_capture_is_sent_by_its_path(backend, taken, tmp_path):
    face, _ = taken
    face.dnpm_speech.style_take, face.dnpm_speech.style_capture = "FILE", str(tmp_path / "take.csv")
    assert bpy.ops.dnpm.learn_style() == {"FINISHED"}
    (asked,) = [request for request in backend.submitted if isinstance(request, StyleOpen)]
    assert (asked.capture, asked.begin, asked.times) == (str(tmp_path / "take.csv"), 2.0, None)


def test_what_is_missing_is_said(backend, taken, face):
    group = face.dnpm_speech
    cases = [
        ({"style_licence": " "}, "under which terms"), ({"style_name": ""}, "not a name"),
        ({"style_take": "FILE"}, "choose the capture"), ({"length": 5.0}, "at least 20 s"),
        ({"offset": 8.0, "length": 25.0}, None),
    ]  # fmt: skip
    for change, said in cases:
        before = {key: getattr(group, key) for key in change}
        for key, value in change.items():
            setattr(group, key, value)
        if said is None:
            assert bpy.ops.dnpm.learn_style() == {"FINISHED"}
        else:
            with pytest.raises(RuntimeError, match=said):
                bpy.ops.dnpm.learn_style()
        for key, value in before.items():
            setattr(group, key, value)
    with pytest.raises(RuntimeError, match="exists: choose another name"):
        bpy.ops.dnpm.learn_style()
    assert bpy.ops.dnpm.learn_style(replace=True) == {"FINISHED"}
    face.data.shape_keys.animation_data_clear()
    with pytest.raises(RuntimeError, match="no keyframes move it"):
        bpy.ops.dnpm.learn_style(replace=True)
    assert sum(isinstance(request, StyleOpen) for request in backend.submitted) == 2


def test_what_the_worker_says_is_shown(backend, taken, styles):
    backend.error = "take: all of its columns are 0"
    with pytest.raises(RuntimeError, match="all of its columns"):
        bpy.ops.dnpm.learn_style()
    assert not learnt_styles()


def test_esc_leaves_nothing(backend, taken, styles):
    face, _ = taken
    operator = type("Learn", (), {"replace": False, "report": lambda *_: None})()
    work = learn_style.DNPM_OT_learn_style.work
    operator._learn = lambda *given: learn_style.DNPM_OT_learn_style._learn(operator, *given)
    going = work(operator, bpy.context, face)
    while not any(isinstance(request, StyleOpen) for request in backend.submitted):
        next(going)
    next(going)
    going.close()
    assert isinstance(backend.submitted[-1], StyleEnd)
    assert not learnt_styles()
    assert face.dnpm_speech.speaker == ""
