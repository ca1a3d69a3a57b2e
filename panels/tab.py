"""What all panels of the sidebar's tab share: where they are, and whether a face is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..operators.scene.face import own_heads, slider_values

if TYPE_CHECKING:
    PanelMixin = bpy.types.Panel
else:
    PanelMixin = object  # Blender takes what derives from Panel for one to be registered


class Tab(PanelMixin):
    """Mixin of a panel in the tab "DNPM Face"."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DNPM Face"


class FaceTab(Tab):
    """The same, shown while a face is selected."""

    own_heads = True
    """Whether it has something for a head of another program, which has detail alone."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        return slider_values.is_face(obj) and (cls.own_heads or not own_heads.is_own(obj))
