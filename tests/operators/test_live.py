"""The map follows the sliders: previews, whole maps, undo, and what must not ask for anything."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.backend.types import BackendStatus
from dnpm.operators.scene import session
from dnpm.operators.scene.detail import live, map_image, map_state
from dnpm.operators.scene.face import slider_values


def move(face, name="jawOpen", value=0.5):
    face.data.shape_keys.key_blocks[name].value = value
    bpy.context.view_layer.update()


def shown(face, backend, tiny_model, resolution=None):
    """Whether the pixels are the map of the sliders as they are."""
    wanted = backend.map_of(
        slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model), resolution
    )
    found = map_image.read_map(face)
    return found.shape == wanted.shape and np.array_equal(found, wanted)


def settle(limit=20):
    """Ticks until the timer would end."""
    for _ in range(limit):
        if live.tick() is None:
            return
    pytest.fail("the timer never ends")


def test_a_preview_while_dragging_then_the_whole_map(window, face, backend, tiny_model, monkeypatch):
    settle()
    assert shown(face, backend, tiny_model)
    monkeypatch.setattr(live, "QUIET_S", 1e9)
    move(face, value=0.7)
    assert live.tick() is not None
    assert shown(face, backend, tiny_model, 256)
    assert backend.asked[-1]["params"] == {"resolution": 256, "final": False}
    monkeypatch.setattr(live, "QUIET_S", 0.0)
    settle()
    assert shown(face, backend, tiny_model)
    assert backend.asked[-1]["params"] == {"resolution": None, "final": True}
    asked = len(backend.asked)
    bpy.context.view_layer.update()
    assert live.tick() is None
    assert len(backend.asked) == asked


def test_identity_sliders_ask_too(window, face, backend, tiny_model):
    face.dnpm_face.identity[2].value = 1.25
    settle()
    np.testing.assert_array_equal(backend.asked[-1]["identity"], [0, 0, 1.25])
    assert shown(face, backend, tiny_model)


def test_overtaken_requests_leave_nothing_behind(window, face, backend, tiny_model):
    backend.held = True
    for value in (0.1, 0.2, 0.3, 0.9):
        move(face, value=value)
    backend.held = False
    settle()
    assert shown(face, backend, tiny_model)
    assert not map_state.of(face).tickets


def test_without_the_whole_map_the_preview_stays(window, face, backend, tiny_model):
    settle()
    face.dnpm_face.full_on_release = False
    move(face, value=0.4)
    settle()
    assert shown(face, backend, tiny_model, 256)
    face.dnpm_face.full_on_release = True
    settle()
    assert shown(face, backend, tiny_model)


def test_live_off_asks_nothing_until_it_is_on_again(window, face, backend, tiny_model):
    settle()
    face.dnpm_face.live = False
    asked = len(backend.asked)
    move(face, value=0.8)
    settle()
    assert len(backend.asked) == asked
    face.dnpm_face.live = True
    settle()
    assert shown(face, backend, tiny_model)


def test_no_strength_needs_no_map_until_there_is_some(window, face, backend, tiny_model):
    settle()
    face.dnpm_face.strength = 0.0
    asked = len(backend.asked)
    move(face, value=0.8)
    settle()
    assert len(backend.asked) == asked
    face.dnpm_face.strength = 1.0
    settle()
    assert shown(face, backend, tiny_model)


def test_two_faces_each_get_theirs(window, backend, tiny_model):
    faces = []
    for value in (0.2, 0.9):
        bpy.ops.dnpm.add_face()
        faces.append(bpy.context.object)
        move(faces[-1], value=value)
    settle()
    assert all(shown(face, backend, tiny_model) for face in faces)


def test_undo_and_redo_bring_the_maps_back(window, face, backend, tiny_model):
    settle()
    bpy.ops.ed.undo_push(message="at rest")
    move(face, value=0.6)
    face.dnpm_face.identity[0].value = 1.0
    bpy.ops.ed.undo_push(message="moved")
    settle()
    moved = map_image.read_map(face)
    name = face.name
    for step, value in ((bpy.ops.ed.undo, 0.0), (bpy.ops.ed.redo, 0.6), (bpy.ops.ed.undo, 0.0)):
        step()
        face = bpy.data.objects[name]
        settle()
        assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(value)
        assert shown(face, backend, tiny_model)
        assert np.array_equal(map_image.read_map(face), moved) == (value > 0)


def test_undo_and_redo_of_a_duplicate(window, face, backend, tiny_model):
    """Blender's undo step is made before the duplicate got parts of its own."""
    move(face, value=0.6)
    settle()
    bpy.ops.ed.undo_push(message="one face")
    face.select_set(True)
    bpy.ops.object.duplicate()
    bpy.ops.ed.undo_push(message="two faces")
    move(bpy.context.object, value=0.1)
    settle()
    bpy.ops.ed.undo_push(message="the second one moved")
    for step, values in ((bpy.ops.ed.undo, [0.6, 0.6]), (bpy.ops.ed.undo, [0.6]), (bpy.ops.ed.redo, [0.6, 0.6]),
                         (bpy.ops.ed.redo, [0.6, 0.1])):  # fmt: skip
        step()
        settle()
        faces = sorted(slider_values.faces(), key=lambda found: found.name)
        assert [f.data.shape_keys.key_blocks["jawOpen"].value for f in faces] == pytest.approx(values)
        assert len({map_image.find_image(f).name for f in faces}) == len(values)
        assert all(shown(f, backend, tiny_model) for f in faces)


def test_undo_of_something_else_asks_nothing(window, face, backend, tiny_model):
    settle()
    bpy.ops.ed.undo_push(message="before")
    face.location.x = 1
    bpy.ops.ed.undo_push(message="after")
    asked = len(backend.asked)
    name = face.name
    bpy.ops.ed.undo()
    settle()
    assert len(backend.asked) == asked
    assert shown(bpy.data.objects[name], backend, tiny_model)


def test_a_frozen_map_stays_and_follows_again(window, face, backend, tiny_model):
    move(face, value=0.3)
    settle()
    assert bpy.ops.dnpm.freeze() == {"FINISHED"}
    kept = map_image.read_map(face)
    assert map_image.find_image(face).packed_file is not None
    move(face, value=1.0)
    face.dnpm_face.identity[0].value = 2.0
    settle()
    np.testing.assert_array_equal(map_image.read_map(face), kept)
    with pytest.raises(RuntimeError, match="frozen"):
        bpy.ops.dnpm.update_detail()
    assert bpy.ops.dnpm.unfreeze() == {"FINISHED"}
    settle()
    assert shown(face, backend, tiny_model)


def test_update_waits_for_the_whole_map(face, backend, tiny_model):
    move(face, value=0.9)
    assert not backend.asked  # in background mode nothing happens by itself
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    assert shown(face, backend, tiny_model)


def test_an_error_of_the_backend_is_shown_and_the_map_stays(window, face, backend, tiny_model):
    settle()
    before = map_image.read_map(face)
    backend.error = "the weights are foreign"
    move(face, value=0.9)
    settle()
    assert map_state.of(face).problem == "the weights are foreign"
    np.testing.assert_array_equal(map_image.read_map(face), before)
    with pytest.raises(RuntimeError, match="foreign"):
        bpy.ops.dnpm.update_detail()
    backend.error = None
    move(face, value=0.8)
    settle()
    assert shown(face, backend, tiny_model)


def test_a_failed_backend_is_left_alone_and_the_coarse_face_moves(window, face, backend):
    settle()
    backend.status = BackendStatus(state="failed", message="no Python with torch: set one in the preferences")
    asked = len(backend.asked)
    face.dnpm_face.identity[0].value = 1.0
    move(face, value=0.9)
    assert live.tick() is None
    assert len(backend.asked) == asked
    assert not map_state.of(face).problem
    with pytest.raises(RuntimeError, match="no Python with torch"):
        bpy.ops.dnpm.update_detail()


def test_a_map_that_is_not_finite_is_refused(window, face, backend, monkeypatch):
    settle()
    before = map_image.read_map(face)
    monkeypatch.setattr(backend, "map_of", lambda *_: np.full((64, 64), np.nan, np.float32))
    move(face, value=0.4)
    settle()
    assert "not finite" in map_state.of(face).problem
    np.testing.assert_array_equal(map_image.read_map(face), before)


def test_a_face_deleted_under_way_is_forgotten(window, face, backend):
    backend.held = True
    move(face)
    bpy.data.objects.remove(face)
    backend.held = False
    settle()
    assert not map_state.known()


def test_another_backend_computes_the_maps_anew(window, face, backend, tiny_model):
    settle()
    session.use(None)
    other = type(backend)()
    other.map_of = lambda identity, expression, resolution: np.full((64, 64), 0.25, np.float32)
    session.use(other)
    live.backend_changed()
    settle()
    assert np.unique(map_image.read_map(face)).tolist() == [0.25]
