"""While an identity slider is dragged, shape keys that are not seen wait; at rest all are as if written at once."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dnpm.core.face_model.bilinear import IdentityTables
from dnpm.operators import base
from dnpm.operators.scene import compat, names, settings
from dnpm.operators.scene.detail import dragging, live, map_state
from dnpm.operators.scene.face import identity, models

KEYS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
STEPS = st.one_of(
    st.tuples(st.just("drag"), st.integers(0, 2), st.floats(-2, 2, width=32)),
    st.tuples(st.just("key"), st.integers(0, 3), st.sampled_from([0.0, 0.5])),
    st.tuples(st.just("sculpt"), st.integers(0, 4), st.floats(0.001, 0.01)),
    st.tuples(st.just("rest"), st.just(0), st.just(0.0)),
)


def points(face):
    """(keys, V, 3) of the Basis and all keys."""
    blocks = face.data.shape_keys.key_blocks
    found = np.empty((len(blocks), 3 * len(face.data.vertices)), np.float32)
    for block, row in zip(blocks, found, strict=True):
        block.points.foreach_get("co", row)
    return found.reshape(len(blocks), -1, 3)


def evaluated(face):
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    found = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", found)
    return found


def direct(face):
    """What the slider's person has, written whole."""
    table = models.table_of(face)
    values = np.array([item.value for item in face.dnpm_face.identity], np.float32)
    return table.coordinates(values, face.dnpm_face.unit_scale)


def by_hand(face, *values, component=0):
    for value in values:
        face.dnpm_face.identity[component].value = value


@pytest.fixture
def hand(window, face, monkeypatch):
    """A face whose sliders are in a button, by a hand that never rests; at level 0 from the start."""
    monkeypatch.setattr(compat, "is_by_button", lambda _: True)
    monkeypatch.setattr(dragging, "REST_S", 1e9)
    face.modifiers[names.SUBDIVISION].levels = 0
    return face


def test_some_rows_are_those_of_all(tiny_model):
    """...whether the table of all has been made or not."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=tiny_model.n_id).astype(np.float32)
    tables = IdentityTables(tiny_model.neutral, tiny_model.core, tiny_model.moved, lambda v: v[..., ::-1] * 2)
    for chosen in ([], [2], [3, 0], [0, 1, 2, 3]):
        quick = tables.some_deltas(values, chosen)
        assert quick.shape == (len(chosen), len(tiny_model.neutral), 3)
        tables.prepare()
        wanted = tables.deltas(values)[chosen]
        np.testing.assert_allclose(quick, wanted, atol=1e-5)
        np.testing.assert_allclose(tables.some_deltas(values, chosen), wanted, atol=1e-5)
        tables.__dict__.pop("_deltas")


def test_a_drag_writes_what_is_seen_and_rest_the_others(hand, monkeypatch):
    hand.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    by_hand(hand, 0.5)
    before = points(hand)
    by_hand(hand, 1.0, 1.5)
    assert identity.is_behind(hand)
    seen = points(hand)
    np.testing.assert_allclose(seen[:2], direct(hand)[:2], atol=1e-6)
    np.testing.assert_array_equal(seen[2:], before[2:])
    assert live.tick() is not None, "it waits for the slider to rest"
    monkeypatch.setattr(dragging, "is_over", lambda _: True)
    live.tick()
    assert not identity.is_behind(hand)
    np.testing.assert_allclose(points(hand), direct(hand), atol=1e-6)


def test_what_is_shown_never_lags(hand):
    by_hand(hand, 0.5, 1.0)
    shown = evaluated(hand)
    identity.catch_up(hand)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(evaluated(hand), shown, atol=1e-6)
    by_hand(hand, 1.5, 2.0)
    hand.data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    bpy.context.view_layer.update()
    assert not identity.is_behind(hand), "a key that comes to be seen brings them all up"
    np.testing.assert_allclose(points(hand), direct(hand), atol=1e-6)


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=10))
def test_at_rest_all_is_as_if_written_whole(hand, steps):
    """...with what was sculpted on top, whenever that was."""
    blocks = hand.data.shape_keys.key_blocks
    for item in hand.dnpm_face.identity:
        item.value = 0.0
    for block in blocks:
        block.value = 0.0
    identity.forget(hand.data)
    identity.apply(hand)
    sculpted = np.zeros_like(points(hand))
    map_state.of(hand).changed -= 0.1  # the clock of some machines is coarse
    for what, k, value in steps:
        if what == "drag":
            by_hand(hand, value, component=k)
        elif what == "key":
            blocks[KEYS[k]].value = value
        elif what == "rest":
            dragging.rest(hand)
        else:
            moved = points(hand)[k]
            moved[40:60, 1] += value
            sculpted[k, 40:60, 1] += value
            blocks[k].points.foreach_set("co", moved.ravel())
    dragging.rest(hand)
    assert not identity.is_behind(hand)
    np.testing.assert_allclose(points(hand), direct(hand) + sculpted, atol=5e-6)


def test_scripts_single_values_and_the_preference_write_all(hand, monkeypatch):
    map_state.of(hand).changed = 0.0
    by_hand(hand, 0.5)
    assert not identity.is_behind(hand), "one value that was typed"
    with monkeypatch.context() as patch:
        patch.setattr(compat, "is_by_button", lambda _: False)
        by_hand(hand, 0.6, 0.7)
        assert not identity.is_behind(hand), "a script reads what it wrote"
    settings.override(settings.Settings(lighter_drag=False))
    try:
        by_hand(hand, 0.8, 0.9)
    finally:
        settings.override(None)
    assert not identity.is_behind(hand)
    hand.show_only_shape_key = True
    by_hand(hand, 1.0, 1.1)
    assert not identity.is_behind(hand), "one key is shown whatever its value"


def test_files_undo_renders_and_operators_find_them_all(hand, tmp_path):
    bpy.ops.ed.undo_push(message="before")
    by_hand(hand, 0.5, 1.0)
    bpy.ops.ed.undo_push(message="the slider is let go")  # as Blender does
    by_hand(hand, 1.5)
    assert identity.is_behind(hand)
    bpy.ops.ed.undo_push(message="later")
    bpy.ops.ed.undo()
    face = bpy.data.objects["DNPM Face"]
    assert not identity.is_behind(face)
    assert face.dnpm_face.identity[0].value == 1.0
    np.testing.assert_allclose(points(face), direct(face), atol=1e-6)

    by_hand(face, 0.6, 0.7)
    assert identity.is_behind(face)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    assert not identity.is_behind(face)
    by_hand(face, 0.6, 0.7)
    assert identity.is_behind(face)
    for handler in bpy.app.handlers.render_init:
        handler(bpy.context.scene)
    assert not identity.is_behind(face)
    by_hand(face, 0.6, 0.7)
    assert identity.is_behind(face)
    bpy.ops.dnpm.key_expression()
    assert not identity.is_behind(face)
    by_hand(face, 0.6, 0.7)
    assert identity.is_behind(face)
    base.the_face(bpy.context, edits=False)
    assert not identity.is_behind(face), "an export reads them"


def test_a_file_that_was_saved_by_blender_itself_is_mended(hand, tmp_path):
    by_hand(hand, 0.5, 1.0)
    handlers = list(bpy.app.handlers.save_pre)  # an automatic save calls none
    bpy.app.handlers.save_pre.clear()
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "auto.blend"), copy=True)
    finally:
        bpy.app.handlers.save_pre.extend(handlers)
    assert identity.is_behind(hand)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "auto.blend"))
    face = bpy.data.objects["DNPM Face"]
    assert not identity.is_behind(face)
    np.testing.assert_allclose(points(face), direct(face), atol=1e-6)


def test_where_they_cannot_be_written_they_wait(hand):
    by_hand(hand, 0.5, 1.0)
    bpy.ops.object.mode_set(mode="EDIT")
    dragging.rest(hand)
    assert identity.is_behind(hand)
    bpy.ops.object.mode_set(mode="OBJECT")
    dragging.rest(hand)
    np.testing.assert_allclose(points(hand), direct(hand), atol=1e-6)
