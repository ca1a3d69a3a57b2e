"""What the batch writes out of Blender is what other programs read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import bpy
import numpy as np
import OpenEXR
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files.displacement_maps import write_exr
from dnpm.operators.headless import export
from dnpm.operators.scene.export import meshes


@pytest.fixture
def displaced() -> bpy.types.Object:
    """A subdivided plane of 9 x 9 vertices whose shape key and modifier lift it to z = 3."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add(size=2)
    plane = bpy.context.object
    plane.shape_key_add(name="Basis")
    key = plane.shape_key_add(name="up")
    for point in key.data:
        point.co.z = 2.0
    key.value = 0.5
    subdivide = plane.modifiers.new("subdivide", "SUBSURF")
    subdivide.subdivision_type, subdivide.levels = "SIMPLE", 3
    lift = plane.modifiers.new("lift", "DISPLACE")
    lift.strength, lift.mid_level = 2.0, 0.0
    return plane


@pytest.mark.parametrize("channels", ["Y", "RGB"])
def test_blender_reads_our_maps_to_the_bit(tmp_path: Path, channels: str) -> None:
    displacement = np.random.default_rng(0).uniform(-2, 2, (33, 20)).astype(np.float32)
    path = write_exr(tmp_path / "map.exr", displacement, channels=channels)
    found = OpenEXR.File(str(path), separate_channels=True).channels()
    assert sorted(found) == sorted(channels)
    assert all(np.array_equal(channel.pixels, displacement) for channel in found.values())
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    read = pixels.reshape(33, 20, -1)[::-1]
    for channel in range(3):
        assert np.array_equal(read[..., channel], displacement)


def test_obj_has_the_evaluated_vertices(displaced: bpy.types.Object, tmp_path: Path) -> None:
    path = meshes.write_mesh([displaced], "obj", tmp_path / "face.obj")
    lines = path.read_text().splitlines()
    points = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    assert len(points) == 81
    assert np.allclose(points[:, 1], 3.0)  # OBJ is y up
    assert sum(line.startswith("vt ") for line in lines) > 0


def test_ply_has_the_evaluated_vertices(displaced: bpy.types.Object, tmp_path: Path) -> None:
    data = meshes.write_mesh([displaced], "ply", tmp_path / "face.ply").read_bytes()
    assert data.startswith(b"ply\n")
    assert b"element face 64" in data


def test_glb_has_the_evaluated_vertices(displaced: bpy.types.Object, tmp_path: Path) -> None:
    data = meshes.write_mesh([displaced], "gltf", tmp_path / "face.glb").read_bytes()
    assert data[:4] == b"glTF"
    (length,) = struct.unpack("<I", data[12:16])
    document = json.loads(data[20 : 20 + length])
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    assert accessor["count"] >= 81
    assert accessor["min"][1] == pytest.approx(3.0)
    assert accessor["max"][1] == pytest.approx(3.0)


def test_the_scene_is_as_before(displaced: bpy.types.Object, tmp_path: Path) -> None:
    meshes.write_mesh([displaced], "obj", tmp_path / "face.obj")
    assert list(bpy.data.objects) == [displaced]
    assert list(bpy.data.meshes) == [displaced.data]
    assert bpy.context.view_layer.objects.active == displaced
    assert displaced.select_get()


def test_a_picture_and_a_scene(displaced: bpy.types.Object, tmp_path: Path) -> None:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.collection.objects.link(camera)
    scene = bpy.context.scene
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    assert export.render(scene, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert export.save_blend(tmp_path / "a.blend").stat().st_size > 1000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.blend", "a.png"]


def test_a_folder_that_is_not_there_is_told(displaced: bpy.types.Object, tmp_path: Path) -> None:
    with pytest.raises((DnpmError, RuntimeError)):
        meshes.write_mesh([displaced], "obj", tmp_path / "none" / "face.obj")
    assert list(bpy.data.objects) == [displaced]
