"""The folded part of the Detail panel: age of the skin, whose skin it is, how strong which region is."""

from __future__ import annotations

import bpy

from ..operators.scene import names, registration
from ..operators.scene.detail import controls
from ..operators.scene.face import slider_values
from .tab import FaceTab


class DNPM_PT_controls(FaceTab, bpy.types.Panel):
    """Age, individuality, style mixing and strength by region; folded at first."""

    bl_idname = "DNPM_PT_controls"
    bl_parent_id = "DNPM_PT_detail"
    bl_label = "Age and Regions"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, slider_values.active_face(context)
        group = getattr(obj, names.CONTROLS)
        layout.use_property_split = True
        layout.enabled = not getattr(obj, names.FACE).frozen
        column = layout.column(align=True)
        column.prop(group, "age", slider=True)
        column.prop(group, "truncation", slider=True)
        column = layout.column(align=True)
        column.prop(group, "mix_with")
        if group.mix_with is not None:
            column.prop(group, "mix_from")
        column = layout.column(align=True)
        column.use_property_split = False  # beside the slider their names would be cut off
        for name in controls.REGIONS:
            column.prop(group, f"region_{name}", slider=True)
        column = layout.column(align=True)
        column.prop_search(group, "mask", obj, "vertex_groups")
        if group.mask:
            column.prop(group, "mask_low")
            column.prop(group, "mask_high")


CLASSES = (DNPM_PT_controls,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
