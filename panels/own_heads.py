"""Heads of other programs in the sidebar: how well the detail lies, and what drives it."""

from __future__ import annotations

import bpy

from ..core.backend import needs
from ..operators.scene import names, registration
from ..operators.scene.face import head_setup, own_heads, rig_motion, slider_values
from . import status
from .tab import FaceTab, Tab


class DNPM_UL_sources(bpy.types.UIList):
    """What drives which expression."""

    bl_idname = "DNPM_UL_sources"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):  # type: ignore[no-untyped-def]
        """One source: where from, to what, how much."""
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon="RNA" if item.data_path else "SHAPEKEY_DATA")
        row.label(text=item.expression)
        row.prop(item, "weight", text="", emboss=False)


class DNPM_PT_own_head(Tab, bpy.types.Panel):
    """Add detail to any mesh with a face; how it fits; points to correct it."""

    bl_idname = "DNPM_PT_own_head"
    bl_order = 8
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Detail on Other Heads"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        return obj is not None and obj.type == "MESH" and (not slider_values.is_face(obj) or own_heads.is_own(obj))

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, context.active_object
        assert obj is not None
        layout.operator_context = "INVOKE_DEFAULT"
        status.missing(layout, needs.PHOTOS)
        if not own_heads.is_own(obj):
            layout.operator("dnpm.add_detail", icon="MOD_DISPLACE")
            return
        status.paragraph(layout, getattr(obj, names.FACE).fit_report, icon="CHECKMARK")
        row = layout.row(align=True)
        row.operator("dnpm.add_detail", text="Fit Again", icon="FILE_REFRESH")
        again = row.operator("dnpm.add_detail", text="With Points", icon="EMPTY_DATA")
        again.points = True
        if head_setup.point_handles(obj):
            layout.label(text="Drag points that lie wrong, then Fit Again")
        layout.operator("dnpm.save_own_maps", icon="EXPORT")
        layout.operator("dnpm.remove_detail", icon="X")


class DNPM_PT_sources(FaceTab, bpy.types.Panel):
    """Which of the head's shape keys, bones and properties drive which expressions."""

    bl_idname = "DNPM_PT_sources"
    bl_parent_id = "DNPM_PT_own_head"
    bl_label = "Expressions"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and own_heads.is_own(slider_values.active_face(context))

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, getattr(slider_values.active_face(context), names.FACE)
        row = layout.row()
        row.template_list("DNPM_UL_sources", "", face, "sources", face, "active_source", rows=6)
        column = row.column(align=True)
        column.operator("dnpm.add_source", text="", icon="ADD")
        column.operator("dnpm.remove_source", text="", icon="REMOVE")
        column.operator("dnpm.find_sources", text="", icon="VIEWZOOM")
        if rig_motion.armatures_of(slider_values.active_face(context)):
            row = layout.row(align=True)
            count = len(face.rig_channels)
            row.operator("dnpm.measure_rig", text=f"Measure Rig Again ({count} channels)" if count else "Measure Rig",
                         icon="ARMATURE_DATA")  # fmt: skip
            if count:
                row.operator("dnpm.forget_rig", text="", icon="X")
        if 0 <= face.active_source < len(face.sources):
            item = face.sources[face.active_source]
            layout.use_property_split = True
            for name in ("expression", "weight", "owner", "data_path"):
                layout.prop(item, name)


CLASSES = (DNPM_UL_sources, DNPM_PT_own_head, DNPM_PT_sources)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
