"""The face board in files, duplicates, overrides and undo; posing it; its labels."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.operators.scene.board import build, posing
from dnpm.operators.scene.detail import live

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("DNPM_FACE_MODEL") or ROOT / "build" / "face_model.safetensors")
"""Read before the tiny model becomes the one that is found."""


def test_saved_and_opened(boarded, tmp_path, moved):
    moved(boarded, "mouth", "location", 1, 0.5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    face = bpy.context.object
    assert moved(face, "jaw", "location", 1, -0.5) == {
        "jawOpen": 0.5, "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5
    }  # fmt: skip
    bpy.ops.dnpm.remove_board()
    assert len(bpy.data.armatures) == 0


def test_undo(boarded, moved):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.dnpm.remove_board()
    bpy.ops.ed.undo_push(message="removed")
    bpy.ops.ed.undo()
    face = bpy.context.object
    assert posing.board_of(face) is not None
    assert moved(face, "jaw", "location", 1, -0.5) == {"jawOpen": 0.5}


def test_a_duplicate_with_its_board_is_its_own(boarded, shown, moved):
    armature = posing.board_of(boarded)
    armature.select_set(True)
    boarded.select_set(True)
    bpy.context.view_layer.objects.active = boarded
    bpy.ops.object.duplicate()
    other = bpy.context.object
    bpy.context.view_layer.update()
    assert other != boarded
    assert posing.board_of(other) not in (None, armature)
    assert moved(other, "jaw", "location", 1, -0.5) == {"jawOpen": 0.5}
    assert shown(boarded).max() == 0
    bpy.ops.dnpm.remove_board()
    assert posing.board_of(boarded) == armature
    assert moved(boarded, "jaw", "location", 1, -0.25) == {"jawOpen": 0.25}


def test_a_duplicate_alone_follows_the_same_board(boarded, shown, moved):
    armature = posing.board_of(boarded)
    for obj in bpy.context.selected_objects:
        obj.select_set(False)
    boarded.select_set(True)
    bpy.context.view_layer.objects.active = boarded
    bpy.ops.object.duplicate()
    other = bpy.context.object
    assert posing.board_of(other) == armature
    assert moved(boarded, "jaw", "location", 1, -0.5) == {"jawOpen": 0.5}
    assert shown(other)[ARKIT_NAMES.index("jawOpen")] == pytest.approx(0.5)
    bpy.ops.dnpm.remove_board()
    assert posing.board_of(boarded) == armature
    assert armature.name in bpy.data.objects


def test_appended_with_its_board(boarded, tmp_path, moved):
    moved(boarded, "mouth", "location", 1, 0.5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    name = boarded.name
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.append(directory=str(tmp_path / "a.blend" / "Object"), filename=name)
    face = bpy.data.objects[name]
    bpy.context.view_layer.objects.active = face
    assert posing.board_of(face).name in bpy.context.scene.objects
    assert moved(face, "jaw", "location", 1, -0.5)["jawOpen"] == 0.5


def test_overridden_with_its_board(boarded, tmp_path, moved):
    """The hierarchy, as Blender's menu makes it: the override's board moves the override."""
    collection = bpy.data.collections.new("hero")
    bpy.context.scene.collection.children.link(collection)
    for obj in (boarded, posing.board_of(boarded)):
        for old in list(obj.users_collection):
            old.objects.unlink(obj)
        collection.objects.link(obj)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend"), link=True) as (_, into):
        into.collections = ["hero"]
    scene = bpy.context.scene
    # Blender 5.3 overrides only what a scene holds.
    scene.collection.children.link(into.collections[0])
    into.collections[0].override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    face = next(obj for obj in bpy.data.objects if obj.override_library and obj.dnpm_face.is_face)
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    live.own_data(face)
    armature = posing.board_of(face)
    assert armature.library is None
    assert moved(face, "jaw", "location", 1, -0.5)["jawOpen"] == 0.5


def test_posing_and_back(boarded, shown):
    assert bpy.ops.dnpm.pose_board() == {"FINISHED"}
    armature = posing.board_of(boarded)
    assert bpy.context.object == armature
    assert armature.mode == "POSE"
    armature.pose.bones["mouth"].location[1] = 0.5
    armature.pose.bones[build.HEAD].rotation_euler[0] = 0.5
    assert bpy.ops.dnpm.reset_board() == {"FINISHED"}
    assert armature.pose.bones[build.HEAD].rotation_euler[0] == 0
    assert shown(boarded).max() == 0
    assert bpy.ops.dnpm.pose_board() == {"FINISHED"}
    assert bpy.context.object == boarded
    # From the board, too, in Pose Mode.
    bpy.ops.dnpm.pose_board()
    assert bpy.ops.dnpm.remove_board() == {"FINISHED"}
    assert bpy.context.object == boarded
    assert boarded.mode == "OBJECT"


def test_its_labels_fit(boarded):
    """No writing runs over another, or out of its group."""
    from dnpm.operators.scene.board import layout, strokes

    placed = []
    for one in layout.controls():
        for k, line in enumerate(one.label.split("\n")):
            half = strokes.width(line, layout.LABEL) / 2
            x, y = one.x + sum(one.across) / 2, one.y + one.up[0] - 0.72 - 1.6 * k * layout.LABEL
            if line:
                placed.append((x - half, x + half, y, y + layout.LABEL))
    for k, (left, right, low, high) in enumerate(placed):
        assert any(p.left < left and right < p.right and p.low < low and high < p.high for p in layout.PANELS)
        for other in placed[:k]:
            assert right < other[0] or other[1] < left or high < other[2] or other[3] < low
