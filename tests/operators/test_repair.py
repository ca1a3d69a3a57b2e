"""What happens to a face that was edited, and what Repair Face brings back."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import units
from dnpm.operators.scene import names
from dnpm.operators.scene.detail import live, map_image, map_state
from dnpm.operators.scene.face import identity, models, slider_values


def rest_points(face) -> np.ndarray:
    found = np.empty(len(face.data.vertices) * 3, np.float32)
    face.data.shape_keys.reference_key.points.foreach_get("co", found)
    return found.reshape(-1, 3)


def add_a_vertex(face):
    face.data.vertices.add(1)
    face.data.update()


def test_a_face_with_other_vertices_is_reported_and_left_alone(face, backend):
    add_a_vertex(face)
    before = np.array([v.co for v in face.data.vertices])
    face.dnpm_face.identity[0].value = 2.0
    assert "it was edited" in map_state.of(face).problem
    np.testing.assert_array_equal(np.array([v.co for v in face.data.vertices]), before)
    for action in (
        bpy.ops.dnpm.repair,
        lambda: bpy.ops.dnpm.random(part="IDENTITY", seed=1),
        bpy.ops.dnpm.update_detail,
    ):
        with pytest.raises(RuntimeError, match="vertices"):
            action()
    np.testing.assert_array_equal(np.array([v.co for v in face.data.vertices]), before)
    # What it does can still be carried to another face.
    assert bpy.ops.dnpm.copy() == {"FINISHED"}


def test_a_deed_that_fails_changes_nothing(face, tiny_model):
    slider_values.set_expression(face, tiny_model, tiny_model.expression(jawOpen=0.5))
    add_a_vertex(face)
    with pytest.raises(RuntimeError, match="it was edited"):
        bpy.ops.dnpm.random(part="ALL", seed=1)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == 0.5


def test_sculpting_survives_a_new_identity(face, tiny_model):
    bump = np.zeros_like(rest_points(face))
    bump[40] = (0.001, -0.004, 0.002)
    face.data.shape_keys.reference_key.points.foreach_set("co", (rest_points(face) + bump).ravel())
    face.data.vertices.foreach_set("co", rest_points(face).ravel())
    for value in (1.0, -2.0, 0.5):
        face.dnpm_face.identity[0].value = value
        model = units.to_blender(tiny_model.neutral_of(np.array([value, 0, 0])))
        np.testing.assert_allclose(rest_points(face), model + bump, atol=1e-6)


def test_an_identity_comes_back_exactly(face):
    face.dnpm_face.identity[1].value = 0.7
    before = rest_points(face)
    for value in np.linspace(-3, 3, 25):
        face.dnpm_face.identity[1].value = value
    face.dnpm_face.identity[1].value = 0.7
    np.testing.assert_array_equal(rest_points(face), before)


@pytest.mark.parametrize("part", ["modifier", "texture", "image", "layer", "group", "materials"])
def test_deleted_parts_come_back_and_the_sliders_stay(face, backend, tiny_model, part):
    bpy.ops.dnpm.random(part="ALL", seed=4)
    sliders = slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model)
    modifier = map_image.displace_modifier(face)
    if part == "modifier":
        face.modifiers.remove(modifier)
    elif part == "texture":
        bpy.data.textures.remove(modifier.texture)
    elif part == "image":
        bpy.data.images.remove(modifier.texture.image)
    elif part == "layer":
        face.data.uv_layers.remove(face.data.uv_layers[names.DETAIL])
    elif part == "group":
        face.vertex_groups.clear()
    else:
        face.data.materials.clear()
    if part in {"modifier", "texture", "image"}:
        with pytest.raises(RuntimeError, match="was deleted: press Repair Face"):
            bpy.ops.dnpm.update_detail()
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    assert np.ptp(map_image.read_map(face)) > 0
    modifier = map_image.displace_modifier(face)
    assert modifier.uv_layer == names.DETAIL
    assert names.DETAIL in face.data.uv_layers
    assert face.vertex_groups.keys() == ["face", names.REGION]
    assert [m[names.MATERIAL_KIND] for m in face.data.materials] == ["skin", "lips"]
    for found, wanted in zip(
        (slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model)), sliders, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_a_subdivision_that_alone_was_deleted_comes_back_below_the_map(face):
    levels = [face.modifiers[names.SUBDIVISION].levels, face.modifiers[names.SUBDIVISION].render_levels]
    face.modifiers.remove(face.modifiers[names.SUBDIVISION])
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert [modifier.type for modifier in face.modifiers] == ["SUBSURF", "DISPLACE"]
    back = face.modifiers[names.SUBDIVISION]
    assert [back.levels, back.render_levels] == levels
    assert map_image.displace_modifier(face).texture is not None
    # One that the artist renamed is not a missing one.
    back.name = "Smooth"
    bpy.ops.dnpm.repair()
    assert len(face.modifiers) == 2


def test_a_renamed_key_is_named_and_found_by_its_shape(face, tiny_model):
    bpy.ops.dnpm.random(part="IDENTITY", seed=4)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.6
    face.data.shape_keys.key_blocks["jawOpen"].name = "Gob"
    with pytest.raises(RuntimeError, match="jawOpen is missing or was renamed"):
        bpy.ops.dnpm.update_detail()
    live.on_sliders_changed(face)
    assert "jawOpen" in map_state.of(face).problem
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert face.data.shape_keys.key_blocks.keys() == [names.BASIS, *tiny_model.expression_names]
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.6)
    assert not map_state.of(face).problem


def test_removed_keys_come_back(face, tiny_model):
    bpy.ops.dnpm.random(part="IDENTITY", seed=4)
    before = {k.name: np.array([p.co for p in k.points]) for k in face.data.shape_keys.key_blocks}
    face.shape_key_remove(face.data.shape_keys.key_blocks["mouthSmileLeft"])
    bpy.ops.dnpm.repair()
    for key in face.data.shape_keys.key_blocks:
        np.testing.assert_allclose(np.array([p.co for p in key.points]), before[key.name], atol=1e-6)
    face.shape_key_clear()
    with pytest.raises(RuntimeError, match="shape keys were removed"):
        bpy.ops.dnpm.update_detail()
    bpy.ops.dnpm.repair()
    for key in face.data.shape_keys.key_blocks:
        np.testing.assert_allclose(np.array([p.co for p in key.points]), before[key.name], atol=1e-6)


def test_a_key_of_the_artists_own_stays(face, tiny_model):
    own = face.shape_key_add(name="Scar", from_mix=False)
    own.points[10].co.y -= 0.01
    bpy.ops.dnpm.repair()
    assert "Scar" in face.data.shape_keys.key_blocks
    assert len(face.data.shape_keys.key_blocks) == tiny_model.n_exp + 2


def test_another_build_of_the_model_is_noticed_and_carried_over(face, backend, tiny_model, tmp_path, monkeypatch):
    from dataclasses import replace

    bpy.ops.dnpm.random(part="ALL", seed=4)
    sliders = slider_values.identity_vector(face)
    other = replace(tiny_model, name="tiny two", neutral=tiny_model.neutral * np.float32(1.1))
    other.save(tmp_path / "two.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "two.safetensors"))
    before = rest_points(face)
    face.dnpm_face.identity[0].value += 0.5
    assert "another face model (tiny)" in map_state.of(face).problem
    np.testing.assert_array_equal(rest_points(face), before)
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    sliders[0] += 0.5
    np.testing.assert_allclose(rest_points(face), units.to_blender(other.neutral_of(sliders)), atol=1e-6)
    assert models.model_of(face).name == "tiny two"


def test_a_whole_face_needs_no_repair(face):
    before = identity.applied(face)
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    np.testing.assert_array_equal(identity.applied(face), before)
    assert len(face.modifiers) == 2
