"""While a slider is dragged the mesh is coarser where it would be too slow, and nobody else ever sees it so."""

from __future__ import annotations

import bpy
import pytest

from dnpm.operators.scene import names, settings
from dnpm.operators.scene.detail import dragging, live, map_state

LIGHTEN_NEW = dragging.lighten_new


def move(face, value, name="jawOpen"):
    face.data.shape_keys.key_blocks[name].value = value
    bpy.context.view_layer.update()


def levels(face):
    return face.modifiers[names.SUBDIVISION].levels


@pytest.fixture
def slow(window, monkeypatch):
    """An evaluation that takes long at level 2, as long as the tests' clock says so; hands that never rest."""
    monkeypatch.setattr(dragging, "evaluation_ends", lambda: monkeypatch.setattr(dragging, "_evaluation_ms", 300.0))
    monkeypatch.setattr(dragging, "REST_S", 1e9)
    monkeypatch.setattr(dragging, "TARGET_MS", 40.0)


def drag(face):
    for value in (0.1, 0.2, 0.3):
        move(face, value)


def test_the_level_is_the_finest_that_should_be_quick():
    assert dragging.light_level(2, 30) == 2
    assert dragging.light_level(2, 120) == 1
    assert dragging.light_level(2, 300) == 0
    assert dragging.light_level(3, 300) == 1
    assert dragging.light_level(0, 300) == 0


def test_a_drag_lowers_the_level_and_rest_gives_it_back(slow, face, monkeypatch):
    wanted = levels(face)
    assert wanted == 2
    drag(face)
    assert levels(face) == 0
    assert face.modifiers[names.SUBDIVISION].render_levels != 0
    assert live.tick() is not None, "it waits for the slider to rest"
    monkeypatch.setattr(dragging, "is_over", lambda _: True)
    for _ in range(20):
        if live.tick() is None:
            break
    assert levels(face) == wanted
    assert not dragging.is_light(face)


def test_a_new_face_is_drawn_coarse_first(slow, monkeypatch):
    """...and the level that is its own comes with the first rest."""
    monkeypatch.setattr(dragging, "lighten_new", LIGHTEN_NEW)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    face = bpy.context.object
    assert levels(face) == 0
    assert getattr(face, names.FACE).resting_level == 2
    assert live.tick() is not None
    monkeypatch.setattr(dragging, "is_over", lambda _: True)
    for _ in range(20):
        if live.tick() is None:
            break
    assert levels(face) == 2
    settings.override(settings.Settings(lighter_drag=False))
    try:
        bpy.ops.dnpm.add_face()
    finally:
        settings.override(None)
    assert levels(bpy.context.object) == 2


def test_identity_sliders_are_dragged_too(slow, face):
    for value in (0.1, 0.2, 0.3):
        face.dnpm_face.identity[0].value = value
        bpy.context.view_layer.update()
    assert levels(face) == 0


def test_a_single_change_a_quick_mesh_and_the_preference_leave_it(slow, face, monkeypatch):
    map_state.of(face).changed = 0.0
    move(face, 0.4)
    assert levels(face) == 2, "one value that was typed"
    with monkeypatch.context() as patch:
        patch.setattr(dragging, "evaluation_ends", lambda: patch.setattr(dragging, "_evaluation_ms", 9.0))
        drag(face)
        assert levels(face) == 2, "quick enough"
    settings.override(settings.Settings(lighter_drag=False))
    try:
        drag(face)
    finally:
        settings.override(None)
    assert levels(face) == 2


def test_an_animated_level_is_left_to_its_curve(slow, face):
    face.modifiers[names.SUBDIVISION].keyframe_insert("levels", frame=1)
    drag(face)
    assert levels(face) == 2


def test_a_finer_level_that_the_artist_sets_meanwhile_stays(slow, face):
    drag(face)
    face.modifiers[names.SUBDIVISION].levels = 3
    dragging.rest(face)
    assert levels(face) == 3


def test_files_and_undo_never_bring_the_coarse_mesh(slow, face, tmp_path):
    bpy.ops.ed.undo_push(message="before")
    drag(face)
    bpy.ops.ed.undo_push(message="the slider is let go")  # as Blender does, while the mesh is coarse
    assert levels(face) == 0
    move(face, 0.9)
    bpy.ops.ed.undo_push(message="later")
    bpy.ops.ed.undo()
    face = bpy.data.objects["DNPM Face"]
    assert levels(face) == 2
    assert not dragging.is_light(face)
    drag(face)
    assert levels(face) == 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend")) as (found, wanted):
        wanted.objects = [name for name in found.objects if name.startswith("DNPM Face")]
    assert [levels(each) for each in wanted.objects] == [2]


def test_a_file_that_was_saved_by_blender_itself_is_mended(slow, face, tmp_path, monkeypatch):
    drag(face)
    with monkeypatch.context() as patch:  # as an automatic save, which calls no handler
        for handler in list(bpy.app.handlers.save_pre):
            bpy.app.handlers.save_pre.remove(handler)
            patch.callback = handler
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "auto.blend"), copy=True)
        bpy.app.handlers.save_pre.append(patch.callback)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "auto.blend"))
    assert levels(bpy.data.objects["DNPM Face"]) == 2
