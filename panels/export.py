"""The folded panel that writes the face for other programs."""

from __future__ import annotations

import bpy

from ..operators.scene import registration
from .tab import FaceTab


class DNPM_PT_export(FaceTab, bpy.types.Panel):
    """Write the face for other programs; folded at first."""

    bl_idname = "DNPM_PT_export"
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 9

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("dnpm.export_engine", icon="EXPORT")
        column.operator("dnpm.export_mesh", icon="MESH_DATA")
        column.operator("dnpm.export_animation", icon="ANIM")
        column.separator()
        # Blender's exporters and Object > Apply do so without a word.
        column.label(text="In File > Export, leave Apply Modifiers", icon="ERROR")
        column.label(text="off: applying them drops the keys", icon="BLANK1")


CLASSES = (DNPM_PT_export,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
