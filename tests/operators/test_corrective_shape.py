"""What a photo says about the shape beyond the sliders: on every expression, replaced, taken away, in presets."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import corrective
from dnpm.core.face_model.units import to_blender
from dnpm.operators.sliders import apply_preset, preset_of


def make() -> set[str]:
    return bpy.ops.dnpm.face_from_image(filepath="/somewhere/ann.jpg")


def coordinates(face) -> np.ndarray:
    """(keys, V, 3): every shape key's."""
    found = []
    for block in face.data.shape_keys.key_blocks:
        places = np.empty(3 * len(face.data.vertices), np.float32)
        block.data.foreach_get("co", places)
        found.append(places.reshape(-1, 3))
    return np.stack(found)


def test_the_photos_shape_lies_on_every_expression_and_goes_with_the_photo(backend, face):
    assert make() == {"FINISHED"}
    change = to_blender(backend.photo_answer(1).corrective)
    with_it = coordinates(face)
    assert face.dnpm_photo.corrective
    assert make() == {"FINISHED"}
    assert np.allclose(coordinates(face), with_it, atol=2e-5), "a second photo's replaces it"
    person = [item.value for item in face.dnpm_face.identity]
    assert bpy.ops.dnpm.random(part="IDENTITY", seed=7) == {"FINISHED"}
    for item, value in zip(face.dnpm_face.identity, person, strict=True):
        item.value = value
    assert np.allclose(coordinates(face), with_it, atol=2e-5), "a new identity keeps it"
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert not face.dnpm_photo.corrective
    assert np.allclose(with_it - coordinates(face), change[None], atol=2e-5)


def test_a_presets_shape_is_set_and_another_models_is_refused(backend, face):
    assert make() == {"FINISHED"}
    preset, with_it = preset_of(face), coordinates(face)
    assert preset.corrective == face.dnpm_photo.corrective
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    bare = coordinates(face)
    with pytest.raises(DnpmError, match="another face model's"):
        apply_preset(face, replace(preset, corrective=corrective.to_text(np.ones((7, 3)))))
    assert np.array_equal(coordinates(face), bare)
    apply_preset(face, preset)
    assert np.allclose(coordinates(face), with_it, atol=2e-5)
