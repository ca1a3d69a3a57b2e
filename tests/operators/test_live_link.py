"""Live Link Face's CSV in and out: the scene's frames, the head, a round trip, files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.capture.read import read_capture
from dnpm.core.capture.resample import resampled
from dnpm.core.capture.track import ROTATION_NAMES, CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.operators.scene import compat

JAW, SMILE = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthSmileLeft")


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two seconds at 60 a second, begun at ten past five; the jaw swings quickly, the head turns."""
    times = 5 * 3600 + 600 + np.arange(121) / 60
    expression = np.zeros((121, 52), np.float32)
    expression[:, JAW] = 0.5 + 0.5 * np.sin(40 * times)
    rotations = np.zeros((121, 9), np.float32)
    rotations[:, 0], rotations[:, 1] = 0.2 * np.sin(times), 0.1 * np.cos(times)
    write_live_link(tmp_path / "take.csv", CurveTrack(times, expression, (), rotations))
    return tmp_path / "take.csv"


def read_in(path: Path, **options) -> set[str]:
    return bpy.ops.dnpm.import_live_link("EXEC_DEFAULT", filepath=str(path), **options)


def jaw_curve(face) -> bpy.types.FCurve:
    (curve,) = [c for c in compat.curves_of(face.data.shape_keys.animation_data) if "jawOpen" in c.data_path]
    return curve


def test_every_line_at_the_captures_own_rate(backend, face, capture):
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start = 60, 11
    assert read_in(capture) == {"FINISHED"}
    wanted = read_capture(capture).track.expression[:, JAW]
    points = jaw_curve(face).keyframe_points
    assert len(points) == 121
    assert points[0].co[0] == 11
    assert np.allclose([point.co[1] for point in points], wanted, atol=1e-6)


def test_resampled_to_the_scene(backend, face, capture):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.001
    assert read_in(capture, start="FRAME", frame=5) == {"FINISHED"}
    track = read_capture(capture).track
    curve = jaw_curve(face)
    frames = np.array([point.co[0] for point in curve.keyframe_points])
    assert (frames[0], len(frames)) == (5, int(2 * 24 / 1.001) + 1)
    wanted = resampled(track, 24 / 1.001)[1][:, JAW]
    shown = np.array([point.co[1] for point in curve.keyframe_points])
    assert np.allclose(shown, wanted, atol=1e-6)
    plain = np.interp((frames - 5) * 1.001 / 24, track.times - track.times[0], track.expression[:, JAW])
    between = np.abs(shown - plain) < 2e-3
    assert between.mean() > 0.4
    assert (np.abs(shown - plain)[~between] < 0.5).all(), "peaks and valleys alone are moved to the nearest frame"
    assert (shown.min(), shown.max()) == pytest.approx((0, 1), abs=0.02)


@pytest.mark.parametrize(("fps", "base"), [(60, 1.0), (24, 1.001), (30, 1.0), (25, 1.0)])
def test_round_trip(backend, face, tmp_path, fps: int, base: float):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base, scene.frame_start, scene.frame_end = fps, base, 7, 60
    rng = np.random.default_rng(fps)
    values = rng.uniform(0, 1, (54, 2))
    blocks = face.data.shape_keys.key_blocks
    for frame, row in zip(range(7, 61), values, strict=True):
        for name, value in zip(("jawOpen", "mouthSmileLeft"), row, strict=True):
            blocks[name].value = value
            blocks[name].keyframe_insert("value", frame=frame)
    face.rotation_mode = "QUATERNION"
    scene.frame_set(20)
    first = tmp_path / "first.csv"
    assert bpy.ops.dnpm.export_live_link("EXEC_DEFAULT", filepath=str(first)) == {"FINISHED"}
    assert scene.frame_current == 20
    assert np.allclose(read_capture(first).track.expression[:, [JAW, SMILE]], values, atol=1e-5)
    assert read_in(first) == {"FINISHED"}
    second = tmp_path / "second.csv"
    assert bpy.ops.dnpm.export_live_link("EXEC_DEFAULT", filepath=str(second)) == {"FINISHED"}
    assert np.abs(read_capture(second).track.expression - read_capture(first).track.expression).max() <= 1e-4
    assert np.allclose(read_capture(second).track.times, read_capture(first).track.times, atol=1e-4)


@pytest.mark.parametrize("target", ["OBJECT", "EMPTY"])
def test_the_head_there_and_back(backend, face, capture, tmp_path, target: str):
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = 60, 121
    assert read_in(capture, head=target) == {"FINISHED"}
    out = tmp_path / "out.csv"
    assert bpy.ops.dnpm.export_live_link("EXEC_DEFAULT", filepath=str(out), head=target) == {"FINISHED"}
    assert np.allclose(read_capture(out).track.rotations, read_capture(capture).track.rotations, atol=1e-4)


def test_a_bone_turns_in_the_armatures_axes(backend, face, capture):
    data = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("head")
    bone.head, bone.tail, bone.roll = (0, 0.1, 0), (0.2, 0.1, 0.9), 0.7
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = face
    bpy.context.scene.render.fps = 60
    assert read_in(capture, head="BONE", armature="rig", bone="head") == {"FINISHED"}
    bpy.context.scene.frame_set(31)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["head"]
    turned = posed.matrix.to_quaternion() @ data.bones["head"].matrix_local.to_quaternion().inverted()
    yaw, pitch = read_capture(capture).track.rotations[30, :2]
    euler = turned.to_euler("YXZ")
    assert (euler.z, euler.x) == (pytest.approx(yaw, abs=1e-3), pytest.approx(pitch, abs=1e-3))


def test_a_track_in_seconds_without_some_columns(backend, face, tmp_path):
    (tmp_path / "a.csv").write_text("jawOpen,time\n0.5,1.00\n1.0,2.00\n")
    face.data.shape_keys.key_blocks["browInnerUp"].value = 0.3
    assert read_in(tmp_path / "a.csv") == {"FINISHED"}
    curves = compat.curves_of(face.data.shape_keys.animation_data)
    assert [curve.data_path for curve in curves] == ['key_blocks["jawOpen"].value']
    assert curves[0].keyframe_points[0].co[:] == (1.0, 0.5), "held from the sound's begin"
    assert curves[0].evaluate(1 + 36) == pytest.approx(0.75)
    assert face.data.shape_keys.key_blocks["browInnerUp"].value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("a.csv", "a,b\n1,2\n3,4\n", {}, "ARKit name"),
        ("a.csv", "", {}, "is empty"),
        ("none.csv", None, {}, "no such file"),
        ("a.csv", "time,jawOpen\n0.00,1\n0.04,0\n", {"head": "OBJECT"}, "no columns for the head"),
        ("a.csv", "time,jawOpen\n0,1\n1,0\n2,0\n", {}, "frame numbers.*Capture Rate"),
        ("a.csv", "time,jawOpen\n0.00,1\n0.04,0\n", {"rate": 60.0}, "its times give 25 frames per second, not 60"),
        ("a.csv", "time,jawOpen\n0.00,5\n0.04,0\n", {}, "reach 5.*Full Value"),
        ("a.csv", "time,cheekPuff\n0.00,1\n0.04,0\n", {}, "nothing moves"),
    ],
)
def test_bad_files(backend, face, tmp_path, name, text, options, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    before = len(bpy.data.actions), len(bpy.data.objects)
    with pytest.raises(RuntimeError, match=message):
        read_in(tmp_path / name, **options)
    assert (len(bpy.data.actions), len(bpy.data.objects)) == before
    data = face.data.shape_keys.animation_data
    assert data is None or data.action is None


def test_a_take_that_is_too_long(backend, face, tmp_path):
    lines = [f"{k / 25 + 590 * (k // 2):.2f},0.5" for k in range(20)]
    (tmp_path / "a.csv").write_text("time,jawOpen\n" + "\n".join(lines))
    with pytest.raises(RuntimeError, match="89 minutes long"):
        read_in(tmp_path / "a.csv")


def test_json_of_another_program_with_a_rate_that_is_given(backend, face, tmp_path, capfd):
    """One line says what was read; values beyond 0 to 1 are limited, and that is said too."""
    rows = [[1.5 * k / 9, 0.1] for k in range(10)]
    (tmp_path / "a.json").write_text(json.dumps({"facsNames": ["JawOpen", "eyeBlink_L"], "weightMat": rows}))
    with pytest.raises(RuntimeError, match=r"a\.json: it has no time column; .*Capture Rate"):
        read_in(tmp_path / "a.json")
    bpy.context.scene.render.fps = 30
    assert read_in(tmp_path / "a.json", rate=30.0) == {"FINISHED"}
    points = jaw_curve(face).keyframe_points
    assert np.allclose([point.co[1] for point in points], np.clip(np.arange(10) / 6, 0, 1), atol=1e-6)
    said = capfd.readouterr().out
    assert "a.json: Audio2Face JSON; 10 frames at 30 fps (given); 0.33 s; 2 of 52 channels" in said
    assert "Its values go from 0 to 1.5: limited to 0 to 1" in said


@pytest.mark.parametrize("operator", ["export_live_link", "bake_sequence"])
def test_a_face_that_is_deleted_on_the_way_is_named(backend, face, tmp_path, monkeypatch, operator):
    """While an operator goes through the frames a script, or a handler of another add-on, may remove the face."""
    from dnpm.operators.scene.detail import baked

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 9
    scene.frame_set(4)
    face.dnpm_sequence.folder = str(tmp_path / "maps")
    name, seen = face.name, []

    def removing(scene, depsgraph=None):
        seen.append(scene.frame_current)
        if len(seen) == 3:
            bpy.data.objects.remove(bpy.data.objects[name])

    monkeypatch.setattr(baked, "SLICE_S", 0.0)
    bpy.app.handlers.frame_change_post.append(removing)
    try:
        options = {"filepath": str(tmp_path / "a.csv")} if operator == "export_live_link" else {}
        with pytest.raises(RuntimeError, match=f"{name}: was deleted") as told:
            getattr(bpy.ops.dnpm, operator)("EXEC_DEFAULT", **options)
        assert "Traceback" not in str(told.value)
    finally:
        bpy.app.handlers.frame_change_post.remove(removing)
    assert scene.frame_current == 4
    assert not (tmp_path / "a.csv").exists()


def test_no_such_bone(backend, face, capture):
    before = len(bpy.data.actions)
    for armature, message in (("", "choose the armature"), (face.name, "has no bone")):
        with pytest.raises(RuntimeError, match=message):
            read_in(capture, head="BONE", armature=armature, bone="head")
    assert len(bpy.data.actions) == before


def test_rotations_are_written_in_their_columns(tmp_path):
    rotations = np.arange(18, dtype=np.float32).reshape(2, 9) / 20
    write_track(tmp_path / "a.csv", CurveTrack(np.arange(2.0), np.zeros((2, 52), np.float32), (), rotations))
    assert np.allclose(read_capture(tmp_path / "a.csv").track.rotations, rotations)
    assert ROTATION_NAMES[:3] == ("headYaw", "headPitch", "headRoll")
