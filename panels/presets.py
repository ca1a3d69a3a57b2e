"""The presets by their pictures, and the asset library made of them."""

from __future__ import annotations

import bpy

from ..operators.properties import preset_pickers
from ..operators.scene import asset_library, registration, saved_presets, thumbnails
from .tab import FaceTab

SCALE = 4.5
"""Of a picture, in heights of a button."""


class DNPM_PT_presets(FaceTab, bpy.types.Panel):
    """People, expressions and saved faces by their pictures; the asset library."""

    bl_idname = "DNPM_PT_presets"
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Presets"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout, group = self.layout, preset_pickers.of(context)
        row = layout.row(align=True)
        _picker(row, group, "people", "People")
        _picker(row, group, "expressions", "Expressions")
        own = saved_presets.saved()
        if own:
            _picker(layout, group, "saved", "Saved")
        row = layout.row(align=True)
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("dnpm.save_preset", text="Save", icon="FILE_TICK")
        row.menu("DNPM_MT_presets", text="By Name", icon="PRESET")
        if thumbnails.is_drawing():
            layout.label(text="Drawing pictures...", icon="TIME")
        elif any(thumbnails.picture_of(path) is None for path in own):
            layout.operator("dnpm.draw_pictures", icon="IMAGE_DATA")
        if asset_library.entry() is None:
            layout.operator("dnpm.add_asset_library", icon="ASSET_MANAGER")


def _picker(layout: bpy.types.UILayout, group: preset_pickers.PresetPickers, kind: str, label: str) -> None:
    column = layout.column(align=True)
    column.label(text=label)
    column.template_icon_view(group, kind, show_labels=True, scale=SCALE, scale_popup=SCALE)


CLASSES = (DNPM_PT_presets,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
