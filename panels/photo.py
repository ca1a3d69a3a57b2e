"""The sidebar's part for photos: which ones, what stays, how much of them shows."""

from __future__ import annotations

import bpy

from ..core.backend import needs
from ..operators.properties.photo import PhotoProperties
from ..operators.scene import names, registration
from ..operators.scene.face import slider_values
from ..operators.scene.photo import point_handles
from . import status
from .tab import FaceTab

_HEIC = (".heic", ".heif", ".hif")


class DNPM_PT_photo(FaceTab, bpy.types.Panel):
    """Make this face the person of a photo: settings, cameras, points to pin."""

    bl_idname = "DNPM_PT_photo"
    own_heads = False
    bl_order = 5
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Photo"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, slider_values.active_face(context)
        group = getattr(face, names.PHOTO)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(group, "source", expand=True)
        if group.source == "FILE":
            layout.prop(group, "filepath")
        else:
            layout.template_ID(group, "image", open="image.open")
        layout.prop(group, "which")
        column = layout.column(align=True, heading="Keep")
        column.prop(group, "keep_identity")
        column.prop(group, "keep_expression")
        column = layout.column(align=True, heading="Match")
        column.prop(group, "match_tone")
        column.prop(group, "match_iris")
        column.prop(group, "add_camera")
        size = column.column()
        size.enabled = group.add_camera
        size.prop(group, "match_render")
        layout.prop(group, "refine")
        is_heic = group.source == "FILE" and group.filepath.lower().endswith(_HEIC)
        modules = needs.HEIC_PHOTOS if is_heic else needs.PHOTOS
        status.missing(layout, modules)
        column = layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        column.scale_y = 1.2
        column.operator("dnpm.face_from_image", icon="OUTLINER_OB_IMAGE")
        if any(item.name for item in group.photos) or group.offset or group.texture is not None:
            _draw_result(layout, face, group)


def _draw_result(layout: bpy.types.UILayout, face: bpy.types.Object, group: PhotoProperties) -> None:
    layout.separator()
    column = layout.column(align=True)
    column.prop(group, "amount", slider=True)
    column.prop(group, "wrinkles", slider=True)
    column.prop(group, "colour", slider=True)
    column = layout.column(align=True)
    for place, item in enumerate(group.photos):
        if not item.name:
            continue  # taken off a library override
        row = column.row(align=True)
        row.label(text=f"{item.name}: {100 * item.error:.1f} % off", icon="IMAGE_DATA")
        if item.camera is not None:
            row.operator("dnpm.look_through", text="", icon="VIEW_CAMERA").photo = place
    shown = point_handles.are_shown(face)
    row = layout.row(align=True)
    row.operator("dnpm.photo_points", text="Points" if not shown else "No Points", icon="EMPTY_AXIS", depress=shown)
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("dnpm.fit_photo_again", icon="FILE_REFRESH")
    layout.operator("dnpm.remove_photo", icon="X")


CLASSES = (DNPM_PT_photo,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
