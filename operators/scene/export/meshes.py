"""The face as it is drawn (keys, subdivision, displacement applied) as a mesh file, by Blender's own exporters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy

from ..written import by_blender

MESH_FILES = {"obj": "face.obj", "ply": "face.ply", "gltf": "face.glb"}


def write_mesh(
    objects: Sequence[bpy.types.Object], kind: str, path: Path, *, scale: float = 1.0, layer: str = ""
) -> Path:  # fmt: skip
    """The objects as they are drawn (shape keys, subdivision and displacement applied), by Blender's own exporter.

    `kind` is a key of MESH_FILES; scale: on the coordinates (OBJ and PLY); layer: the UV layer that is written, else
    the mesh's active one. Raises DnpmError when the exporter writes nothing.
    """
    with _applied_copies(objects, layer), by_blender(path) as beside:
        _EXPORTERS[kind](str(beside), scale)
    return path


def _obj(path: str, scale: float) -> None:
    bpy.ops.wm.obj_export(
        filepath=path, export_selected_objects=True, export_materials=False, global_scale=scale
    )  # fmt: skip


def _ply(path: str, scale: float) -> None:
    bpy.ops.wm.ply_export(
        filepath=path, export_selected_objects=True, export_normals=True, export_uv=True, global_scale=scale
    )  # fmt: skip


def _gltf(path: str, scale: float) -> None:
    bpy.ops.export_scene.gltf(filepath=path, use_selection=True, export_format="GLB", export_yup=True)


_EXPORTERS: dict[str, Callable[[str, float], None]] = {"obj": _obj, "ply": _ply, "gltf": _gltf}


@contextmanager
def selected_alone(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Inside, these are selected and no others; the first is active."""
    layer = bpy.context.view_layer
    selected, active = [obj for obj in layer.objects if obj.select_get()], layer.objects.active
    try:
        for other in selected:
            other.select_set(False)
        for obj in objects:
            obj.select_set(True)
        layer.objects.active = objects[0]
        yield
    finally:
        for obj in objects:
            obj.select_set(False)
        for other in selected:
            other.select_set(True)
        layer.objects.active = active


@contextmanager
def _applied_copies(objects: Sequence[bpy.types.Object], uv_layer: str) -> Iterator[None]:
    """Plain meshes of the evaluated objects, selected alone: all exporters then write the same thing."""
    graph = bpy.context.evaluated_depsgraph_get()
    copies: list[bpy.types.Object] = []
    try:
        for source in objects:
            evaluated = source.evaluated_get(graph)
            mesh = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=graph)
            if uv_layer in mesh.uv_layers:
                mesh.uv_layers[uv_layer].active = mesh.uv_layers[uv_layer].active_render = True
            copy = bpy.data.objects.new(f"{source.name} displaced", mesh)
            copy.matrix_world = source.matrix_world
            bpy.context.scene.collection.objects.link(copy)
            copies.append(copy)
        with selected_alone(copies):
            yield
    finally:
        for copy in copies:
            mesh = copy.data
            bpy.data.objects.remove(copy)
            bpy.data.meshes.remove(mesh)
