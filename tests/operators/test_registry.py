"""Faces are found however they come and go, without looking at every object of the scene."""

from __future__ import annotations

import contextlib
import time

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnpm.operators import handlers
from dnpm.operators.scene.detail import map_state
from dnpm.operators.scene.face import identity, registry, slider_values


def really() -> set[int]:
    return {obj.session_uid for obj in bpy.data.objects if registry.is_face(obj)}


def known() -> set[int]:
    return {face.session_uid for face in registry.faces()}


def update():
    bpy.context.view_layer.update()


def duplicate(*, linked: bool):
    for obj in bpy.context.scene.objects:
        obj.select_set(slider_values.is_face(obj))
    bpy.ops.object.duplicate(linked=linked)


def copy():
    faces = registry.faces()
    if faces:
        bpy.context.scene.collection.objects.link(faces[0].copy())


def remove():
    faces = registry.faces()
    if faces:
        bpy.data.objects.remove(faces[-1])


def rename():
    for face in registry.faces():
        face.name = "renamed"


def hide():
    for face in registry.faces():
        face.hide_viewport = not face.hide_viewport


def other():
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("empty", None))


def stepped(step):
    with contextlib.suppress(RuntimeError):  # nothing is left to undo
        step()


STEPS = {
    "add": lambda: bpy.ops.dnpm.add_face(),
    "duplicate": lambda: duplicate(linked=False),
    "duplicate linked": lambda: duplicate(linked=True),
    "copy": copy,
    "remove": remove,
    "rename": rename,
    "hide": hide,
    "other": other,
    "push": lambda: bpy.ops.ed.undo_push(message="step"),
    "undo": lambda: stepped(bpy.ops.ed.undo),
    "redo": lambda: stepped(bpy.ops.ed.redo),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
def test_what_is_known_is_what_is_there(backend, steps):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.ed.undo_push(message="start")
    for step in ["add", *steps]:
        if len(registry.faces()) > 4 and step.startswith(("add", "dup", "copy")):
            continue
        STEPS[step]()
        update()
        graph = bpy.context.evaluated_depsgraph_get()
        evaluated = {data.original.session_uid for data in graph.ids if registry.is_face(data)}
        # A copy of a hidden face is found when it is shown.
        assert evaluated <= known() <= really(), step
    registry.forget()
    assert known() == really()


def test_faces_of_another_file_are_found(face, backend, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    for link in (False, True):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        update()
        assert registry.is_empty()
        with bpy.data.libraries.load(str(tmp_path / "face.blend"), link=link) as (source, target):
            target.objects = source.objects
        bpy.context.scene.collection.objects.link(target.objects[0])
        update()
        assert [found.name for found in registry.faces()] == ["DNPM Face"]
        assert len(slider_values.faces()) == (0 if link else 1)


def test_a_face_is_not_used_after_it_was_removed(face):
    uid = face.session_uid
    assert registry.find(uid) == face
    bpy.data.objects.remove(face)
    assert registry.find(uid) is None
    assert registry.faces() == []


def test_a_slider_that_a_driver_moves_is_noticed(face, backend, monkeypatch):
    bpy.ops.object.empty_add()
    empty = bpy.context.object
    driver = face.dnpm_face.identity[0].driver_add("value").driver
    variable = driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].transform_type = empty, "LOC_X"
    driver.expression = variable.name
    update()
    empty.location.x = 1.5
    update()
    assert identity.applied(face)[0] == pytest.approx(1.5)


def test_what_a_script_sets_at_once_is_noticed(face, backend):
    """Without an update of shape keys, and without a property's own callback."""
    update()
    face.dnpm_face.identity.foreach_set("value", [0.5, 0, 0])
    face.update_tag()
    update()
    np.testing.assert_array_equal(identity.applied(face), [0.5, 0, 0])


def test_what_is_painted_is_noticed(face, backend):
    """A mask's weights are too many to compare: here Blender's own list of what was updated is read."""
    group = face.vertex_groups.new(name="mask")
    group.add([0, 1, 2, 3], 1.0, "REPLACE")
    face.dnpm_controls.mask = "mask"
    update()
    before = map_state.of(face).wanted
    group.add(list(range(60)), 0.5, "REPLACE")
    face.data.update()
    update()
    assert map_state.of(face).wanted != before


@pytest.mark.parametrize("faces", [0, 4])
def test_the_size_of_the_scene_does_not_matter(backend, faces):
    """Blender calls the handler after each change; here it is called again, when its memory is in the cache."""

    def milliseconds(objects: int) -> float:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        mesh = bpy.data.meshes.new("other")
        others = [bpy.data.objects.new("other", mesh) for _ in range(objects)]
        for obj in others:
            bpy.context.scene.collection.objects.link(obj)
        for _ in range(faces):
            bpy.ops.dnpm.add_face()
        times = []

        def timed(scene, depsgraph):
            for _ in range(5):
                start = time.perf_counter()
                handlers.HANDLERS["depsgraph_update_post"](scene, depsgraph)
                times.append((time.perf_counter() - start) * 1e3)

        update()
        bpy.app.handlers.depsgraph_update_post.append(timed)
        try:
            for k in range(10):
                others[0].location.x = 0.1 * (k + 1)
                update()
        finally:
            bpy.app.handlers.depsgraph_update_post.remove(timed)
        return min(times)

    small, large = milliseconds(100), milliseconds(3000)
    assert large < (0.5 if faces else 0.1)
    assert large < 3 * small + 0.02
