"""A new face: what it is made of, and that its map lifts it by millimetres, outward and inward."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import units
from dnpm.operators.scene import names
from dnpm.operators.scene.detail import map_image
from dnpm.operators.scene.face import create, identity, slider_values


def points(obj) -> np.ndarray:
    """The mesh as it is shown."""
    bpy.context.view_layer.update()
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    found = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", found)
    return found.reshape(-1, 3)


def test_the_mesh_is_the_models(face, tiny_model):
    mesh = face.data
    assert len(mesh.vertices) == len(tiny_model.neutral)
    assert len(mesh.polygons) == len(tiny_model.faces)
    assert all(polygon.use_smooth and len(polygon.vertices) == 4 for polygon in mesh.polygons)
    found = np.array([v.co for v in mesh.vertices])
    np.testing.assert_allclose(found, units.to_blender(tiny_model.neutral), atol=1e-7)
    assert [layer.name for layer in mesh.uv_layers] == [names.UV, names.DETAIL]
    assert [material[names.MATERIAL_KIND] for material in mesh.materials] == ["skin", "lips"]
    assert [p.material_index for p in mesh.polygons] == tiny_model.face_material.tolist()
    assert face.vertex_groups.keys() == ["face", names.REGION]


def test_the_keys_are_the_models_expressions(face, tiny_model):
    keys = face.data.shape_keys.key_blocks
    assert keys.keys() == [names.BASIS, *tiny_model.expression_names]
    for name in tiny_model.expression_names:
        assert (keys[name].value, keys[name].slider_min, keys[name].slider_max) == (0, 0, 1)
    assert [item.name for item in face.dnpm_face.identity] == list(tiny_model.identity_labels)
    assert [item.name for item in face.dnpm_face.linked] == ["mouthSmileRight"]


def test_image_texture_and_modifier_carry_signed_millimetres(face):
    subdivision, displace = face.modifiers
    assert (subdivision.type, displace.type) == ("SUBSURF", "DISPLACE")
    assert subdivision.levels < subdivision.render_levels
    assert (displace.texture_coords, displace.uv_layer, displace.direction) == ("UV", names.DETAIL, "NORMAL")
    assert displace.mid_level == 0
    assert displace.strength == pytest.approx(0.001)
    assert not displace.texture.use_clamp
    image = displace.texture.image
    assert image.is_float
    assert image.colorspace_settings.name == "Non-Color"
    map_image.write_map(face, np.full((64, 64), -1.5, np.float32))
    pixels = map_image.raw_pixels(image).reshape(-1, 4)
    assert np.unique(pixels[:, :3]).tolist() == [-1.5]
    assert np.unique(pixels[:, 3]).tolist() == [1.0]


@pytest.mark.parametrize("unit_scale", [1.0, 0.01])
@pytest.mark.parametrize("height", [0.8, -0.8])
def test_a_millimetre_is_a_millimetre(backend, tiny_model, unit_scale, height):
    bpy.context.scene.unit_settings.scale_length = unit_scale
    bpy.ops.dnpm.add_face()
    face = bpy.context.object
    face.modifiers[names.SUBDIVISION].levels = 0
    rest = points(face)
    np.testing.assert_allclose(rest, units.to_blender(tiny_model.neutral, unit_scale), atol=1e-6 / unit_scale)
    map_image.write_map(face, np.full((64, 64), height, np.float32))
    normals = np.array([v.vector for v in face.data.vertex_normals])
    moved = ((points(face) - rest) * normals).sum(1) * 1000 * unit_scale
    inside = np.zeros(len(rest), bool)
    inside[np.unique(tiny_model.faces[tiny_model.faces_detail_uv >= 0])] = True
    np.testing.assert_allclose(moved[inside], height, atol=2e-3)
    face.dnpm_face.strength = 0.5
    moved = ((points(face) - rest) * normals).sum(1) * 1000 * unit_scale
    np.testing.assert_allclose(moved[inside], height / 2, atol=2e-3)


def test_outside_of_the_detail_layer_nothing_moves(face, backend, tiny_model):
    """A map is 0 at the layer's border; what lies beyond must not see its inside."""
    for levels in (0, 2):
        face.modifiers[names.SUBDIVISION].levels = levels
        rest = points(face)
        peak = np.sin(np.pi * (np.arange(256) + 0.5) / 256) ** 2
        map_image.write_map(face, (3 * np.outer(peak, peak)).astype(np.float32))
        moved = np.linalg.norm(points(face) - rest, axis=1) * 1000
        layer = np.abs(rest[:, [0, 2]]) < np.array([80, 100]) / 1000 * (10.5 / 12)
        assert moved[layer.all(1)].max() > 2.5
        assert moved[~layer.all(1)].max() < 0.05
        map_image.write_map(face, np.zeros((64, 64), np.float32))


def test_the_map_lies_the_right_way_up(face, tiny_model):
    """Row 0 of the array is the top of the UV square, column 0 its left."""
    face.modifiers[names.SUBDIVISION].levels = 0
    rest = points(face)
    for rows, columns, where in ((slice(0, 32), slice(None), 2), (slice(None), slice(32, 64), 0)):
        half = np.zeros((64, 64), np.float32)
        half[rows, columns] = 2.0
        half[[0, -1]] = half[:, [0, -1]] = 0.0  # as every map at the layer's border
        map_image.write_map(face, half)
        moved = np.linalg.norm(points(face) - rest, axis=1) > 1e-3
        assert moved.any()
        # The layer's top is the face's top (z), its right the subject's left (x); the middle may belong to both.
        assert (rest[moved, where] > -0.01).all()


def test_sliders_move_the_mesh_as_equation_3_says(face, tiny_model):
    face.modifiers[names.SUBDIVISION].levels = 0
    who = np.array([1.5, -0.5, 2.0], np.float32)
    does = tiny_model.expression(jawOpen=0.6, mouthSmileLeft=1.0)
    identity.set_sliders(face, identity=who, expression=does, strength=0.0)
    np.testing.assert_allclose(points(face), units.to_blender(tiny_model.vertices(who, does)), atol=1e-6)
    # The same by hand, as in the sidebar.
    face.dnpm_face.identity[1].value = 1.0
    face.data.shape_keys.key_blocks["mouthSmileLeft"].value = 0.25
    who[1], does[1] = 1.0, 0.25
    np.testing.assert_allclose(points(face), units.to_blender(tiny_model.vertices(who, does)), atol=1e-6)


def test_two_faces_have_their_own_sliders_and_maps(backend):
    first, second = (create.new_face(bpy.context.scene) for _ in range(2))
    map_image.write_map(first, np.full((64, 64), 1.0, np.float32))
    first.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    first.dnpm_face.identity[0].value = 2.0
    assert map_image.read_map(second).max() == 0
    assert second.data.shape_keys.key_blocks["jawOpen"].value == 0
    assert second.dnpm_face.identity[0].value == 0
    assert not {s.material for s in first.material_slots} & {s.material for s in second.material_slots}


@pytest.mark.parametrize("linked", [False, True], ids=["Shift-D", "Alt-D"])
def test_a_duplicate_gets_parts_of_its_own_and_starts_alike(face, backend, tiny_model, linked):
    identity.set_sliders(face, identity=np.array([1, 0, 0], np.float32), expression=tiny_model.expression(jawOpen=0.5))
    map_image.write_map(face, backend.map_of(np.ones(3), np.ones(4), 128))
    before = map_image.read_map(face)
    face.select_set(True)
    bpy.ops.object.duplicate(linked=linked)
    copy = bpy.context.object
    bpy.context.view_layer.update()
    assert copy != face
    assert copy.data != face.data
    assert map_image.find_image(copy) != map_image.find_image(face)
    np.testing.assert_array_equal(map_image.read_map(copy), before)
    np.testing.assert_allclose(points(copy), points(face), atol=1e-7)
    copy.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    copy.dnpm_face.identity[0].value = -2.0
    map_image.write_map(copy, np.zeros((64, 64), np.float32))
    assert slider_values.expression_vector(face, tiny_model)[0] == 0.5
    assert face.dnpm_face.identity[0].value == 1.0
    np.testing.assert_array_equal(map_image.read_map(face), before)


def test_a_missing_or_broken_model_is_named_and_nothing_is_added(backend, monkeypatch, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a model")
    for path in (tmp_path / "none.safetensors", broken):
        monkeypatch.setenv("DNPM_FACE_MODEL", str(path))
        with pytest.raises(RuntimeError, match=path.name):
            bpy.ops.dnpm.add_face()
        assert not bpy.data.objects
        assert not bpy.data.meshes


def test_a_random_person_is_the_seeds(backend, tiny_model):
    from dnpm.core.face_model.sampling import random_identity

    bpy.ops.dnpm.add_face(random=True, seed=7)
    np.testing.assert_allclose(
        [item.value for item in bpy.context.object.dnpm_face.identity], random_identity(tiny_model, 7), atol=1e-6
    )


def test_it_is_added_as_primitives_are(backend, tiny_model):
    """At the cursor, into the active collection, as large as asked; the cursor's turn where one aligns to it."""
    collection = bpy.data.collections.new("Set")
    bpy.context.scene.collection.children.link(collection)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Set"]
    cursor = bpy.context.scene.cursor
    cursor.location, cursor.rotation_euler = (1, 2, 3), (0, 0, 1)
    bpy.ops.dnpm.add_face(scale=2.0)
    face = bpy.context.object
    assert face.users_collection == (collection,)
    np.testing.assert_allclose(face.location, (1, 2, 3))
    np.testing.assert_allclose(face.rotation_euler, (0, 0, 0))
    np.testing.assert_allclose(face.scale, (2, 2, 2))
    preferences = bpy.context.preferences.edit
    before = preferences.object_align
    for align, turn in (("CURSOR", 1.0), ("VIEW", 0.0)):  # In the background there is no view to align to.
        preferences.object_align = align
        bpy.ops.dnpm.add_face()
        np.testing.assert_allclose(bpy.context.object.rotation_euler, (0, 0, turn), atol=1e-6)
        np.testing.assert_allclose(bpy.context.object.location, (1, 2, 3))
    preferences.object_align = before
    # Without a window there is no view to be framed, and nothing fails.
    assert bpy.ops.dnpm.add_face(frame_view=True) == {"FINISHED"}


def test_the_iris_takes_its_colour(backend, tiny_model, tmp_path, monkeypatch):
    from dataclasses import replace

    replace(tiny_model, name="with eyes", material_names=("skin", "eye")).save(tmp_path / "eyes.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "eyes.safetensors"))
    faces = [create.new_face(bpy.context.scene) for _ in range(2)]
    ramps = [face.material_slots[1].material.node_tree.nodes["DNPM Iris"].color_ramp.elements for face in faces]
    before = list(ramps[1][3].color)
    np.testing.assert_allclose(before[:3], faces[0].dnpm_face.iris, atol=1e-6)
    faces[0].dnpm_face.iris = (0.05, 0.1, 0.3)
    np.testing.assert_allclose(ramps[0][3].color, (0.05, 0.1, 0.3, 1), atol=1e-6)
    np.testing.assert_allclose(ramps[0][2].color, (0.1, 0.2, 0.6, 1), atol=1e-6)
    assert list(ramps[1][3].color) == before


def test_iris_and_pupil_have_materials_of_their_own_so_that_solid_eyes_look(backend, tiny_model, tmp_path, monkeypatch):
    from dataclasses import replace

    from dnpm.operators.scene.look import materials

    # An eye of rings around the pole at the texture's centre, in place of the tiny model's last faces.
    uv = tiny_model.uv.copy()
    table = tiny_model.faces_uv
    eye = np.zeros(len(table), np.int32)
    eye[-3:] = 1
    away = {len(table) - 3: 5 / 360, len(table) - 2: 20 / 360, len(table) - 1: 0.4}
    order = []
    for face, distance in away.items():
        corners = table[face][table[face] >= 0]
        order.append(len(uv))
        uv = np.concatenate([uv, np.tile([0.5 + distance, 0.5], (len(corners), 1))])
    faces_uv = table.copy()
    for start, face in zip(order, away, strict=True):
        there = faces_uv[face] >= 0
        faces_uv[face, there] = start + np.arange(there.sum())
    model = replace(
        tiny_model, name="eyed", material_names=("skin", "eye"), face_material=eye, uv=uv.astype(np.float32),
        faces_uv=faces_uv,
    )  # fmt: skip
    kinds, places = materials.slots(model)
    assert kinds == ["skin", "eye", "iris", "pupil"]
    assert places[-3:].tolist() == [3, 2, 1]
    assert not places[:-3].any()
    model.save(tmp_path / "eyed.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "eyed.safetensors"))
    face = create.new_face(bpy.context.scene)
    face.dnpm_face.iris = (0.05, 0.1, 0.3)
    shown = [slot.material.diffuse_color[:3] for slot in face.material_slots]
    np.testing.assert_allclose(shown[2], (0.05, 0.1, 0.3), atol=1e-6)
    assert max(shown[3]) < 0.01
    assert min(shown[1]) > 0.4
