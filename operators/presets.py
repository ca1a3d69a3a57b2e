"""Saves and loads a face's sliders as JSON files."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..core.errors import DnpmError
from ..core.face_model import presets
from ..core.files import names
from .base import FaceOperator, Result, own_operators
from .scene import asset_library, compat, saved_presets, settings, thumbnails
from .sliders import apply_preset, preset_of


class DNPM_OT_save_preset(FaceOperator, bpy.types.Operator):
    """Save the face's sliders under a name, for this and other scenes"""

    bl_idname = "dnpm.save_preset"
    bl_label = "Save Preset"
    bl_options = {"REGISTER"}
    edits = False

    name: bpy.props.StringProperty(name="Name", description="What the preset is called", default="My Face")
    overwrite: bpy.props.BoolProperty(
        name="Overwrite", description="Replace a preset of this name", default=False, options={"HIDDEN", "SKIP_SAVE"}
    )
    has_dialog = False
    """Whether somebody sits before it, and can be asked."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.has_dialog = True
        if self.overwrite:
            return context.window_manager.invoke_confirm(
                self, event, title="Save Preset", message=f"Replace the preset {self.name}?", confirm_text="Replace"
            )
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            taken = _taken(self.name)
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if taken is not None and self.has_dialog and not self.overwrite:
            _ask(self.name)
            return {"CANCELLED"}  # It goes on in the second dialog, or not.
        return FaceOperator.execute(self, context)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        taken = _taken(self.name)
        if taken is not None and not self.overwrite:
            raise DnpmError(f"{taken}: a preset of this name exists: choose another name, or set overwrite=True")
        path = taken or settings.presets_folder() / presets.file_name(self.name)
        presets.write_preset(path, preset_of(face))
        thumbnails.remove(path)  # of the preset that was replaced
        asset_library.refresh_saved()
        thumbnails.draw(path, asset_library.refresh_saved)
        self.report({"INFO"}, f"Saved {path}")


def _ask(name: str) -> None:
    """The same operator once more, which then asks whether to replace the preset."""
    own_operators().save_preset("INVOKE_DEFAULT", name=name, overwrite=True)


def _taken(name: str) -> Path | None:
    """The preset whose file this name would replace, here or on a system that ignores case. Raises DnpmError when the
    name is not usable."""
    path = settings.presets_folder() / presets.file_name(name)
    wanted = names.key(path.name)
    try:
        return next((file for file in path.parent.iterdir() if names.key(file.name) == wanted), None)
    except OSError:  # No folder yet, or one that cannot be listed; saving says what is wrong with it.
        return path if os.path.lexists(path) else None


class DNPM_OT_load_preset(FaceOperator, bpy.types.Operator):
    """Set the face's sliders from a saved preset"""

    bl_idname = "dnpm.load_preset"
    bl_label = "Load Preset"

    filepath: bpy.props.StringProperty(name="File", description="The preset to load", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default=f"*{presets.SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        folder = settings.presets_folder()
        self.filepath = f"{folder}/" if folder.is_dir() else ""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        unknown = apply_preset(face, presets.read_preset(bpy.path.abspath(self.filepath)))
        if unknown:
            self.report({"WARNING"}, f"This face model has no {', '.join(unknown[:6])}: left out")


class DNPM_OT_delete_preset(bpy.types.Operator):
    """Delete this preset's file"""

    bl_idname = "dnpm.delete_preset"
    bl_label = "Delete Preset"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="File", description="The preset to delete", subtype="FILE_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        path = Path(self.filepath)
        try:
            presets.read_preset(path)  # deletes nothing but presets
            path.unlink()
            thumbnails.remove(path)
            asset_library.refresh_saved()
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"ERROR"}, f"{path}: cannot be deleted ({error.strerror or error})")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Deleted {path.stem}")
        return {"FINISHED"}


MENU_ROWS = 30
"""Presets that a menu shows; the others, and those in folders, are found by their name."""
_listed: list[tuple[str, str, str]] = []
"""Blender keeps no copy of an enum's strings."""


def _in_menu() -> tuple[list[Path], int]:
    """The presets that the menus show, and how many more there are."""
    found = saved_presets.saved()
    shown = [path for path in found if path.parent == settings.presets_folder()][:MENU_ROWS]
    return shown, len(found) - len(shown)


def _choices(operator: bpy.types.Operator, context: bpy.types.Context) -> list[tuple[str, str, str]]:
    folder = settings.presets_folder()
    _listed[:] = [
        (name, name.removesuffix(presets.SUFFIX), f"Saved in {folder}")
        for name in (path.relative_to(folder).as_posix() for path in saved_presets.saved())
    ]
    return _listed


class DNPM_OT_find_preset(bpy.types.Operator):
    """Choose among all saved faces, those in folders too, by typing a part of the name"""

    bl_idname = "dnpm.find_preset"
    bl_label = "Find Preset"
    bl_options = {"REGISTER"}
    bl_property = "preset"

    preset: bpy.props.EnumProperty(name="Preset", description="The saved face", items=_choices)
    delete: bpy.props.BoolProperty(
        name="Delete", description="Delete the preset that is chosen instead of loading it", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        path = str(settings.presets_folder() / self.preset)
        if self.delete:
            how = "EXEC_DEFAULT" if compat.in_background() else "INVOKE_DEFAULT"  # with a window it asks first
            return own_operators().delete_preset(how, filepath=path)
        return own_operators().load_preset(filepath=path)


def _draw_more(layout: bpy.types.UILayout, more: int, *, delete: bool) -> None:
    if more:
        layout.operator_context = "INVOKE_DEFAULT"
        found = layout.operator(DNPM_OT_find_preset.bl_idname, text=f"{more} More...", icon="VIEWZOOM")
        found.delete = delete


class DNPM_MT_delete_preset(bpy.types.Menu):
    """Delete a saved face"""

    bl_idname = "DNPM_MT_delete_preset"
    bl_label = "Delete"

    def draw(self, context: bpy.types.Context) -> None:
        files, more = _in_menu()
        for file in files:
            self.layout.operator(DNPM_OT_delete_preset.bl_idname, text=file.stem, icon="TRASH").filepath = str(file)
        _draw_more(self.layout, more, delete=True)


def _draw_shipped(layout: bpy.types.UILayout, kind: str) -> None:
    """A row a preset that came with the extension."""
    layout.operator_context = "EXEC_DEFAULT"
    for file in presets.shipped(kind):
        layout.operator(DNPM_OT_load_preset.bl_idname, text=presets.shown_name(file)).filepath = str(file)


class DNPM_MT_people(bpy.types.Menu):
    """Twelve people: their shape, skin and colours; the expression stays"""

    bl_idname = "DNPM_MT_people"
    bl_label = "People"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_shipped(self.layout, "people")


class DNPM_MT_expressions(bpy.types.Menu):
    """Twenty expressions; the person stays"""

    bl_idname = "DNPM_MT_expressions"
    bl_label = "Expressions"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_shipped(self.layout, "expressions")


class DNPM_MT_presets(bpy.types.Menu):
    """Saved faces"""

    bl_idname = "DNPM_MT_presets"
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        files, more = _in_menu()
        self.layout.menu(DNPM_MT_people.bl_idname, icon="USER")
        self.layout.menu(DNPM_MT_expressions.bl_idname, icon="SHAPEKEY_DATA")
        self.layout.separator()
        self.layout.operator_context = "EXEC_DEFAULT"
        for file in files:
            self.layout.operator(DNPM_OT_load_preset.bl_idname, text=file.stem).filepath = str(file)
        _draw_more(self.layout, more, delete=False)
        if not files and not more:
            self.layout.label(text="None saved yet")
        self.layout.separator()
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator(DNPM_OT_load_preset.bl_idname, text="From a File...", icon="FILE_FOLDER")
        if files or more:
            self.layout.menu(DNPM_MT_delete_preset.bl_idname, icon="TRASH")


CLASSES = (
    DNPM_OT_save_preset,
    DNPM_OT_load_preset,
    DNPM_OT_delete_preset,
    DNPM_OT_find_preset,
    DNPM_MT_delete_preset,
    DNPM_MT_people,
    DNPM_MT_expressions,
    DNPM_MT_presets,
)
