"""Saves and loads a face's sliders as JSON files."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import DnpmError
from ..core.face_model import presets
from .base import FaceDeed
from .scene import settings
from .sliders import apply_preset, preset_of


class DNPM_OT_save_preset(FaceDeed, bpy.types.Operator):
    """Save the face's sliders under a name, for this and other scenes"""

    bl_idname = "dnpm.save_preset"
    bl_label = "Save Preset"
    bl_options = {"REGISTER"}

    name: bpy.props.StringProperty(name="Name", description="What the preset is called", default="My Face")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def deed(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        path = settings.presets_folder() / presets.file_name(self.name)
        presets.write_preset(path, preset_of(face))
        self.report({"INFO"}, f"Saved {path}")


class DNPM_OT_load_preset(FaceDeed, bpy.types.Operator):
    """Set the face's sliders from a saved preset"""

    bl_idname = "dnpm.load_preset"
    bl_label = "Load Preset"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default=f"*{presets.SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        folder = settings.presets_folder()
        self.filepath = f"{folder}/" if folder.is_dir() else ""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def deed(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        unknown = apply_preset(face, presets.read_preset(bpy.path.abspath(self.filepath)))
        if unknown:
            self.report({"WARNING"}, f"This face model has no {', '.join(unknown[:6])}: left out")


class DNPM_OT_delete_preset(bpy.types.Operator):
    """Delete this preset's file"""

    bl_idname = "dnpm.delete_preset"
    bl_label = "Delete Preset"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(self.filepath)
        try:
            presets.read_preset(path)  # deletes nothing but presets
            path.unlink()
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"ERROR"}, f"{path}: cannot be deleted ({error.strerror or error})")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Deleted {path.stem}")
        return {"FINISHED"}


def _saved() -> list[Path]:
    folder = settings.presets_folder()
    return sorted(folder.glob(f"*{presets.SUFFIX}"))[:60] if folder.is_dir() else []


class DNPM_MT_delete_preset(bpy.types.Menu):
    """Delete a saved face"""

    bl_idname = "DNPM_MT_delete_preset"
    bl_label = "Delete"

    def draw(self, context: bpy.types.Context) -> None:
        for file in _saved():
            self.layout.operator(DNPM_OT_delete_preset.bl_idname, text=file.stem, icon="TRASH").filepath = str(file)


class DNPM_MT_presets(bpy.types.Menu):
    """Saved faces"""

    bl_idname = "DNPM_MT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        files = _saved()
        self.layout.operator_context = "EXEC_DEFAULT"
        for file in files:
            self.layout.operator(DNPM_OT_load_preset.bl_idname, text=file.stem).filepath = str(file)
        if not files:
            self.layout.label(text="None saved yet")
        self.layout.separator()
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator(DNPM_OT_load_preset.bl_idname, text="From a File...", icon="FILE_FOLDER")
        if files:
            self.layout.menu(DNPM_MT_delete_preset.bl_idname, icon="TRASH")


CLASSES = (DNPM_OT_save_preset, DNPM_OT_load_preset, DNPM_OT_delete_preset, DNPM_MT_delete_preset, DNPM_MT_presets)
