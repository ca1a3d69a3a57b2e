"""The extension's preferences: which Python computes the detail, on which device, and where files lie."""

from __future__ import annotations

import bpy

from ..core.backend import needs
from ..operators.scene import asset_library, session, settings
from ..operators.scene.detail import live
from ..operators.scene.face import models
from . import status


def _changed(preferences: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    """The next need of the backend starts it with the new settings."""
    session.stop()
    models.forget()
    live.backend_changed()


class DnpmPreferences(bpy.types.AddonPreferences):
    """Shown in Preferences > Add-ons."""

    bl_idname = settings.PACKAGE

    python: bpy.props.StringProperty(
        name="Python with PyTorch",
        description="Program that computes the detail: any Python from 3.11 on that has torch and numpy, "
        "for speech also scipy, soundfile and av, for photos scipy, pillow and pillow-heif. "
        "Empty: Blender's own, with the PyTorch that this extension may carry",
        subtype="FILE_PATH",
        update=_changed,
    )
    device: bpy.props.EnumProperty(
        name="Device", description="What the detail is computed on", items=settings.DEVICES, update=_changed
    )
    threads: bpy.props.IntProperty(
        name="Threads",
        description="Processor threads that compute the detail. 0: as many as are good, with one left for Blender. "
        "Fewer leave more for other work",
        default=0,
        min=0,
        max=256,
        soft_max=32,
        update=_changed,
    )
    weights: bpy.props.StringProperty(
        name="Weights",
        description="Folder of detail weights (detail.json and two .safetensors), and of speech weights if it has any. "
        "Empty: those of the extension",
        subtype="DIR_PATH",
        update=_changed,
    )
    face_model: bpy.props.StringProperty(
        name="Face Model",
        description="A face model made by `dnpm build`. Empty: the extension's",
        subtype="FILE_PATH",
        update=_changed,
    )
    presets: bpy.props.StringProperty(
        name="Presets", description="Folder of saved faces. Empty: in your Blender profile", subtype="DIR_PATH"
    )
    lighter_drag: bpy.props.BoolProperty(
        name="Lighter While Dragging",
        description="While a slider is dragged, subdivide the face less where the whole mesh would hold Blender up "
        "(more than 40 ms a step), and a new face for its first moment. It comes back when the slider rests; undo, "
        "files and renders never see it",
        default=True,
    )
    stop_render: bpy.props.BoolProperty(
        name="Stop Renders",
        description="Stop a render without a window (blender -b), with exit code 3, when the backend does not work and "
        "a face would keep the map of another frame. Off: it goes on with the old map, says so, and ends with that "
        "code. With a window it always goes on, and a message says so",
        default=True,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        column = layout.column()
        column.prop(self, "python")
        column.prop(self, "device")
        column.prop(self, "threads")
        status.draw(column, hint=False)
        if note := session.status().device_note:
            status.paragraph(column, note, icon="INFO")
        if missing := session.missing("read every sound, photo and video", needs.ALL):
            status.paragraph(column, missing[0].upper() + missing[1:], icon="ERROR")
        row = column.row(align=True)
        row.operator("dnpm.test_backend", icon="CHECKMARK")
        row.operator("dnpm.copy_diagnostics", icon="COPYDOWN")
        layout.prop(self, "lighter_drag")
        layout.prop(self, "stop_render")
        column = layout.column()
        column.prop(self, "weights")
        column.prop(self, "face_model")
        column.prop(self, "presets")
        added = asset_library.entry() is not None
        column.operator("dnpm.remove_asset_library" if added else "dnpm.add_asset_library", icon="ASSET_MANAGER")


CLASSES = (DnpmPreferences,)


def register() -> None:
    """The class."""
    bpy.utils.register_class(DnpmPreferences)


def unregister() -> None:
    """The reverse; nothing that was known holds any more."""
    live.forget()
    bpy.utils.unregister_class(DnpmPreferences)
