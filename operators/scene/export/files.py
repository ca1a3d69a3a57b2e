"""GLB and FBX of the exported objects, by Blender's own exporters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from ....core.errors import DnpmError
from ..written import by_blender
from .stage import Stage

FILES = {"glb": "face.glb", "fbx": "face.fbx"}


def write(stage: Stage, kind: str, path: Path, armature: bpy.types.Object, mesh: bpy.types.Object) -> Path:
    """`kind` is a key of FILES. Raises DnpmError when the exporter writes nothing, or is switched off."""
    with by_blender(path) as beside, stage.selected(mesh, armature):
        try:
            _EXPORTERS[kind](str(beside))
        except AttributeError as error:
            raise DnpmError(f"{path}: Blender's {kind.upper()} add-on is off: enable it in the preferences") from error
    return path


def _glb(path: str) -> None:
    bpy.ops.export_scene.gltf(
        filepath=path, export_format="GLB", use_selection=True, use_active_scene=True, export_yup=True,
        export_apply=False, export_tangents=True, export_morph=True, export_morph_normal=True,
        export_morph_tangent=False, export_skins=True, export_animations=False, export_attributes=False,
        export_extras=False, export_cameras=False, export_lights=False,
    )  # fmt: skip


def _fbx(path: str) -> None:
    bpy.ops.export_scene.fbx(
        filepath=path, use_selection=True, object_types={"ARMATURE", "MESH"}, use_mesh_modifiers=False,
        mesh_smooth_type="OFF", use_tspace=True, add_leaf_bones=False, bake_anim=False, path_mode="RELATIVE",
        apply_scale_options="FBX_SCALE_ALL", use_custom_props=False,
    )  # fmt: skip


_EXPORTERS: dict[str, Callable[[str], None]] = {"glb": _glb, "fbx": _fbx}
