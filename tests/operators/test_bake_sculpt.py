"""The operator: a face that Blender displaced by a known map, applied and moved away with its face, is baked back."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.dataset.dataset import MapDataset
from dnpm.operators.scene.detail import map_image
from dnpm.operators.scene.face import slider_values

R = 128


@pytest.fixture
def sculpt(face, tiny_model):
    """A mesh object: what the face's modifiers make of a known map, with the face still the active object."""
    slider_values.set_expression(face, tiny_model, tiny_model.expression(jawOpen=0.4))
    x = (np.arange(R) + 0.5) / R
    wave = (0.5 * np.sin(9 * x)[:, None] * np.sin(7 * x)[None]).astype(np.float32)
    map_image.write_map(face, wave)
    face.modifiers["DNPM Subdivision"].levels = 4
    bpy.context.view_layer.update()
    mesh = bpy.data.meshes.new_from_object(face.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    other = bpy.data.objects.new("Sculpt", mesh)
    bpy.context.collection.objects.link(other)
    for obj in (face, other):
        obj.location = (0.3, -0.1, 0.2)
        obj.select_set(True)
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    return wave


def test_a_displaced_face_gives_its_map_back(sculpt, face, tiny_model, tmp_path):
    done = bpy.ops.dnpm.bake_sculpt(directory=str(tmp_path / "set"), resolution="128", person="ann")
    assert done == {"FINISHED"}
    data = MapDataset.open(tmp_path / "set")
    assert data.keys == ["Sculpt"]
    np.testing.assert_allclose(data.expression(np.array([0]))[0], tiny_model.expression(jawOpen=0.4), atol=1e-6)
    inside = data.masks(np.array([0]))[0] > 0.9
    assert inside.mean() > 0.5
    error = np.abs(data.maps(np.array([0]))[0] - sculpt)[inside]
    assert np.median(error) < 0.02
    assert face.modifiers["DNPM Detail"].show_viewport


def test_a_sculpt_that_lies_elsewhere_is_refused(sculpt, tmp_path):
    bpy.data.objects["Sculpt"].location.x += 1
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="does not lie on the face"):
        bpy.ops.dnpm.bake_sculpt(directory=str(tmp_path / "set"), resolution="128")
    assert not (tmp_path / "set").exists()


def test_the_sculpt_must_be_selected(face, tmp_path):
    with pytest.raises(RuntimeError, match="select the sculpt"):
        bpy.ops.dnpm.bake_sculpt(directory=str(tmp_path), resolution="128")
