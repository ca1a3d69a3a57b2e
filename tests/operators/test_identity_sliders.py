"""Identity sliders of the sidebar: each explains itself, moves the component, and gives way to keys and overrides."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from dnpm.core.face_model.component_help import DESCRIPTIONS
from dnpm.operators.properties import identity_sliders


@pytest.fixture
def sliders(face):
    """Of a face whose first components are called as two of the default model's."""
    face.dnpm_face.identity[0].name, face.dnpm_face.identity[1].name = "Age", "Crow's feet"
    return face.dnpm_identity_sliders


def test_each_has_a_tooltip_of_its_own(sliders):
    known = {prop.identifier: prop for prop in sliders.bl_rna.properties}
    for label, attribute in identity_sliders.ATTRIBUTES.items():
        assert known[attribute].description.startswith(DESCRIPTIONS[label])
        assert known[attribute].soft_max == 3.0
        assert not known[attribute].is_animatable
    assert len({known[name].description for name in identity_sliders.ATTRIBUTES.values()}) == len(DESCRIPTIONS)
    assert known["caucasian"].name == "European Ancestry"


def test_it_is_the_component(face, sliders):
    before = np.array([v.co for v in face.data.shape_keys.key_blocks[0].data])
    owner, name = identity_sliders.shown(face, face.dnpm_face.identity[0])
    assert (owner, name) == (sliders, "age")
    sliders.age = 1.5
    assert face.dnpm_face.identity[0].value == 1.5
    assert np.abs(np.array([v.co for v in face.data.shape_keys.key_blocks[0].data]) - before).max() > 0
    face.dnpm_face.identity[1].value = -0.5
    assert sliders.crow_s_feet == -0.5
    assert sliders.moles == 0.0  # which this model does not have
    sliders.moles = 1.0
    assert [item.value for item in face.dnpm_face.identity] == [1.5, -0.5, 0.0]


def test_a_component_that_is_not_the_default_models_is_drawn_as_it_is(face):
    item = face.dnpm_face.identity[2]
    assert identity_sliders.shown(face, item) == (item, "value")


@pytest.mark.parametrize("how", ["keyed", "driven", "strip"])
def test_once_animated_the_value_itself_is_shown(face, sliders, how):
    item = face.dnpm_face.identity[0]
    face.keyframe_insert("location", frame=1)
    assert identity_sliders.shown(face, item)[1] == "age"
    if how == "keyed":
        assert bpy.ops.dnpm.key_identity() == {"FINISHED"}
    elif how == "driven":
        item.driver_add("value")
    else:
        face.animation_data.nla_tracks.new().strips.new("a", 1, bpy.data.actions.new("a"))
    assert identity_sliders.shown(face, item) == (item, "value")


def test_key_identity_keys_every_component(face):
    face.dnpm_face.identity[0].value = 1.0
    assert bpy.ops.dnpm.key_identity() == {"FINISHED"}
    bpy.context.scene.frame_set(20)
    face.dnpm_face.identity[0].value = -1.0
    assert bpy.ops.dnpm.key_identity() == {"FINISHED"}
    bpy.context.scene.frame_set(1)
    assert face.dnpm_face.identity[0].value == pytest.approx(1.0)
