"""Whatever happens to a map's image, the face shows the map of its sliders, or knows that it does not."""

from __future__ import annotations

import contextlib

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dnpm.operators.scene import names
from dnpm.operators.scene.detail import live, map_image, map_state
from dnpm.operators.scene.face import registry, slider_values


def settle():
    for _ in range(30):
        if live.tick() is None:
            return
    pytest.fail("the timer never ends")


def wanted(face, backend, model):
    return backend.map_of(slider_values.identity_vector(face), slider_values.expression_vector(face, model), None)


def update():
    bpy.context.view_layer.update()


def first():
    return next(iter(registry.faces()), None)


def image_of_first():
    return map_image.find_image(first())


def slide(value):
    first().data.shape_keys.key_blocks["jawOpen"].value = value


def duplicate():
    for obj in bpy.context.scene.objects:
        obj.select_set(obj == first())
    if len(registry.faces()) < 3:
        bpy.ops.object.duplicate()


def colour_space():
    image_of_first().colorspace_settings.name = "sRGB"


def alpha_mode():
    image_of_first().alpha_mode = "STRAIGHT"


def source():
    image_of_first().source = "GENERATED"


def hide():
    first().hide_viewport = not first().hide_viewport


def modifiers():
    for modifier in first().modifiers:
        modifier.show_viewport = not modifier.show_viewport


def pack():
    """As Image > Pack does; where the buffers are freed, Blender 5 would pack the missing file, and keep nothing."""
    if image_of_first().is_dirty:
        image_of_first().pack()


def stepped(step):
    with contextlib.suppress(RuntimeError):  # nothing is left to undo
        step()


LOSSES = {
    "reload": lambda: image_of_first().reload(),
    "free": lambda: image_of_first().buffers_free(),
    "colour space": colour_space,
    "alpha mode": alpha_mode,
    "source": source,
    "scale": lambda: image_of_first().scale(32, 32),
}
STEPS = LOSSES | {
    "slide": lambda: slide(0.3),
    "slide back": lambda: slide(0.6),
    "duplicate": duplicate,
    "hide": hide,
    "modifiers": modifiers,
    "pack": pack,
    "push": lambda: bpy.ops.ed.undo_push(message="step"),
    "undo": lambda: stepped(bpy.ops.ed.undo),
    "redo": lambda: stepped(bpy.ops.ed.redo),
    "purge": lambda: bpy.data.orphans_purge(do_recursive=True),
    "settle": settle,
}


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("packed", [False, True])
def test_lost_pixels_come_back(window, face, backend, tiny_model, loss, packed):
    """A new face's image was packed when it was flat, 64 x 64: that is what Blender reads again."""
    update()
    settle()
    if packed:
        map_state.pack(face)
    slide(0.4)
    update()
    settle()
    LOSSES[loss]()
    assert not map_state.of(face).shows(map_state.of(face).wanted)
    face.hide_set(True)
    update()
    face.hide_set(False)
    update()
    settle()
    np.testing.assert_array_equal(map_image.read_map(face), wanted(face, backend, tiny_model))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
@example(steps=["pack", "alpha mode", "colour space"])
def test_a_face_shows_its_map_after_anything(window, backend, tiny_model, steps):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.dnpm.add_face()
    for message in ("one", "two"):
        bpy.ops.ed.undo_push(message=message)
        settle()
    for step in steps:
        STEPS[step]()
        update()
    for obj in bpy.data.objects:
        obj.hide_viewport = False
    update()
    settle()
    for face in registry.faces():
        np.testing.assert_array_equal(map_image.read_map(face), wanted(face, backend, tiny_model))


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_render_sees_that_pixels_were_lost(face, backend, tiny_model, loss):
    live.update_now(face)
    LOSSES[loss]()
    live.update_now(face)
    np.testing.assert_array_equal(map_image.read_map(face), wanted(face, backend, tiny_model))


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_file_never_says_that_a_flat_map_is_a_faces(face, backend, tiny_model, tmp_path, loss):
    live.update_now(face)
    LOSSES[loss]()
    backend.status = type(backend.status)(state="failed", message="gone")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    face = first()
    assert not map_state.of(face).shows(map_state.of(face).wanted)
    backend.status = type(backend.status)()
    live.update_now(face)
    np.testing.assert_array_equal(map_image.read_map(face), wanted(face, backend, tiny_model))


def test_a_file_of_an_earlier_version_that_says_so_is_not_believed(face, backend, tiny_model, tmp_path):
    digest = map_state.of(face).wanted
    assert digest
    map_image.find_image(face)[names.MAP_DIGEST] = digest
    map_state.forget()
    assert not map_state.of(face).shows(digest)
    # A map as small as that is one, where there is something in it.
    map_image.write_map(face, np.full((64, 64), 0.2, np.float32))
    map_image.pack(face)
    map_state.forget()
    assert map_state.of(face).shows(digest)


def test_a_duplicate_shows_what_it_was_copied_from(window, face, backend):
    update()
    settle()
    asked = len(backend.asked)
    face.select_set(True)
    bpy.ops.object.duplicate()
    update()
    settle()
    assert len(backend.asked) == asked
    assert len({map_image.find_image(one).name for one in registry.faces()}) == 2


def test_an_image_without_data_is_told_and_repaired(face, backend, tiny_model):
    image = map_image.find_image(face)
    image.unpack(method="REMOVE")
    image.filepath = "//nothing.exr"
    image.source = "FILE"
    image.reload()
    with pytest.raises(RuntimeError, match="is missing: press Repair Face"):
        bpy.ops.dnpm.update_detail()
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    np.testing.assert_array_equal(map_image.read_map(face), wanted(face, backend, tiny_model))
