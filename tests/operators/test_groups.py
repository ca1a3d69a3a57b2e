"""Vertex groups beside UV layers: the names that they must not share, and faces of the version that let them."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.operators.scene import names
from dnpm.operators.scene.detail import map_image
from dnpm.operators.scene.face import create, repair, slider_values, vertex_groups

OLD_FACE = Path(__file__).parent / "data" / "face_0.1_blender_4.2.blend"
"""The tiny model's face as version 0.1.0 saved it in Blender 4.2.23: frozen, with a map of 128 x 128, its group as the
detail mask and as the group of a Solidify modifier (switched off)."""


def points(obj) -> np.ndarray:
    """The mesh as it is shown, in metres."""
    bpy.context.view_layer.update()
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    found = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", found)
    return found.reshape(-1, 3)


def check_lifted(face):
    """The map lifts this mesh as it lifts one without any vertex group, where no name can be mistaken."""
    found = points(face)
    copy = face.copy()
    copy.data = face.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    copy.vertex_groups.clear()
    bare = points(copy)
    bpy.data.objects.remove(copy)
    np.testing.assert_allclose(found, bare, atol=1e-6)
    modifier = map_image.displace_modifier(face)
    modifier.show_viewport = False
    assert np.abs(found - points(face)).max() > 5e-4, "the map lifts nothing: this test would see nothing"
    modifier.show_viewport = True


def check_renamed(face):
    assert face.vertex_groups.keys() == ["face", names.REGION]
    assert face.modifiers["Thick"].vertex_group == names.REGION
    assert face.dnpm_controls.mask == names.REGION
    assert not vertex_groups.clashing(face)


def test_a_new_face_keeps_its_groups_and_is_lifted_right(face, backend):
    x = (np.arange(128) + 0.5) / 128
    bump = np.sin(np.pi * x) ** 2 * (1 + 0.5 * np.sin(9 * x))
    map_image.write_map(face, np.outer(bump, bump).astype(np.float32))
    check_lifted(face)


def test_an_old_face_is_migrated_when_its_file_is_opened(backend):
    bpy.ops.wm.open_mainfile(filepath=str(OLD_FACE))
    face = bpy.data.objects[names.OBJECT]
    check_renamed(face)
    check_lifted(face)


def test_an_old_face_is_migrated_when_it_is_appended(backend):
    with bpy.data.libraries.load(str(OLD_FACE)) as (source, target):
        target.objects = source.objects
    (face,) = target.objects
    bpy.context.scene.collection.objects.link(face)
    bpy.context.view_layer.update()
    check_renamed(face)
    check_lifted(face)


@pytest.mark.skipif(not hasattr(bpy.app.handlers, "blend_import_post"), reason="this Blender does not tell of links")
def test_an_old_face_that_is_linked_is_lifted_right(backend):
    """The library stays as it is: what is renamed is what was read from it."""
    before = OLD_FACE.read_bytes()
    with bpy.data.libraries.load(str(OLD_FACE), link=True) as (source, target):
        target.objects = source.objects
    (face,) = target.objects
    bpy.context.scene.collection.objects.link(face)
    check_renamed(face)
    check_lifted(face)
    assert OLD_FACE.read_bytes() == before


def test_a_file_that_links_an_old_face_is_lifted_right_when_it_is_opened(backend, tmp_path):
    library = shutil.copy(OLD_FACE, tmp_path / "library.blend")
    with bpy.data.libraries.load(str(library), link=True) as (source, target):
        target.objects = source.objects
    bpy.context.scene.collection.objects.link(target.objects[0])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    face = bpy.data.objects[names.OBJECT]
    assert face.library is not None
    check_renamed(face)
    check_lifted(face)


def test_a_face_that_was_shown_before_is_shown_right_afterwards(face, backend):
    face.vertex_groups[names.REGION].name = names.DETAIL
    x = (np.arange(128) + 0.5) / 128
    map_image.write_map(face, np.outer(np.sin(np.pi * x) ** 2, np.sin(9 * x) ** 2).astype(np.float32))
    with slider_values.suppress_frame_updates():  # else the first evaluation migrates it
        points(face)
    assert "the name of the detail region's vertex group" in repair.repair(face)
    assert face.vertex_groups.keys() == ["face", names.REGION]
    check_lifted(face)
    assert not repair.repair(face)


def test_everything_that_names_the_group_follows(face):
    group = face.vertex_groups[names.REGION]
    group.name = names.DETAIL
    other = bpy.data.objects.new("other", None)
    bpy.context.scene.collection.objects.link(other)
    constraint = other.constraints.new("COPY_LOCATION")
    constraint.target, constraint.subtarget = face, names.DETAIL
    cloth = face.modifiers.new("Cloth", "CLOTH")
    cloth.settings.vertex_group_mass = names.DETAIL
    mix = face.modifiers.new("Mix", "VERTEX_WEIGHT_MIX")
    mix.vertex_group_a, mix.vertex_group_b = names.DETAIL, "face"
    face.data.shape_keys.key_blocks["jawOpen"].vertex_group = names.DETAIL
    assert vertex_groups.migrate(face)
    assert constraint.subtarget == cloth.settings.vertex_group_mass == mix.vertex_group_a == names.REGION
    assert mix.vertex_group_b == "face"
    assert face.data.shape_keys.key_blocks["jawOpen"].vertex_group == names.REGION
    # The layer's name is the modifier's still.
    assert map_image.displace_modifier(face).uv_layer == names.DETAIL
    assert not vertex_groups.migrate(face)


def test_an_artists_group_is_never_renamed_but_named_in_the_sidebar(face):
    own = face.vertex_groups.new(name=names.UV)
    assert not vertex_groups.migrate(face)
    assert vertex_groups.clashing(face) == [names.UV]
    own.name = "mine"
    assert vertex_groups.clashing(face) == []
    # A face that has the region's group does not get a second one from another that bears the layer's name.
    own.name = names.DETAIL
    assert not vertex_groups.migrate(face)
    assert vertex_groups.clashing(face) == [names.DETAIL]


def test_meshes_that_are_no_faces_are_left_alone(backend):
    mesh = bpy.data.meshes.new("grid")
    grid = bpy.data.objects.new("grid", mesh)
    grid.vertex_groups.new(name=names.DETAIL)
    create.new_face(bpy.context.scene)
    vertex_groups.migrate_all()
    assert grid.vertex_groups.keys() == [names.DETAIL]
