"""The board's bones follow the face when it becomes another person."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest

from dnpm.operators.scene.board import boards, build, following, joints, posing
from dnpm.operators.scene.detail import map_state
from dnpm.operators.scene.face import identity, models

SHARED = ("dnpm_eye.L", "dnpm_eye.R", "eyes", "jaw_bone", build.NECK, build.HEAD, build.JAW, "board", "mouth")


def another(face) -> np.ndarray:
    values = np.zeros(models.model_of(face).n_id, np.float32)
    values[:12] = np.linspace(2, -2, 12)
    return values


def places(face) -> dict[str, np.ndarray]:
    """Where bones are in the face's space, which a board of another scale shares."""
    armature = posing.board_of(face)
    return {name: np.array(armature.data.bones[name].head_local) * armature.scale[0] for name in SHARED}


def texts(face) -> dict[str, str]:
    found = {c.data_path: c.driver.expression for c in face.data.shape_keys.animation_data.drivers}
    jaw = posing.board_of(face).animation_data.drivers
    return found | {f"{c.data_path} {c.array_index}": c.driver.expression for c in jaw}


def test_it_is_as_one_that_is_added_anew(boarded):
    before, said = places(boarded), texts(boarded)
    identity.set_sliders(boarded, identity=another(boarded))
    assert following.follow(boarded)
    assert sum(text != said[name] for name, text in texts(boarded).items()) > 8, "factors of another jaw and other eyes"
    assert not following.follow(boarded), "it is there already"
    followed, told = places(boarded), texts(boarded)
    armature = posing.board_of(boarded)
    jaw = [(c.type, c.max_x, c.max_y, c.max_z) for c in armature.pose.bones["jaw_bone"].constraints]
    unit = armature.scale[0]
    boards.remove(boarded, keep=False)
    boards.add(boarded, bpy.context.scene, bones=True)
    anew = places(boarded)
    size = posing.board_of(boarded).scale[0] / unit
    assert abs(size - 1) > 0.005, "another size, or this says nothing"
    moved = max(np.abs(before[name] - anew[name]).max() for name in SHARED)
    assert moved > 0.002, "the joints of this person are elsewhere"
    # Controls keep the board's old size: they are compared by the board's own bone alone.
    for name in SHARED[:-1]:
        np.testing.assert_allclose(followed[name], anew[name], atol=2e-6, err_msg=name)
    fresh = texts(boarded)
    assert set(told) == set(fresh)
    differ = {name for name in told if told[name] != fresh[name]}
    # A slide of the jaw's bone is measured in the board's units.
    assert differ <= {'key_blocks["jawForward"].value', 'pose.bones["dnpm_jaw"].location 2'}
    again = [(c.type, c.max_x, c.max_y, c.max_z) for c in posing.board_of(boarded).pose.bones["jaw_bone"].constraints]
    assert jaw[0] == pytest.approx(again[0])
    assert jaw[1][3] == pytest.approx(again[1][3] * size)


def test_the_target_holds_on_the_new_person(boarded, moved):
    identity.set_sliders(boarded, identity=another(boarded))
    following.follow(boarded)
    assert moved(boarded, "eyes", "location", 0, 0.0) == {}, "at rest the eyes look ahead"
    found = moved(boarded, "eyes", "location", 0, 8.0)
    assert found["eyeLookOutLeft"] > 0.1
    assert found["eyeLookInRight"] > 0.1


def test_an_operator_brings_it_along(boarded):
    before = places(boarded)
    identity.set_sliders(boarded, identity=another(boarded))
    bpy.ops.dnpm.reset_board()
    assert np.abs(places(boarded)["dnpm_eye.L"] - before["dnpm_eye.L"]).max() > 1e-4


def test_what_the_artist_did_stays(boarded):
    armature = posing.board_of(boarded)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    own = armature.data.edit_bones.new("hat")
    own.head, own.tail = (0, 0, 9), (0, 0, 12)
    armature.data.edit_bones[build.HEAD].head[2] += 1.0
    bpy.ops.object.mode_set(mode="POSE")
    armature.pose.bones["mouth"].location[1] = 0.4
    before = places(boarded)[build.HEAD]
    hat = armature.data.bones["hat"]
    (hat if hasattr(hat, "select") else armature.pose.bones["hat"]).select = True  # of the pose's since Blender 5
    identity.set_sliders(boarded, identity=another(boarded))
    expected = joints.measure(boarded, models.model_of(boarded)).head
    following.follow(boarded)
    assert armature.mode == "POSE"
    assert armature.pose.bones["mouth"].location[1] == pytest.approx(0.4)
    assert tuple(armature.data.bones["hat"].head_local) == pytest.approx((0, 0, 9), abs=1e-5)
    head = places(boarded)[build.HEAD]
    assert head[2] - expected[2] == pytest.approx(armature.scale[2], rel=1e-3), "one unit above the joint"
    assert not np.allclose(head, before, atol=1e-4)
    assert [scene.name for scene in bpy.data.scenes] == [bpy.context.scene.name]


def test_it_waits_until_the_sliders_rest(window, boarded):
    before = places(boarded)
    boarded.dnpm_face.identity[0].value = 2.0
    state = map_state.of(boarded)
    state.changed = time.monotonic()
    assert following._tick() == following.QUIET_S
    assert np.array_equal(places(boarded)["dnpm_eye.L"], before["dnpm_eye.L"])
    state.changed -= following.QUIET_S
    assert following._tick() is None
    assert not np.array_equal(places(boarded)["dnpm_eye.L"], before["dnpm_eye.L"])
    assert not state.problem
