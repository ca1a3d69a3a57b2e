"""Presets of a face from a photo: all that the photo gave goes along, its colours too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import presets
from dnpm.operators.scene.detail import live
from dnpm.operators.scene.look import materials
from dnpm.operators.scene.photo import code_offset, photo_colour
from dnpm.operators.sliders import preset_of


def make() -> set[str]:
    return bpy.ops.dnpm.face_from_image(filepath="/somewhere/ann.jpg")


def test_presets_carry_it(backend, face, tmp_path: Path):
    assert make() == {"FINISHED"}
    face.dnpm_photo.wrinkles = 0.5
    assert bpy.ops.dnpm.copy() == {"FINISHED"}
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    other = bpy.context.object
    assert bpy.ops.dnpm.paste() == {"FINISHED"}
    assert other.dnpm_photo.amount == 1.0
    assert np.allclose(code_offset.read(other), 0.4 * backend.photo_answer(1).w_offset, atol=1e-6)
    live.update_now(other)
    assert np.allclose(backend.calls[-1]["w_offset"], code_offset.read(other))
    assert other.dnpm_photo.wrinkles == 1.0
    assert np.allclose(backend.calls[-1]["relief"], 0.5 * backend.photo_answer(1).relief, atol=0.001)
    bpy.ops.dnpm.reset()
    assert other.dnpm_photo.offset, "the step stays until the photo is removed"


def pixels(image) -> np.ndarray:
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], 4)


def test_presets_carry_its_colours(backend, face, tmp_path: Path):
    assert make() == {"FINISHED"}
    face.dnpm_photo.colour = 0.75
    path, plain = tmp_path / "ann.json", tmp_path / "nobody.json"
    presets.write_preset(path, preset_of(face))
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    other, images = bpy.context.object, len(bpy.data.images)
    presets.write_preset(plain, preset_of(other))
    assert bpy.ops.dnpm.load_preset(filepath=str(path)) == {"FINISHED"}
    assert len(bpy.data.images) == images + 1
    ours, theirs = (one.dnpm_photo.texture for one in (other, face))
    assert ours != theirs
    assert ours.packed_file is not None
    assert np.abs(pixels(ours)[..., 3] - pixels(theirs)[..., 3]).max() < 0.01
    assert np.abs(pixels(ours) - pixels(theirs)).mean() < 0.03, "noise is the worst for JPEG"
    assert list(other.dnpm_photo.skin) == pytest.approx(list(face.dnpm_photo.skin), abs=1e-4)
    assert other.dnpm_photo.colour == pytest.approx(0.75)
    for one, two in zip(materials.own(face), materials.own(other), strict=True):
        if photo_colour.TINT in one.node_tree.nodes:
            nodes = two.node_tree.nodes
            assert nodes[photo_colour.COLOUR].image == ours
            assert nodes[photo_colour.AMOUNT].outputs[0].default_value == pytest.approx(0.75)
            tints = [tuple(m.node_tree.nodes[photo_colour.TINT].inputs["Color2"].default_value) for m in (one, two)]
            assert tints[0] == pytest.approx(tints[1], abs=0.01)
    assert presets.to_text(preset_of(other)) == presets.to_text(preset_of(face)), "there and back"
    assert bpy.ops.dnpm.load_preset(filepath=str(plain)) == {"FINISHED"}
    assert other.dnpm_photo.texture is None
    assert not photo_colour.is_shown(other)
    assert len(bpy.data.images) == images


def test_a_damaged_picture_changes_nothing(backend, face, tmp_path: Path):
    assert make() == {"FINISHED"}
    preset, images = preset_of(face), len(bpy.data.images)
    photo = replace(preset.photo, jpeg=preset.photo.jpeg[:200])
    broken = replace(preset, photo=photo, corrective="", identity={})
    path = tmp_path / "broken.json"
    presets.write_preset(path, broken)
    with pytest.raises(RuntimeError, match="cannot read its picture"):
        bpy.ops.dnpm.load_preset(filepath=str(path))
    assert len(bpy.data.images) == images
    assert presets.to_text(preset_of(face)) == presets.to_text(preset)


def test_damaged_colours_are_told(backend, face):
    assert make() == {"FINISHED"}
    face.dnpm_photo.colours = '{"skin": 5'
    with pytest.raises(RuntimeError, match="Remove Photo"):
        bpy.ops.dnpm.copy()
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert bpy.ops.dnpm.copy() == {"FINISHED"}
