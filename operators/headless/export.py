"""Files out of Blender: pictures, maps as EXR, displaced meshes, scenes.

Each is written beside, then renamed; DnpmError names the file that Blender could not write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...core.errors import DnpmError
from ..scene import rendering
from ..scene.written import by_blender

MESH_FILES = {"obj": "face.obj", "ply": "face.ply", "gltf": "face.glb"}


def render(scene: bpy.types.Scene, path: Path) -> Path:
    """The scene's camera's picture as PNG."""
    settings = scene.render.image_settings
    settings.file_format = "PNG"
    settings.color_mode = "RGBA" if scene.render.film_transparent else "RGB"
    settings.color_depth = "8"
    with by_blender(path) as beside:
        scene.render.filepath = str(beside)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if rendering.failures():
            raise DnpmError("; ".join(rendering.failures()))
    return path


def write_mesh(objects: Sequence[bpy.types.Object], kind: str, path: Path) -> Path:
    """The objects as they are drawn (shape keys, subdivision and displacement applied), by Blender's own exporter.

    `kind` is a key of MESH_FILES. Raises DnpmError when the exporter writes nothing.
    """
    with _applied_copies(objects), by_blender(path) as beside:
        _EXPORTERS[kind](str(beside))
    return path


def save_blend(path: Path) -> Path:
    """The whole file, packed images inside."""
    with by_blender(path) as beside:
        bpy.ops.wm.save_as_mainfile(filepath=str(beside), copy=True, compress=True)
    return path


def _obj(path: str) -> None:
    bpy.ops.wm.obj_export(filepath=path, export_selected_objects=True, export_materials=False)


def _ply(path: str) -> None:
    bpy.ops.wm.ply_export(filepath=path, export_selected_objects=True, export_normals=True, export_uv=True)


def _gltf(path: str) -> None:
    bpy.ops.export_scene.gltf(filepath=path, use_selection=True, export_format="GLB", export_yup=True)


_EXPORTERS: dict[str, Callable[[str], None]] = {"obj": _obj, "ply": _ply, "gltf": _gltf}


@contextmanager
def _applied_copies(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Plain meshes of the evaluated objects, selected alone: all exporters then write the same thing."""
    graph = bpy.context.evaluated_depsgraph_get()
    layer = bpy.context.view_layer
    selected, active = [o for o in layer.objects if o.select_get()], layer.objects.active
    copies: list[bpy.types.Object] = []
    try:
        for source in objects:
            evaluated = source.evaluated_get(graph)
            mesh = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=graph)
            copy = bpy.data.objects.new(f"{source.name} displaced", mesh)
            copy.matrix_world = source.matrix_world
            bpy.context.scene.collection.objects.link(copy)
            copies.append(copy)
        for other in selected:
            other.select_set(False)
        for copy in copies:
            copy.select_set(True)
        layer.objects.active = copies[0]
        yield
    finally:
        for copy in copies:
            mesh = copy.data
            bpy.data.objects.remove(copy)
            bpy.data.meshes.remove(mesh)
        for other in selected:
            other.select_set(True)
        layer.objects.active = active
