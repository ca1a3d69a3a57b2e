"""Animate from Audio: keyframes where and when they belong, layers, the sequencer, Esc, bad input."""

from __future__ import annotations

import wave
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.backend.requests import SpeechOpen
from dnpm.operators.animate import LONGEST_S
from dnpm.operators.scene import compat
from dnpm.operators.scene.motion import apply_curves, head, sounds

JAW = 'key_blocks["jawOpen"].value'


@pytest.fixture
def sound(tmp_path: Path) -> str:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((3000 * np.sin(np.arange(24000))).astype("<i2").tobytes())
    return str(tmp_path / "a.wav")


@pytest.fixture
def speech(face, sound):
    """The face's settings, the sound chosen; keys at every frame."""
    group = face.dnpm_speech
    group.sound, group.tolerance, group.add_sound = sound, 0.0, False
    return group


def curves(owner) -> dict[str, bpy.types.FCurve]:
    return {f"{c.data_path}[{c.array_index}]": c for c in compat.curves_of(owner.animation_data)}


def keys(curve) -> np.ndarray:
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2)


def animate(**options) -> set[str]:
    return bpy.ops.dnpm.animate_from_audio(**options)


def scene_state() -> tuple:
    """What must not change when nothing was made."""
    counts = tuple(
        len(getattr(bpy.data, kind)) for kind in ("actions", "objects", "scenes", "sounds", "images", "textures")
    )
    scene = bpy.context.scene
    key = bpy.context.object.data.shape_keys
    data = key.animation_data
    action = data.action.name if data is not None and data.action else ""
    tracks = len(data.nla_tracks) if data is not None else 0
    strips = len(compat.sequences(scene.sequence_editor)) if scene.sequence_editor else None
    return counts, action, tracks, strips, scene.frame_current, [block.value for block in key.key_blocks]


def test_keyframes_at_the_scenes_frames(backend, face, speech):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base, scene.frame_start = 24, 1.001, 10
    assert animate() == {"FINISHED"}
    found = keys(curves(face.data.shape_keys)[f"{JAW}[0]"])
    fps = 24 / 1.001
    assert found[0, 0] == 10
    assert len(found) == int(np.ceil(3 * fps)) + 1
    assert (np.diff(found[:, 0]) == 1).all()
    assert np.allclose(found[:, 1], 0.5 + 0.5 * np.sin(6 * np.arange(len(found)) / fps), atol=1e-5)
    assert backend.speech.fps == pytest.approx(fps)
    scene.frame_set(30)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(found[20, 1], abs=1e-5)
    rest = keys(curves(face.data.shape_keys)['key_blocks["mouthSmileLeft"].value[0]'])
    assert rest.tolist() == [[10.0, 0.0]], "what rests has one key"


@pytest.mark.parametrize(("start", "frame", "expected"), [("CURRENT", 1, 7), ("FRAME", -5, -5), ("SCENE", 1, 1)])
def test_start(backend, face, speech, start: str, frame: int, expected: int):
    bpy.context.scene.frame_set(7)
    speech.start, speech.frame = start, frame
    assert animate() == {"FINISHED"}
    assert keys(curves(face.data.shape_keys)[f"{JAW}[0]"])[0, 0] == expected


def test_an_offset_between_two_frames(backend, face, speech):
    speech.offset = 0.05  # 1.2 frames of 24 a second
    assert animate() == {"FINISHED"}
    found = keys(curves(face.data.shape_keys)[f"{JAW}[0]"])
    assert found[0, 0] == 3
    assert backend.speech.first == pytest.approx(0.8 / 24, abs=1e-5)
    assert found[0, 1] == pytest.approx(0.5 + 0.5 * np.sin(6 * 0.8 / 24), abs=1e-4)


def test_thinned_within_the_tolerance(backend, face, speech):
    assert animate() == {"FINISHED"}
    every = keys(curves(face.data.shape_keys)[f"{JAW}[0]"])
    speech.tolerance = 0.02
    assert animate() == {"FINISHED"}
    curve = curves(face.data.shape_keys)[f"{JAW}[0]"]
    assert 4 < len(curve.keyframe_points) < 0.5 * len(every)
    assert max(abs(curve.evaluate(frame) - value) for frame, value in every) <= 0.02 + 1e-5
    assert len(keys(curves(face.data.shape_keys)['key_blocks["browInnerUp"].value[0]'])) == 2


def test_the_former_action_is_kept(backend, face, speech):
    face.data.shape_keys.key_blocks["browInnerUp"].keyframe_insert("value", frame=1)
    before = face.data.shape_keys.animation_data.action
    assert animate() == {"FINISHED"}
    assert face.data.shape_keys.animation_data.action != before
    assert before.use_fake_user


def test_a_layer_moves_what_it_has_and_leaves_the_rest(backend, face, speech):
    key = face.data.shape_keys
    for name, value in (("mouthSmileLeft", 0.7), ("jawOpen", 0.9)):
        key.key_blocks[name].value = value
        key.key_blocks[name].keyframe_insert("value", frame=1)
    speech.target = "LAYER"
    assert animate() == {"FINISHED"}
    data = key.animation_data
    assert data.action is None
    assert [len(track.strips) for track in data.nla_tracks] == [1, 1]
    bpy.context.scene.frame_set(20)
    assert key.key_blocks["jawOpen"].value == pytest.approx(0.5 + 0.5 * np.sin(6 * 19 / 24), abs=1e-4)
    assert key.key_blocks["mouthSmileLeft"].value == pytest.approx(0.7)
    bpy.context.scene.frame_set(500)
    assert key.key_blocks["jawOpen"].value == pytest.approx(0.9), "after the speech what lies below moves it again"


def test_head(backend, face, speech):
    face.rotation_euler = (0.0, 0.0, 0.5)
    speech.head = "OBJECT"
    assert animate() == {"FINISHED"}
    bpy.context.scene.frame_set(25)
    assert tuple(face.rotation_euler) == pytest.approx((0, 0, 0.5 + 0.1 * np.sin(1)), abs=1e-4)
    speech.head = "EMPTY"
    for _ in range(2):
        assert animate() == {"FINISHED"}
    (empty,) = [obj for obj in bpy.data.objects if obj.type == "EMPTY"]
    assert empty.animation_data.action is not None or len(empty.animation_data.nla_tracks)
    speech.head = "NONE"
    assert animate() == {"FINISHED"}
    assert backend.speech.controls.head_life == 0


def test_turns_there_and_back():
    rotations = np.zeros((5, 9), np.float32)
    rotations[:, :3] = np.random.default_rng(0).uniform(-0.6, 0.6, (5, 3))
    assert np.allclose(head.angles(head.quaternions(rotations)), rotations, atol=1e-6)
    yaw, pitch, roll = (head.quaternions(np.eye(9, dtype=np.float32)[k : k + 1] * 0.1)[0] for k in range(3))
    from mathutils import Vector

    nose, left_ear = Vector((0, -1, 0)), Vector((1, 0, 0))
    assert (yaw @ nose).x > 0.09, "to the subject's left"
    assert (pitch @ nose).z < -0.09, "down"
    assert (roll @ left_ear).z > 0.09, "up"


@pytest.mark.skipif(not bpy.app.build_options.audaspace or bpy.app.version < (4, 3), reason="bpy without sound")
def test_sequencer(backend, face, speech, sound):
    scene = bpy.context.scene
    scene.frame_start = 5
    speech.add_sound, speech.skip = True, 0.5
    assert animate() == {"FINISHED"}
    (strip,) = compat.sequences(scene.sequence_editor)
    assert compat.strip_value(strip, "left_handle") == 5
    assert scene.frame_end >= compat.strip_value(strip, "right_handle") - 1
    assert backend.speech.begin == pytest.approx(0.5)

    compat.set_strip(strip, "left_handle", 11)
    compat.set_strip(strip, "duration", 24)
    compat.set_strip(strip, "content_start", compat.strip_value(strip, "content_start") + 100)
    speech.source = "STRIP"
    assert animate() == {"FINISHED"}
    assert backend.speech.begin == pytest.approx(0.75, abs=1e-4)
    assert backend.speech.seconds == pytest.approx(1.0)
    assert Path(backend.speech.path) == Path(sound)
    assert keys(curves(face.data.shape_keys)[f"{JAW}[0]"])[0, 0] == 111
    assert len(compat.sequences(scene.sequence_editor)) == 1, "it is there already"

    strip.select = True
    second = compat.sequences(scene.sequence_editor).new_sound("b", sound, 7, 160)
    second.select = True
    backend.submitted.clear()
    speech.head = "OBJECT"
    assert animate() == {"FINISHED"}
    assert sum(isinstance(request, SpeechOpen) for request in backend.submitted) == 2
    found = keys(curves(face.data.shape_keys)[f"{JAW}[0]"])
    assert (found[0, 0], found[-1, 0]) == (111, 160 + 72)
    assert found[found[:, 0] == 150, 1] == 0, "between the two the mouth is shut"
    compat.sequences(scene.sequence_editor).remove(second)

    strip.sound.pack()
    assert animate() == {"FINISHED"}
    assert Path(backend.speech.path).name.startswith("dnpm-sound-")
    assert not Path(backend.speech.path).exists()
    strip.select, scene.sequence_editor.active_strip = False, None
    with pytest.raises(RuntimeError, match="no sound strip is selected"):
        animate()


@pytest.mark.skipif(not bpy.app.build_options.audaspace or bpy.app.version < (4, 3), reason="bpy without sound")
def test_a_strip_that_was_cut_out_of_a_strip_keeps_its_place_in_the_file(backend, face, speech, sound):
    """Cut twice, the sound's first half second and its last are gone; what a strip shows is where it begins."""
    scene = bpy.context.scene
    strips = compat.sequences(scene.sequence_editor_create())
    whole = strips.new_sound("a", sound, 3, 21)
    fps = sounds.fps_of(scene)
    assert compat.strip_value(whole, "duration") == pytest.approx(3 * fps, abs=1)
    rest = whole.split(frame=21 + 12, split_method="SOFT")
    middle = rest.split(frame=21 + 30, split_method="SOFT")
    last = middle.split(frame=21 + 60, split_method="SOFT")
    chosen = [whole, rest, middle, last]
    begins = []
    for strip in chosen:
        for other in chosen:
            other.select = other == strip
        (source,) = sounds.from_strips(bpy.context)
        assert source.frame == compat.strip_value(strip, "left_handle")
        assert source.seconds == pytest.approx(compat.strip_value(strip, "duration") / fps)
        begins.append(source.begin * fps)
    assert begins == pytest.approx([0, 12, 30, 60], abs=1e-3)
    # A part that is put into the sequencer is taken from there at the same place, whatever is cut off it then.
    sequencer = sounds.Source(sound, 0.5, 1.5)
    for strip in chosen:
        strip.select = False
    sounds.add_strip(scene, sequencer, 200)
    (part,) = (strip for strip in strips if compat.strip_value(strip, "left_handle") == 200)
    tail = part.split(frame=206, split_method="SOFT")
    part.select, tail.select = False, True
    (source,) = sounds.from_strips(bpy.context)
    assert source.begin == pytest.approx(0.5 + 6 / fps, abs=1e-4)
    assert source.seconds == pytest.approx(1.5 - 6 / fps, abs=1e-4)
    compat.set_strip(tail, "content_trim_start", 3)
    (source,) = sounds.from_strips(bpy.context)
    assert source.begin == pytest.approx(0.5 + 9 / fps, abs=1e-4)


def test_sound_that_cannot_be_added_is_told(backend, face, speech, monkeypatch, capfd):
    def refuse(*_: object):
        raise sounds.DnpmError("the sound was not added")

    monkeypatch.setattr(sounds, "add_strip", refuse)
    speech.add_sound = True
    assert animate() == {"FINISHED"}
    assert len(curves(face.data.shape_keys)) == 4


@pytest.mark.parametrize("trouble", ["backend", "none", "long", "late"])
def test_nothing_changes_when_it_fails(backend, face, speech, trouble: str, monkeypatch):
    speech.head, speech.add_sound = "EMPTY", False
    before = scene_state()
    if trouble == "backend":
        backend.error = "a.wav: is not a valid sound that can be read"
    elif trouble == "none":
        speech.sound = " "
    elif trouble == "long":
        backend.sound_s = LONGEST_S + 60
    else:
        face.rotation_mode = "AXIS_ANGLE"
        speech.head = "OBJECT"
    message = {
        "backend": "is not a valid sound",
        "none": "choose a sound file",
        "long": "choose a part",
        "late": "Euler",
    }
    with pytest.raises(RuntimeError, match=message[trouble]):
        animate()
    assert scene_state() == before
    if trouble == "long":
        assert backend.ended


def test_a_file_given_wins(backend, face, speech, tmp_path):
    assert animate(filepath=str(tmp_path / "b.wav")) == {"FINISHED"}
    assert backend.speech.path == str(tmp_path / "b.wav")


def test_drivers_win_and_that_is_told(backend, face, speech):
    face.data.shape_keys.key_blocks["jawOpen"].driver_add("value")
    from dnpm.operators.scene.face import models

    assert apply_curves.driven(face, models.model_of(face)) == ["jawOpen"]
    assert animate() == {"FINISHED"}


class Modal:
    """What a window would do with the running operator."""

    def __init__(self) -> None:
        self.progress: list[float] = []
        self.text: object = ""

    def __getattr__(self, name: str):
        return lambda *args, **options: self.progress.append(args[0]) if name == "progress_update" else self


class Context:
    def __init__(self, manager: Modal) -> None:
        self.window_manager = self.workspace = manager
        self.window = None
        self.scene, self.active_object = bpy.context.scene, bpy.context.object


class Event:
    def __init__(self, kind: str) -> None:
        self.type, self.value = kind, "PRESS"


def modal_operator(monkeypatch):
    """The operator's methods, without Blender's wrapping."""
    from dnpm.operators.animate import DNPM_OT_animate_from_audio
    from dnpm.operators.long import BackgroundOperator

    class Bare(BackgroundOperator):
        bl_label = "Animate from Audio"
        filepath = ""
        work = DNPM_OT_animate_from_audio.work
        _listen = DNPM_OT_animate_from_audio._listen
        _write_keyframes = DNPM_OT_animate_from_audio._write_keyframes
        _warn = DNPM_OT_animate_from_audio._warn

        def __init__(self) -> None:
            self.told: list[str] = []

        def report(self, kind: set[str], text: str) -> None:
            self.told.append(text)

    monkeypatch.setattr(compat, "in_background", lambda: False)
    return Bare()


def test_modal_to_the_end(backend, face, speech, monkeypatch):
    operator, manager = modal_operator(monkeypatch), Modal()
    context = Context(manager)
    before = scene_state()
    assert operator.start(context) == {"RUNNING_MODAL"}
    assert not bpy.ops.dnpm.animate_from_audio.poll(), "one at a time"
    results = []
    while not results or results[-1] == {"PASS_THROUGH"}:
        assert scene_state() == before, "nothing changes on the way"
        results.append(operator.modal(context, Event("TIMER")))
    assert results[-1] == {"FINISHED"}
    assert manager.progress == sorted(manager.progress)
    assert "of speech" in operator.told[-1]
    assert len(curves(face.data.shape_keys)) == 4
    assert bpy.ops.dnpm.animate_from_audio.poll()


def test_esc_leaves_the_scene_as_it_was(backend, face, speech, monkeypatch):
    operator, context = modal_operator(monkeypatch), Context(Modal())
    before = scene_state()
    operator.start(context)
    assert operator.modal(context, Event("TIMER")) == {"PASS_THROUGH"}
    assert operator.modal(context, Event("MOUSEMOVE")) == {"PASS_THROUGH"}
    assert operator.modal(context, Event("ESC")) == {"CANCELLED"}
    assert scene_state() == before
    assert len(backend.ended) == 1, "the worker is told"
    assert bpy.ops.dnpm.animate_from_audio.poll()


def test_a_face_deleted_meanwhile(backend, face, speech, monkeypatch):
    operator, context = modal_operator(monkeypatch), Context(Modal())
    operator.start(context)
    bpy.data.objects.remove(face)
    results = [{"PASS_THROUGH"}]
    while results[-1] == {"PASS_THROUGH"}:
        results.append(operator.modal(context, Event("TIMER")))
    assert results[-1] == {"CANCELLED"}
    assert "was deleted" in operator.told[-1]
