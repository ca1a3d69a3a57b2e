"""Export Mesh and Maps, Export Animation: what is written, read again, is the face; the artist's scene is as it was."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.files.obj import read_obj
from dnpm.operators.scene import names
from dnpm.operators.scene.detail import live, map_image

FRAMES = (1, 4)


@pytest.fixture
def moving(face: bpy.types.Object) -> bpy.types.Object:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FRAMES
    key = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in zip(FRAMES, (0.0, 1.0), strict=True):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    scene.frame_set(2)
    return face


def points(obj: bpy.types.Object, *, coarse: bool = False) -> np.ndarray:
    """(V, 3) in the world, as it is evaluated."""
    shown = [modifier.show_viewport for modifier in obj.modifiers]
    if coarse:
        for modifier in obj.modifiers:
            modifier.show_viewport = False
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    found = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", found)
    evaluated.to_mesh_clear()
    for modifier, value in zip(obj.modifiers, shown, strict=True):
        modifier.show_viewport = value
    matrix = np.array(obj.matrix_world)
    return found.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def state(face: bpy.types.Object) -> list:
    kinds = ("objects", "meshes", "materials", "images", "cache_files", "collections")
    scene = bpy.context.scene
    return [
        *(sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds),
        [(m.name, m.show_viewport) for m in face.modifiers], face.modifiers[names.SUBDIVISION].levels,
        scene.frame_current, scene.frame_start, scene.frame_end, face.select_get(), bpy.context.active_object == face,
    ]  # fmt: skip


def test_the_mesh_is_the_face_as_it_is_drawn(moving: bpy.types.Object, tmp_path: Path) -> None:
    moving.dnpm_face.strength = 2.0
    live.update_now(moving)
    before = state(moving)
    done = bpy.ops.dnpm.export_mesh(
        directory=str(tmp_path), formats={"obj", "ply"}, levels=1, maps={"exr", "facescape", "zbrush"}
    )
    assert done == {"FINISHED"}
    assert state(moving) == before
    assert {file.name for file in tmp_path.iterdir()} == {
        "face.obj", "face.ply", "coarse.obj", "coarse.ply", "displacement.exr", "displacement_facescape.png",
        "displacement_zbrush.tif", "maps.json",
    }  # fmt: skip
    assert json.loads((tmp_path / "maps.json").read_text())["strength"] == 2.0
    moving.modifiers[names.SUBDIVISION].levels = 1
    fine, coarse = points(moving), points(moving, coarse=True)
    for name, wanted in (("face", fine), ("coarse", coarse)):
        read = read_obj(tmp_path / f"{name}.obj").vertices
        turned = np.stack([wanted[:, 0], wanted[:, 2], -wanted[:, 1]], 1) * 1000  # y up, millimetres
        assert read.shape == turned.shape
        assert np.abs(read - turned).max() < 2e-3
    layer = np.empty(2 * len(moving.data.loops), np.float32)
    moving.data.uv_layers[names.DETAIL].data.foreach_get("uv", layer)
    known = {tuple(np.round(row, 4)) for row in layer.reshape(-1, 2)}
    assert {tuple(np.round(row, 4)) for row in read_obj(tmp_path / "coarse.obj").uv} <= known, "the map's own layer"


def test_nothing_to_write_is_told(moving: bpy.types.Object, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="choose a mesh or a map"):
        bpy.ops.dnpm.export_mesh(directory=str(tmp_path), formats=set(), maps=set())
    with pytest.raises(RuntimeError, match="choose Alembic, USD or both"):
        bpy.ops.dnpm.export_animation(directory=str(tmp_path), formats=set())
    with pytest.raises(RuntimeError, match="bake the sequence first"):
        bpy.ops.dnpm.export_animation(directory=str(tmp_path), displaced=True, maps=False)
    assert not list(tmp_path.iterdir())


def wanted_points(face: bpy.types.Object, *, coarse: bool) -> dict[int, np.ndarray]:
    found = {}
    for frame in range(FRAMES[0], FRAMES[1] + 1):
        bpy.context.scene.frame_set(frame)
        found[frame] = points(face, coarse=coarse)
    return found


def imported(path: Path) -> bpy.types.Object:
    """The mesh in an empty file into which the file was imported."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if path.suffix == ".abc":
        bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)
    else:
        bpy.ops.wm.usd_import(filepath=str(path))
    (mesh,) = (obj for obj in bpy.data.objects if obj.type == "MESH")
    return mesh


def compare(path: Path, wanted: dict[int, np.ndarray]) -> None:
    mesh = imported(path)
    for frame, place in wanted.items():
        bpy.context.scene.frame_set(frame)
        read = points(mesh)
        assert read.shape == place.shape, (path.name, frame)
        assert np.abs(read - place).max() < 1e-5, (path.name, frame)
    first, last = wanted[FRAMES[0]], wanted[FRAMES[1]]
    assert np.abs(first - last).max() > 1e-3, "it moves"


def test_an_animation_imported_again_is_the_same(moving: bpy.types.Object, tmp_path: Path) -> None:
    before = state(moving)
    assert bpy.ops.dnpm.export_animation(directory=str(tmp_path)) == {"FINISHED"}
    assert state(moving) == before
    cache, scene_file = (next(tmp_path.glob(f"*{ending}")) for ending in (".abc", ".usdc"))
    assert len(list(tmp_path.glob("*_000[1-4].exr"))) == 4
    about = json.loads(next(tmp_path.glob("*.maps.json")).read_text())
    assert about["unit"] == "mm"
    assert not map_image.is_baked(moving), "the live map stays"
    wanted = wanted_points(moving, coarse=True)
    compare(cache, wanted)
    compare(scene_file, wanted)
    keys = next(obj for obj in bpy.data.objects if obj.type == "MESH").data.shape_keys
    assert keys is not None, "USD has the keys"
    assert "jawOpen" in keys.key_blocks


def test_a_baked_face_as_a_displaced_cache(moving: bpy.types.Object, tmp_path: Path) -> None:
    moving.dnpm_face.strength = 2.0
    moving.dnpm_sequence.folder = str(tmp_path / "maps")
    moving.dnpm_sequence.form, moving.dnpm_sequence.size = "EXR32", "256"
    assert bpy.ops.dnpm.bake_sequence() == {"FINISHED"}
    out = tmp_path / "out"
    done = bpy.ops.dnpm.export_animation(directory=str(out), displaced=True, levels=1)
    assert done == {"FINISHED"}
    assert {file.suffix for file in out.iterdir()} == {".abc", ".usdc"}
    moving.modifiers[names.SUBDIVISION].levels = 1
    wanted, coarse = wanted_points(moving, coarse=False), wanted_points(moving, coarse=True)
    assert len(wanted[1]) > len(coarse[1])
    for ending in (".abc", ".usdc"):
        compare(next(out.glob(f"*{ending}")), wanted)
