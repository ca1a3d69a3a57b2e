"""Keyframes on the face board: bakes, conversion there and back, and detail that follows."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link
from dnpm.core.face_model import board
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.operators.scene import compat
from dnpm.operators.scene.board import build, posing
from dnpm.operators.scene.detail import live, map_state
from dnpm.operators.scene.face import models

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("DNPM_FACE_MODEL") or ROOT / "build" / "face_model.safetensors")
"""Read before the tiny model becomes the one that is found."""


def take(tmp_path: Path, frames: int = 49) -> tuple[Path, np.ndarray]:
    """A capture with all 52 in motion, opposed ones together."""
    rng = np.random.default_rng(4)
    times = np.arange(frames) / 24
    waves = 0.5 + 0.5 * np.sin(times[:, None] * rng.uniform(2, 9, 52) + rng.uniform(0, 6, 52))
    values = (waves * rng.uniform(0.2, 1, 52)).astype(np.float32)
    write_live_link(tmp_path / "take.csv", CurveTrack(times, values, (), None))
    return tmp_path / "take.csv", values


def played(shown, face, frames) -> np.ndarray:
    """(T, 52): what is seen at these frames."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        found.append(shown(face))
    return np.array(found)


def test_captures_go_to_the_board(boarded, tmp_path, shown):
    bpy.context.scene.render.fps = 24
    path, values = take(tmp_path)
    bpy.ops.dnpm.import_live_link("EXEC_DEFAULT", filepath=str(path), start="FRAME", frame=5)
    data = boarded.data.shape_keys.animation_data
    assert data.action is None, "nothing on the shape keys"
    assert posing.board_of(boarded).animation_data.action is not None
    assert np.abs(played(shown, boarded, range(5, 54)) - values).max() < 1e-4
    # Into the shape keys, while the board moves them: said.
    bpy.ops.dnpm.import_live_link("EXEC_DEFAULT", filepath=str(path), start="FRAME", frame=5, into="KEYS")
    assert data.action is not None


def test_keys_to_the_board_and_back(full, tmp_path, shown):
    bpy.context.scene.render.fps = 24
    path, values = take(tmp_path)
    bpy.ops.dnpm.import_live_link("EXEC_DEFAULT", filepath=str(path), start="FRAME", frame=1)
    action = full.data.shape_keys.animation_data.action
    bpy.ops.dnpm.add_board()
    assert bpy.ops.dnpm.keys_to_board() == {"FINISHED"}
    frames = range(1, 50)
    assert np.abs(played(shown, full, frames) - values).max() < 1e-3
    assert full.data.shape_keys.animation_data.action == action, "the old keyframes stay"
    moved_head = posing.board_of(full).pose.bones[build.HEAD]
    assert bpy.ops.dnpm.board_to_keys() == {"FINISHED"}
    assert not full.dnpm_face.board_drives
    moved_head.rotation_euler[0] = 0.0
    assert np.abs(played(shown, full, frames) - values).max() < 1e-3
    full.dnpm_face.board_drives = True
    assert np.abs(played(shown, full, frames) - values).max() < 1e-3
    bpy.ops.dnpm.board_to_keys(remove=True)
    assert posing.board_of(full) is None
    assert np.abs(played(shown, full, frames) - values).max() < 1e-3


def test_what_the_target_does_goes_back_to_the_keys(boarded, shown):
    armature = posing.board_of(boarded)
    for frame, x in ((1, 0.0), (11, 8.0)):
        armature.pose.bones["eyes"].location[0] = x
        armature.keyframe_insert('pose.bones["eyes"].location', frame=frame)
    before = played(shown, boarded, range(1, 12))
    assert before[-1].max() > 0.3
    bpy.ops.dnpm.board_to_keys(remove=True)
    assert np.abs(played(shown, boarded, range(1, 12)) - before).max() < 1e-3


def test_speech_goes_to_the_board(boarded, tmp_path, shown):
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"RIFF")
    boarded.dnpm_speech.add_sound = False
    assert bpy.ops.dnpm.animate_from_audio(filepath=str(sound)) == {"FINISHED"}
    assert posing.board_of(boarded).animation_data.action is not None
    values = played(shown, boarded, range(1, 40))
    assert np.ptp(values[:, ARKIT_NAMES.index("jawOpen")]) > 0.5
    assert values[:, ARKIT_NAMES.index("browInnerUp")] == pytest.approx(0.25, abs=3e-3)


def test_key_expression_keys_the_board(boarded):
    bpy.ops.dnpm.key_expression()
    curves = compat.curves_of(posing.board_of(boarded).animation_data)
    assert len(curves) == len(board.channels_of(np.zeros((1, 52))))


def test_keys_when_nothing_is_keyed(boarded, moved):
    for name in ("keys_to_board", "board_to_keys"):
        with pytest.raises(RuntimeError, match="no keyframes or strips"):
            getattr(bpy.ops.dnpm, name)()
    assert posing.drives(boarded) is not None
    assert moved(boarded, "jaw", "location", 1, -0.5) == {"jawOpen": 0.5}


def test_the_detail_follows_the_board(window, boarded, backend, moved):
    live.on_sliders_changed(boarded)
    backend.asked.clear()
    moved(boarded, "jaw", "location", 1, -0.75)
    bpy.context.view_layer.update()
    asked = backend.asked[-1]["expression"]
    assert asked[models.model_of(boarded).expression_index["jawOpen"]] == pytest.approx(0.75)


def test_the_detail_follows_at_render(boarded, backend):
    """As the render's own depsgraph has it: the scene stays at its frame."""
    armature = posing.board_of(boarded)
    for frame, y in ((1, 0.0), (11, -1.0)):
        armature.pose.bones["jaw"].location[1] = y
        armature.keyframe_insert('pose.bones["jaw"].location', frame=frame)
    scene = bpy.context.scene
    scene.frame_set(6)
    live.update_now(boarded, bpy.context.evaluated_depsgraph_get())
    place = models.model_of(boarded).expression_index["jawOpen"]
    assert 0.2 < backend.calls[-1]["expression"][place] < 0.8
    scene.frame_set(11)
    live.update_now(boarded, bpy.context.evaluated_depsgraph_get())
    assert backend.calls[-1]["expression"][place] == pytest.approx(1.0)
    assert map_state.of(boarded).problem == ""
