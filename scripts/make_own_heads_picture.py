"""Makes docs/pictures/own_heads.jpg: the extension's detail on a MakeHuman human, and on ICT-FaceKit where it is given.

    make_own_heads_picture.py [--ict ict_facekit.npz] [--size 480] [--samples 32] [--out docs/pictures/own_heads.jpg]

The human is the CC0 base mesh with its face units as shape keys, as MPFB2 makes it. Needs the `bpy` module; minutes.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
POSES: dict[str, dict[str, float]] = {
    "rest": {},
    "smile": {"mouthSmile_": 1.0, "cheekSquint_": 0.9, "eyeSquint_": 0.5},
    "frown": {"browDown_": 1.0, "noseSneer_": 0.6},
    "raise": {"browInnerUp": 1.0, "browOuterUp_": 0.8},
}
SKIN = {"Age": 1.5, "Forehead lines": 1.0, "Crow's feet": 1.0, "Frown lines": 1.0}
"""Sliders: a young face would show little at rest."""


def main() -> int:
    """Render every head in every pose, and put them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ict", type=Path, metavar="FILE", help="ICT-FaceKit's arrays (.npz), for a second row")
    parser.add_argument("--size", type=int, default=480, help="pixels a side of each (default %(default)s)")
    parser.add_argument("--samples", type=int, default=32, help="of Cycles (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "own_heads.jpg")
    args = parser.parse_args()
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp()
    import bpy

    import dnpm

    dnpm.register()
    rows = []
    for make in [human] + ([lambda: ict(args.ict)] if args.ict else []):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        rows.append(np.concatenate(pictures(make(), args), 1))
    Image.fromarray(np.concatenate(rows)).save(args.out, quality=88)
    print(args.out, flush=True)
    os._exit(0)  # Blender's own end is slow, and some versions crash in it


def human():
    """The base mesh as an object, helpers hidden."""
    from dnpm.core.face_model.arkit import ARKIT_NAMES
    from dnpm.core.face_model.build.data import BaseData

    data = BaseData()
    base, deltas = data.base_mesh(), data.face_units()
    shapes = {name: delta for name, delta in zip(ARKIT_NAMES, deltas, strict=True) if used(name)}
    obj = mesh_object("Human", base.vertices, base.faces, base.uv, base.faces_uv, shapes)
    body = np.unique(base.faces[np.isin(base.face_group, ["body", "helper-l-eye", "helper-r-eye"])])
    obj.vertex_groups.new(name="body").add(body.tolist(), 1.0, "REPLACE")
    obj.modifiers.new("Hide helpers", "MASK").vertex_group = "body"
    return obj


def ict(path: Path):
    """ICT-FaceKit's neutral, without what a game's eye shader needs."""
    from dnpm.core.evaluation.transfer import IRISES
    from dnpm.core.face_model.readers.ict import arkit_name

    data = np.load(path, allow_pickle=False)
    materials = [str(name) for name in data["material_names"]]
    kept = ~np.isin(data["face_material"], [materials.index(name) for name in (*IRISES, "M_EyeLashes")])
    faces = data["faces"][kept].astype(int)
    there = np.unique(faces[faces >= 0])
    number = np.full(len(data["neutral"]) + 1, -1)
    number[there] = np.arange(len(there))
    planes = ((data["exp_hi"].astype(np.uint16) << 8) | data["exp_lo"]).view(np.int16)
    shapes: dict[str, np.ndarray] = {}
    for name, delta in zip(data["exp_names"], planes, strict=True):
        if used(arkit_name(str(name))):
            shapes[str(name)] = 10.0 * delta[there].astype(np.float32) * float(data["step"])
    points = 10.0 * data["neutral"][there]
    return mesh_object("ICT", points, number[faces], data["uv"], data["faces_uv"][kept].astype(int), shapes)


def used(name: str) -> bool:
    """Whether some pose needs this expression."""
    stems = {stem.rstrip("_") for pose in POSES.values() for stem in pose}
    return name.removesuffix("Left").removesuffix("Right") in stems


def mesh_object(name: str, points: np.ndarray, faces: np.ndarray, uv: np.ndarray, faces_uv: np.ndarray, shapes: dict):
    """Millimetres, y up -> an object in metres, z up, with shape keys and plain skin."""
    import bpy

    from dnpm.core.face_model.units import to_blender
    from dnpm.operators.scene import compat

    corner = faces >= 0
    counts = corner.sum(1)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", to_blender(points).astype(np.float32).ravel())
    mesh.loops.add(int(counts.sum()))
    mesh.loops.foreach_set("vertex_index", faces[corner].astype(np.int32))
    mesh.polygons.add(len(counts))
    mesh.polygons.foreach_set("loop_start", (np.cumsum(counts) - counts).astype(np.int32))
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(counts), bool))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", uv[faces_uv[corner]].astype(np.float32).ravel())
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    obj.shape_key_add(name="Basis", from_mix=False)
    for title, delta in shapes.items():
        block = obj.shape_key_add(name=title, from_mix=False)
        block.value = 0.0
        block.points.foreach_set("co", to_blender(points + delta).astype(np.float32).ravel())
    skin = bpy.data.materials.new("skin")
    compat.use_nodes(skin)
    shader = skin.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.55, 0.36, 0.29, 1.0)
    mesh.materials.append(skin)
    return obj


def pictures(obj, args: argparse.Namespace) -> list[np.ndarray]:
    """(size, size, 3) uint8 of each pose, after detail was added."""
    import bpy

    bpy.context.view_layer.objects.active = obj
    if bpy.ops.dnpm.add_detail() != {"FINISHED"}:
        raise SystemExit(f"{obj.name}: no detail was added")
    face = obj.dnpm_face
    print(obj.name, face.fit_report, flush=True)
    for name, value in SKIN.items():
        face.identity[name].value = value
    studio(obj, args)
    found = []
    for pose in POSES.values():
        for item in face.sources:
            stem = item.expression.removesuffix("Left").removesuffix("Right")
            value = pose.get(item.expression, pose.get(f"{stem}_", 0.0))
            obj.data.shape_keys.key_blocks[item.name].value = value
        bpy.context.view_layer.update()
        with tempfile.TemporaryDirectory() as folder:
            bpy.context.scene.render.filepath = str(Path(folder) / "one.png")
            bpy.ops.render.render(write_still=True)
            found.append(np.asarray(Image.open(Path(folder) / "one.png").convert("RGB")))
    return found


def studio(obj, args: argparse.Namespace) -> None:
    """A camera before the face, a key light from the side that shows relief, a little fill."""
    import bpy
    from mathutils import Vector

    from dnpm.operators.scene import compat

    group = obj.vertex_groups["DNPM Detail Region"].index
    face = [v.co for v in obj.data.vertices if any(entry.group == group for entry in v.groups)]
    low, high = (Vector(pick(co[k] for co in face) for k in range(3)) for pick in (min, max))
    middle, height = (low + high) / 2, (high - low).z
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens, distance = 85, 1.1 * height * 85 / 36
    camera.location, camera.rotation_euler = middle + Vector((0, -distance, 0)), (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    for place, energy, size in (((-1.6, -1.2, 1.6), 64.0, 0.5), ((1.8, -1.8, 0.4), 10.0, 1.5)):
        light = bpy.data.objects.new("light", bpy.data.lights.new("light", "AREA"))
        light.data.energy, light.data.size = energy * height**2, size * height
        light.location = middle + height * Vector(place)
        light.rotation_euler = (middle - light.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(light)
    world = scene.world = bpy.data.worlds.new("world")
    compat.use_nodes(world)
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.08, 0.09, 0.1, 1.0)
    scene.render.engine, scene.cycles.samples = "CYCLES", args.samples
    scene.render.resolution_x = scene.render.resolution_y = args.size
    scene.view_settings.view_transform = "Standard"


if __name__ == "__main__":
    sys.exit(main())
