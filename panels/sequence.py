"""The folded part of the Detail panel that bakes the maps of an animation to files."""

from __future__ import annotations

import bpy

from ..operators.scene import names, registration
from ..operators.scene.detail import map_image
from ..operators.scene.face import slider_values
from .tab import FaceTab


class DNPM_PT_sequence(FaceTab, bpy.types.Panel):
    """Write the map of every frame to files, for render farms without this extension; folded at first."""

    bl_idname = "DNPM_PT_sequence"
    bl_parent_id = "DNPM_PT_detail"
    bl_label = "Baked Sequence"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, slider_values.active_face(context)
        group = getattr(face, names.SEQUENCE)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(group, "folder")
        layout.row().prop(group, "frames", expand=True)
        if group.frames == "RANGE":
            column = layout.column(align=True)
            column.prop(group, "first")
            column.prop(group, "last")
        layout.prop(group, "form")
        layout.prop(group, "size")
        column = layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        column.operator("dnpm.bake_sequence", icon="RENDER_ANIMATION")
        if map_image.is_baked(face):
            column.operator("dnpm.live_detail", icon="LOOP_BACK")
            layout.label(text="The baked sequence is shown", icon="CHECKMARK")


CLASSES = (DNPM_PT_sequence,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
