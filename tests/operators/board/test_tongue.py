"""The tongue's tip as a shape key of its own: new faces, old ones, another person, the board, keyframes, presets."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES, TIP_UP
from dnpm.operators.scene.board import convert, posing
from dnpm.operators.scene.export import snapshot
from dnpm.operators.scene.face import identity, models, slider_values
from dnpm.operators.scene.motion import apply_curves


def lifted(face) -> np.ndarray:
    """(V, 3): what the key adds."""
    keys = face.data.shape_keys
    points = [np.empty(3 * len(face.data.vertices), np.float32) for _ in range(2)]
    for block, found in zip((keys.reference_key, keys.key_blocks[TIP_UP]), points, strict=True):
        block.points.foreach_get("co", found)
    return (points[1] - points[0]).reshape(-1, 3)


def test_another_person_raises_their_own_tongue(full):
    before = lifted(full)
    assert before[:, 2].max() > 0.008, "metres, up"
    full.data.shape_keys.key_blocks[TIP_UP].value = 0.5
    bpy.ops.dnpm.random(part="IDENTITY", seed=4)
    after = lifted(full)
    assert np.abs(after - before).max() > 0.0005
    table = models.table_of(full)
    wanted = table.coordinates(slider_values.identity_vector(full), 1.0)
    np.testing.assert_allclose(after, wanted[1 + table.names.index(TIP_UP)] - wanted[0], atol=2e-6)
    assert full.data.shape_keys.key_blocks[TIP_UP].value == 0.5
    bpy.ops.dnpm.reset(part="EXPRESSION")
    assert slider_values.tip_up(full) == 0


def test_copy_and_paste_and_duplicates(full):
    slider_values.set_tip_up(full, 0.4)
    bpy.ops.dnpm.copy()
    bpy.ops.dnpm.reset()
    bpy.ops.dnpm.paste()
    assert slider_values.tip_up(full) == pytest.approx(0.4)
    bpy.ops.object.duplicate()
    assert slider_values.tip_up(bpy.context.object) == pytest.approx(0.4)
    assert TIP_UP in snapshot.take(full, visemes=False).beside, "goes to engines"


def test_a_face_of_an_older_version(full):
    """It has no such key: a new person leaves it so, Repair Face and speech give it one."""
    full.shape_key_remove(full.data.shape_keys.key_blocks[TIP_UP])
    bpy.ops.dnpm.random(part="IDENTITY", seed=2)
    assert TIP_UP not in full.data.shape_keys.key_blocks
    assert slider_values.tip_up(full) == 0
    slider_values.set_tip_up(full, 1.0)
    keyed(full)
    added = lifted(full)
    identity.apply(full)
    np.testing.assert_allclose(lifted(full), added, atol=2e-6)
    full.data.shape_keys.key_blocks[TIP_UP].name = "mine"
    bpy.ops.dnpm.repair()
    assert TIP_UP in full.data.shape_keys.key_blocks
    assert "mine" not in full.data.shape_keys.key_blocks, "found again by its shape"
    full.shape_key_remove(full.data.shape_keys.key_blocks[TIP_UP])
    bpy.ops.dnpm.repair()
    np.testing.assert_allclose(lifted(full), added, atol=2e-6)


def keyed(face, into="BOARD"):
    frames = np.arange(1, 12)
    expression = np.zeros((11, 52), np.float32)
    expression[:, ARKIT_NAMES.index("jawOpen")] = 0.1
    tip_up = np.sin(np.linspace(0, np.pi, 11)).astype(np.float32)
    model = models.model_of(face)
    apply_curves.key_expression(face, model, "a", frames, expression, 0.0, layered=False, into=into, tip_up=tip_up)
    return tip_up


def played(face) -> list[float]:
    found = []
    for frame in range(1, 12):
        bpy.context.scene.frame_set(frame)
        found.append(slider_values.tip_up(face, bpy.context.evaluated_depsgraph_get()))
    return found


def test_keyframes_move_it(full):
    np.testing.assert_allclose(played_after(full), keyed(full), atol=1e-5)


def played_after(face) -> list[float]:
    keyed(face)
    return played(face)


def test_the_board_moves_it(full):
    slider_values.set_tip_up(full, 0.3)
    bpy.ops.dnpm.add_board()
    armature = posing.board_of(full)
    assert armature.pose.bones[posing.TIP].location[1] == pytest.approx(0.3)
    wanted = keyed(full)
    np.testing.assert_allclose(played(full), wanted, atol=1e-5)
    for _ in convert.board_to_keys(full, bpy.context.scene, 0.0, remove=True):
        pass
    np.testing.assert_allclose(played(full), wanted, atol=1e-4)
