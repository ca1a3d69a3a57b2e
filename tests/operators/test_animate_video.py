"""Animate from Video: keyframes, head and eyes, sound and camera where they belong; Esc, lost faces, bad input."""

from __future__ import annotations

from pathlib import Path

import av
import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from dnpm.core.backend.requests import TaskEnded
from dnpm.core.backend.video_requests import (
    VideoCurves,
    VideoEnd,
    VideoOpen,
    VideoOpened,
    VideoStep,
    VideoStepped,
)
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.units import to_blender
from dnpm.core.video.pose import rotation_of_angles
from dnpm.operators.animate_video import _rate
from dnpm.operators.scene import compat

JAW = 'key_blocks["jawOpen"].value'
FPS, COUNT = 25.0, 50


def performance(**changed) -> VideoCurves:
    """Two seconds: a jaw that opens, a head that turns to the subject's left, eyes that look there."""
    times = np.arange(COUNT) / FPS
    expression = np.zeros((COUNT, 52), np.float32)
    expression[:, ARKIT_NAMES.index("jawOpen")] = times / 2
    rotations = np.zeros((COUNT, 9), np.float32)
    rotations[:, 0], rotations[:, 3], rotations[:, 6] = 0.2 * times, 0.1, 0.1
    translation = np.tile(np.array([20.0, -10.0, 800.0], np.float32), (COUNT, 1))
    given = {
        "times": times, "expression": expression, "rotations": rotations, "confidence": np.ones(COUNT, np.float32),
        "lost": (), "identity": np.array([0.5, -1.0, 0.25], np.float32), "translation": translation, "focal": 500.0,
        "width": 64, "height": 48, "sound_s": 0.1, "even": True, "fps": FPS, "line": "a video",
    }  # fmt: skip
    return VideoCurves(**(given | changed))


@pytest.fixture
def video(backend, tmp_path: Path, monkeypatch) -> dict:
    """What the worker is asked, and what it answers; a real movie for the camera's background."""
    state: dict = {"made": performance(), "steps": 0, "ended": 0, "path": str(tmp_path / "clip.mp4")}
    with av.open(state["path"], "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(COUNT):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * k, np.uint8), format="rgb24")))
        out.mux(stream.encode())

    def opened(client, request: VideoOpen) -> VideoOpened:
        state["asked"], state["steps"] = request, 0
        return VideoOpened(seconds=state.get("seconds", 2.0))

    def stepped(client, request: VideoStep) -> VideoStepped:
        state["steps"] += 1
        done = state["steps"] >= 3
        return VideoStepped(share=state["steps"] / 3, curves=state["made"] if done else None)

    def ended(client, request: VideoEnd) -> TaskEnded:
        state["ended"] += 1
        return TaskEnded()

    answers = {**type(backend)._answers, VideoOpen: opened, VideoStep: stepped, VideoEnd: ended}
    monkeypatch.setattr(type(backend), "_answers", answers)
    return state


@pytest.fixture
def scene(face):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    return scene


def animate(video: dict, **options) -> set[str]:
    given = {"filepath": video["path"], "tolerance": 0.0, "add_sound": False, "add_camera": False} | options
    return bpy.ops.dnpm.animate_from_video(**given)


def curves(owner) -> dict[str, np.ndarray]:
    result = {}
    for curve in compat.curves_of(owner.animation_data):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        result[f"{curve.data_path}[{curve.array_index}]"] = points.reshape(-1, 2)
    return result


def state_of_file() -> tuple:
    kinds = ("actions", "objects", "cameras", "images", "sounds")
    return tuple(len(getattr(bpy.data, kind)) for kind in kinds), bpy.context.scene.camera


def test_keyframes_have_the_videos_times(video, scene, face):
    assert animate(video, start="FRAME", frame=11) == {"FINISHED"}
    jaw = curves(face.data.shape_keys)[f"{JAW}[0]"]
    assert jaw[:, 0].tolist() == list(range(11, 11 + COUNT))
    np.testing.assert_allclose(jaw[:, 1], np.arange(COUNT) / FPS / 2, atol=1e-5)
    assert 'key_blocks["tongueOut"].value[0]' not in curves(face.data.shape_keys)
    assert video["asked"].path == video["path"]
    assert video["asked"].kept


def test_another_frame_rate_keeps_the_times(video, scene, face):
    scene.render.fps = 50
    assert animate(video) == {"FINISHED"}
    jaw = curves(face.data.shape_keys)[f"{JAW}[0]"]
    assert len(jaw) == pytest.approx(2 * COUNT, abs=1)
    np.testing.assert_allclose(jaw[50, 1], 0.5, atol=0.011)
    assert animate(video, match_rate=True) == {"FINISHED"}
    assert (scene.render.fps, scene.render.fps_base) == (25, 1.0)


def test_rates_in_blenders_two_numbers():
    assert _rate(25.0) == (25, 1.0)
    fps, base = _rate(29.97)
    assert fps == 30
    assert fps / base == pytest.approx(29.97)


def test_head_and_eyes_on_empties(video, scene, face):
    assert animate(video, head="EMPTY", eyes="EMPTY") == {"FINISHED"}
    scene.frame_set(scene.frame_start + COUNT - 1)
    turned = bpy.data.objects[f"DNPM Head {face.name}"].matrix_basis.to_euler()
    assert turned.z == pytest.approx(0.2 * (COUNT - 1) / FPS, abs=1e-3)
    for side in ("Left", "Right"):
        assert bpy.data.objects[f"DNPM {side} Eye {face.name}"].matrix_basis.to_euler().z == pytest.approx(
            0.1, abs=1e-3
        )


def test_the_camera_sees_the_face_where_the_video_did(video, scene, face):
    assert animate(video, add_camera=True) == {"FINISHED"}
    camera = scene.camera
    assert camera.parent == face
    background = camera.data.background_images[0]
    assert background.image.source == "MOVIE"
    assert background.image_user.frame_start == scene.frame_start
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    made, point = video["made"], np.array([10.0, 30.0, 60.0])
    for frame in (0, COUNT - 1):
        scene.frame_set(scene.frame_start + frame)
        bpy.context.view_layer.update()
        local = rotation_of_angles(made.rotations[frame : frame + 1, :3])[0] @ point + made.translation[frame]
        expected = made.focal * local[:2] / local[2] + np.array([32.0, 24.0])
        world = face.matrix_world @ Vector(to_blender(point, face.dnpm_face.unit_scale))
        seen = world_to_camera_view(scene, camera, world)
        assert (seen.x * 64, (1 - seen.y) * 48) == pytest.approx(tuple(expected), abs=0.05)


@pytest.mark.parametrize(("width", "aspect"), [(68, 68 / 64), (64, 1.0), (27, 1.0)])
def test_the_movie_behind_the_camera_is_as_broad_as_it_was_read(video, scene, face, width: int, aspect: float):
    """Pixels that are not square are stretched; a movie that only lies on its side is not."""
    video["made"] = performance(width=width, height=48)
    assert animate(video, add_camera=True) == {"FINISHED"}
    movie = scene.camera.data.background_images[0].image
    assert movie.display_aspect[0] / movie.display_aspect[1] == pytest.approx(aspect, abs=1e-4)


def test_identity_only_when_it_is_asked_for(video, scene, face):
    before = [item.value for item in face.dnpm_face.identity]
    assert animate(video) == {"FINISHED"}
    assert [item.value for item in face.dnpm_face.identity] == before
    assert animate(video, identity=True) == {"FINISHED"}
    assert [item.value for item in face.dnpm_face.identity] == pytest.approx([0.5, -1.0, 0.25])


def test_what_is_asked_of_the_worker(video, scene, face):
    animate(video, neutral="TIME", neutral_s=1.5, smoothing=2.0)
    assert (video["asked"].neutral, video["asked"].neutral_s, video["asked"].smoothing) == (True, 1.5, 2.0)
    animate(video, neutral="NONE")
    assert (video["asked"].neutral, video["asked"].neutral_s) == (False, None)


def test_csv_beside_the_video(video, scene, face):
    animate(video, files=True)
    folder = Path(video["path"]).parent
    assert (folder / "clip_face.csv").is_file()
    assert (folder / "clip_live_link.csv").is_file()


def test_nothing_changes_when_a_bone_is_missing(video, scene, face):
    before = state_of_file()
    with pytest.raises(RuntimeError, match="choose the armature"):
        animate(video, eyes="BONE", add_camera=True)
    assert state_of_file() == before
    assert face.data.shape_keys.animation_data is None or face.data.shape_keys.animation_data.action is None


def test_an_error_of_the_worker_is_shown_and_nothing_changes(backend, video, scene, face):
    backend.error = "clip.mp4: no face was found in 14 pictures over the video"
    before = state_of_file()
    with pytest.raises(RuntimeError, match="no face was found"):
        animate(video)
    assert state_of_file() == before


def test_a_video_of_hours_is_refused(video, scene, face):
    video["seconds"] = 7200.0
    with pytest.raises(RuntimeError, match="cut it to an hour"):
        animate(video)
    assert video["ended"] == 1


def test_without_a_file_it_says_so(video, scene, face):
    with pytest.raises(RuntimeError, match="choose a video first"):
        animate(video, filepath=" ")
