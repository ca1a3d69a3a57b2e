"""File > Export > glTF with Blender's default settings: the skin has its colours, and no normal map made of heights."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

import dnpm
from dnpm.core.face_model.looks import DEFAULT_TONE, TONES
from dnpm.operators.scene import compat, gltf, names
from dnpm.operators.scene.face import create
from dnpm.operators.scene.look import looks
from dnpm.operators.scene.photo import photo_colour


@pytest.fixture
def as_addon(monkeypatch):
    """The exporter looks for what extends it in the modules of the add-ons that are enabled."""
    name = "bl_ext.test.dnpm_face"
    monkeypatch.setitem(sys.modules, name, dnpm)
    addon = bpy.context.preferences.addons.new()
    addon.module = name
    yield
    bpy.context.preferences.addons.remove(addon)


@pytest.fixture
def painted(backend, tiny_model, tmp_path, monkeypatch):
    """A face with a paint: half transparent red in the upper half of the detail UV, nothing below."""
    replace(tiny_model, landmarks68=np.full(68, 40, np.int32)).save(tmp_path / "landmarks.safetensors")
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "landmarks.safetensors"))
    paint = np.zeros((8, 8, 4), np.float32)
    paint[:4] = (1.0, 0.0, 0.0, 0.5)
    monkeypatch.setattr(looks, "skin_paint", lambda model, look: paint)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object


def linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def exported(path: Path) -> tuple[dict, list[bytes]]:
    """The .glb's JSON, and the bytes of its images."""
    bpy.ops.export_scene.gltf(filepath=str(path))
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    content, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    views = [content["bufferViews"][image["bufferView"]] for image in content.get("images", [])]
    return content, [binary[v.get("byteOffset", 0) :][: v["byteLength"]] for v in views]


def test_the_skin_has_its_colours_and_no_normal_map(painted, as_addon, tmp_path) -> None:
    content, images = exported(tmp_path / "face.glb")
    materials = {material["name"]: material for material in content["materials"]}
    skin = materials["DNPM skin"]
    assert "normalTexture" not in skin
    assert "baseColorTexture" in skin["pbrMetallicRoughness"]
    texture = content["textures"][skin["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    data = images[texture["source"]]
    (tmp_path / "skin.png").write_bytes(data)
    picture = bpy.data.images.load(str(tmp_path / "skin.png"))
    pixels = np.empty(len(picture.pixels), np.float32)
    picture.pixels.foreach_get(pixels)
    pixels = pixels.reshape(*picture.size, 4)
    base = np.array(TONES[DEFAULT_TONE].base)
    np.testing.assert_allclose(pixels[0, 0, :3], base, atol=0.01)  # below; Blender's rows begin at the bottom
    mixed = 0.5 * linear(base) + 0.5 * np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(linear(pixels[-1, -1, :3]), mixed, atol=0.01)
    assert pixels[..., 3].min() == 1


def test_materials_of_others_are_left_alone(backend, as_addon, tmp_path) -> None:
    create.new_face(bpy.context.scene)
    cube = bpy.data.materials.new("Mine")
    compat.use_nodes(cube)
    cube.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.2, 0.4, 0.6, 1)
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.data.materials.append(cube)
    content, _ = exported(tmp_path / "both.glb")
    mine = next(material for material in content["materials"] if material["name"] == "Mine")
    np.testing.assert_allclose(mine["pbrMetallicRoughness"]["baseColorFactor"], (0.2, 0.4, 0.6, 1), atol=1e-6)


def test_the_photos_colours_are_mixed_as_the_nodes_mix_them(painted) -> None:
    texture = np.zeros((64, 64, 4), np.float32)
    texture[:32] = (0.1, 0.6, 0.9, 1.0)
    photo_colour.show(painted, photo_colour.new_image("photo", texture), (0.5, 0.5, 0.5), 1.0)
    tree = next(m for m in painted.data.materials if m[names.MATERIAL_KIND] == "skin").node_tree
    shown = gltf.shown_colours(tree)
    assert shown is not None
    np.testing.assert_allclose(shown[0, 0] / 255, (0.1, 0.6, 0.9), atol=0.01)
    photo_colour.set_amount(painted, 0.0)
    without = gltf.shown_colours(tree)
    photo_colour.show(painted, None, (), 0.0)
    np.testing.assert_array_equal(without, gltf.shown_colours(tree))
