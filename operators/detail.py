"""Operators on a face's displacement map."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import DnpmError
from ..core.files.displacement_maps import write_exr
from .base import FaceOperator, Result
from .scene import names
from .scene.detail import live, map_image, map_state
from .scene.face import repair


class DNPM_OT_update_detail(FaceOperator, bpy.types.Operator):
    """Compute the whole map for the sliders as they are now, and wait for it"""

    bl_idname = "dnpm.update_detail"
    bl_label = "Update Detail"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        map_image.check_live(face)
        if getattr(face, names.FACE).frozen:
            raise DnpmError(f"{face.name}: its map is frozen: press Unfreeze first")
        milliseconds = live.update_now(face)
        self.report({"INFO"}, f"Detail is up to date ({milliseconds:.0f} ms)")


class DNPM_OT_freeze(FaceOperator, bpy.types.Operator):
    """Keep the map of now inside the .blend and let it no longer follow the sliders, for render farms and sculpting"""

    bl_idname = "dnpm.freeze"
    bl_label = "Freeze Map"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        map_image.check_live(face)
        map_image.image_of(face)
        try:
            live.update_now(face)
        except DnpmError as error:
            if not map_image.has_map(face):
                raise
            self.report({"WARNING"}, f"Frozen as it is, not brought up to date: {error}")
        map_state.pack(face)
        getattr(face, names.FACE).frozen = True


class DNPM_OT_unfreeze(FaceOperator, bpy.types.Operator):
    """Let the map follow the sliders again"""

    bl_idname = "dnpm.unfreeze"
    bl_label = "Unfreeze Map"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        getattr(face, names.FACE).frozen = False
        live.restore(face)


class DNPM_OT_save_map(FaceOperator, bpy.types.Operator):
    """Save the displacement map as EXR: 32-bit float, signed millimetres along the normal"""

    bl_idname = "dnpm.save_map"
    bl_label = "Save Map as EXR"
    bl_options = {"REGISTER"}
    edits = False

    filepath: bpy.props.StringProperty(
        name="File", description="EXR file to write", subtype="FILE_PATH", default="//displacement.exr"
    )
    filter_glob: bpy.props.StringProperty(default="*.exr", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        map_image.check_live(face)
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, ".exr")))
        write_exr(path, map_image.read_map(face), channels="RGB")
        self.report({"INFO"}, f"Saved {path}")


class DNPM_OT_repair(FaceOperator, bpy.types.Operator):
    """Put back what was deleted or renamed: shape keys, modifier, map, materials. Sliders keep their values"""

    bl_idname = "dnpm.repair"
    bl_label = "Repair Face"
    own_heads = False

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        done = repair.repair(face)
        live.restore(face)
        self.report({"INFO"}, f"Repaired: {', '.join(done)}" if done else "Nothing was missing")


CLASSES = (
    DNPM_OT_update_detail,
    DNPM_OT_freeze,
    DNPM_OT_unfreeze,
    DNPM_OT_save_map,
    DNPM_OT_repair,
)
