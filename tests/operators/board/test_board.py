"""The face board moves the 52 expressions, eyes, head and jaw, and leaves no trace."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import board
from dnpm.core.face_model.arkit import ARKIT_NAMES, TIP_UP
from dnpm.core.face_model.build.identities import align
from dnpm.operators.scene.board import boards, build, posing
from dnpm.operators.scene.face import models, slider_values

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("DNPM_FACE_MODEL") or ROOT / "build" / "face_model.safetensors")
"""Read before the tiny model becomes the one that is found."""


def state(face) -> tuple:
    """All that a board might leave behind."""
    keys = face.data.shape_keys
    data = keys.animation_data
    drivers = [] if data is None else [(c.data_path, c.driver.expression, c.mute) for c in data.drivers]
    groups = [group.name for group in face.vertex_groups]
    weights = [[(one.group, one.weight) for one in vertex.groups] for vertex in list(face.data.vertices)[::50]]
    blocks = len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.armatures), len(bpy.data.curves)
    return (
        [block.value for block in keys.key_blocks], drivers, data is None, (groups, weights),
        face.vertex_groups.active_index, [(m.name, m.type) for m in face.modifiers], face.parent, blocks,
        len(bpy.data.scenes),
    )  # fmt: skip


def test_every_expression_is_a_place_of_the_controls():
    """And of no other: a table that swapped two expressions fails."""
    names = [name for axis in board.AXES for name in axis.names]
    assert sorted(names) == sorted([*ARKIT_NAMES, TIP_UP])
    values = np.random.default_rng(0).uniform(0, 1, (200, 52))
    values[:20] = np.eye(52)[:20]
    channels = board.channels_of(values)
    assert np.abs(board.expression_of(channels) - values).max() < 1e-12
    assert max(np.abs(part).max() for part in channels.values()) <= 1
    without = {one: part for one, part in channels.items() if not one[1].startswith("both")}
    assert np.abs(board.expression_of(without) - values).max() > 0.5


def test_the_board_shows_what_the_face_does_and_moves_it(full, shown):
    model = models.model_of(full)
    wanted = np.random.default_rng(1).uniform(0, 1, 52).astype(np.float32)
    slider_values.set_expression(full, model, wanted)
    bpy.ops.dnpm.add_board()
    assert len(posing.driven_by(full)) == 52
    for curve in full.data.shape_keys.animation_data.drivers:
        assert curve.driver.is_simple_expression, "works where scripts are not trusted"
    assert np.abs(shown(full) - wanted).max() < 1e-6
    # Random, Reset, presets and live captures write sliders: they pose the board.
    bpy.ops.dnpm.reset(part="EXPRESSION")
    assert np.abs(shown(full)).max() == 0
    slider_values.set_expression(full, model, wanted[::-1].copy())
    assert np.abs(shown(full) - wanted[::-1]).max() < 1e-6


@pytest.mark.parametrize(
    ("bone", "what", "index", "value", "name", "expected"),
    [
        ("mouth", "location", 0, 0.5, "mouthLeft", 0.5), ("mouth", "location", 1, 1.0, "mouthSmileRight", 1.0),
        ("mouth", "location", 1, -0.3, "mouthFrownLeft", 0.3), ("jaw", "location", 1, -0.4, "jawOpen", 0.4),
        ("jaw", "location", 0, -0.4, "jawRight", 0.4), ("lid.L", "location", 1, -1, "eyeBlinkLeft", 1.0),
        ("look.R", "location", 0, 0.5, "eyeLookInRight", 0.5),
        ("corner.R", "location", 0, -0.5, "mouthStretchRight", 0.5),
        ("brow.R", "location", 1, 9.0, "browOuterUpRight", 1.0),
    ],
)  # fmt: skip
def test_controls(boarded, bone, what, index, value, name, expected, moved):
    found = moved(boarded, bone, what, index, value)
    assert found[name] == pytest.approx(expected)
    assert len(found) == (2 if bone == "mouth" and index == 1 else 1)
    limits = [c for c in posing.board_of(boarded).pose.bones[bone].constraints if c.type == "LIMIT_LOCATION"]
    assert len(limits) == 1
    assert limits[0].use_transform_limit


def test_both_eyes_follow_one_target(boarded, shown, moved):
    left = moved(boarded, "eyes", "location", 0, 8.0)
    assert set(left) == {"eyeLookOutLeft", "eyeLookInRight"}
    armature = posing.board_of(boarded)
    armature.pose.bones["eyes"].location = (0, -8, 0)
    down = moved(boarded, "eyes", "location", 0, 0.0)
    assert set(down) == {"eyeLookDownLeft", "eyeLookDownRight"}
    # A head that nods under a target that stays: the eyes look up.
    armature.pose.bones["eyes"].location = (0, 0, 0)
    up = moved(boarded, build.HEAD, "rotation_euler", 0, 0.2)
    assert set(up) == {"eyeLookUpLeft", "eyeLookUpRight"}
    # Both onto one point: the eyes cross.
    moved(boarded, build.HEAD, "rotation_euler", 0, 0.0)
    armature.pose.bones["eye.L"].location[0] = -3.0
    armature.pose.bones["eye.R"].location[0] = 3.0
    armature.update_tag()
    assert shown(boarded)[ARKIT_NAMES.index("eyeLookInLeft")] > 0.05
    assert shown(boarded)[ARKIT_NAMES.index("eyeLookInRight")] > 0.05


def test_the_eyeballs_look_at_the_target(boarded):
    """The mesh itself: the left eye's axis points to what it looks at, within a degree."""
    model, armature = models.model_of(boarded), posing.board_of(boarded)
    group = model.vertex_groups["eye_left"]
    points = [evaluated(boarded)[group]]
    armature.pose.bones["eyes"].location = (7.0, 0.0, 0.0)
    armature.update_tag()
    points.append(evaluated(boarded)[group])
    a, b = (part - part.mean(0) for part in points)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = vt.T @ u.T
    matrix = np.array(armature.matrix_world @ armature.pose.bones["eye.L"].matrix)[:3, 3]
    centre = np.array(armature.matrix_world @ armature.pose.bones["dnpm_eye.L"].matrix)[:3, 3]
    wanted = (matrix - centre) / np.linalg.norm(matrix - centre)
    looks = turn @ np.array([0.0, -1.0, 0.0])
    assert np.degrees(np.arccos(min(looks @ wanted, 1.0))) < 1.0
    assert np.degrees(np.arccos(-wanted[1])) > 10


def evaluated(face) -> np.ndarray:
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    mesh = face.evaluated_get(graph).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def test_head_neck_and_jaw_turn_the_skin(boarded, shown):
    model, armature = models.model_of(boarded), posing.board_of(boarded)
    rest, bones = evaluated(boarded), armature.pose.bones
    low = rest[:, 2] < rest[:, 2].min() + 0.01
    eyes = model.vertex_groups["eye_left"]
    bones[build.HEAD].rotation_euler[1] = 0.3
    armature.update_tag()
    step = np.linalg.norm(evaluated(boarded) - rest, axis=1)
    assert step[low].max() < 1e-6, "the neck's end stays"
    assert step[eyes].min() > 0.005
    bones[build.HEAD].rotation_euler[1] = 0.0
    bones["jaw_bone"].rotation_euler[0] = 0.2
    armature.update_tag()
    by_bone = evaluated(boarded)
    bones["jaw_bone"].rotation_euler[0] = 0.0
    bones["jaw"].location[1] = -shown(boarded)[ARKIT_NAMES.index("jawOpen")]
    bones["jaw"].location[1] = -1.0
    armature.update_tag()
    teeth = model.vertex_groups["teeth_lower"]
    rotation, _ = align(rest[teeth], evaluated(boarded)[teeth], np.ones(len(teeth)))
    whole = float(np.arccos((np.trace(rotation) - 1) / 2))
    assert 0.4 < whole < 0.5
    bones["jaw"].location[1] = -0.2 / whole
    armature.update_tag()
    assert np.abs(by_bone - evaluated(boarded)).max() < 2e-4, "within its range the jaw's bone is the expression"
    bones["jaw"].location[1] = 0.0
    heights = []
    for turn in (whole, whole + 0.15):
        bones["jaw_bone"].rotation_euler[0] = turn
        armature.update_tag()
        heights.append(evaluated(boarded)[teeth, 2].mean())
    assert heights[1] < heights[0] - 0.004, "beyond it the skin follows by weights"


def test_removed_it_leaves_nothing(full, shown):
    model = models.model_of(full)
    slider_values.set_expression(full, model, np.random.default_rng(2).uniform(0, 1, 52).astype(np.float32))
    driver = full.data.shape_keys.driver_add('key_blocks["jawOpen"].value').driver
    driver.expression = "0.25"
    full.vertex_groups.active_index = 3
    bpy.context.view_layer.update()
    before = state(full)
    assert bpy.ops.dnpm.add_board() == {"FINISHED"}
    assert "jawOpen" not in posing.driven_by(full), "the artist's own driver goes on"
    armature = posing.board_of(full)
    armature.pose.bones["mouth"].location[1] = 1.0
    armature.update_tag()
    shown(full)
    assert state(full) != before
    assert bpy.ops.dnpm.remove_board() == {"FINISHED"}
    shown(full)
    assert state(full) == before
    assert posing.board_of(full) is None


def test_remove_can_keep_the_pose(boarded, shown, moved):
    moved(boarded, "mouth", "location", 1, 0.5)
    bpy.ops.dnpm.remove_board(keep=True)
    assert shown(boarded)[ARKIT_NAMES.index("mouthSmileLeft")] == pytest.approx(0.5)


def test_what_fails_leaves_nothing(full, monkeypatch):
    before = state(full)
    full.vertex_groups.new(name=build.HEAD)
    with pytest.raises(RuntimeError, match="vertex groups dnpm_head already"):
        bpy.ops.dnpm.add_board()
    full.vertex_groups.remove(full.vertex_groups[build.HEAD])
    full.vertex_groups.active_index = before[4]
    monkeypatch.setattr(boards, "_add_weights", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match="division"):
        bpy.ops.dnpm.add_board()
    assert state(full)[:2] == before[:2]
    assert state(full)[7:] == before[7:]


def test_a_model_with_few_expressions_gets_a_board(face):
    assert bpy.ops.dnpm.add_board() == {"FINISHED"}
    assert posing.driven_by(face)
    assert bpy.ops.dnpm.remove_board() == {"FINISHED"}


def test_without_bones_for_another_rig(full, moved):
    """A face that hangs on a bone of another rig takes its board along, and the board moves it there as well."""
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("head")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = full
    assert bpy.ops.dnpm.add_board(bones=False) == {"FINISHED"}
    assert not [m for m in full.modifiers if m.type == "ARMATURE"]
    full.parent, full.parent_type, full.parent_bone = rig, "BONE", "head"
    bpy.context.view_layer.update()
    armature = posing.board_of(full)
    place = armature.matrix_world.translation.copy()
    rig.pose.bones["head"].rotation_mode = "XYZ"
    rig.pose.bones["head"].location = (0.5, 0, 0)
    bpy.context.view_layer.update()
    assert (armature.matrix_world.translation - place).length == pytest.approx(0.5, abs=1e-5)
    assert moved(full, "jaw", "location", 1, -0.5) == {"jawOpen": 0.5}
