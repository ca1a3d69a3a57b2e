"""The sidebar's tab "DNPM Face": who the face is, what it does, how detailed it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.face_model import shape_components, skin_components
from ..core.face_model.arkit import GROUPS
from ..operators.properties import identity_sliders
from ..operators.scene import names, registration
from ..operators.scene.board import posing
from ..operators.scene.detail import map_state
from ..operators.scene.face import models, pairs, slider_values, vertex_groups
from . import status
from .tab import FaceTab, Tab

FIRST_IDENTITY = 10
"""Sliders that are shown at once; the rest is folded."""
_GROUP_LABELS = {
    "brow": "Brows", "eye": "Eyes", "cheek": "Cheeks", "nose": "Nose", "jaw": "Jaw", "mouth": "Mouth",
    "tongue": "Tongue",
}  # fmt: skip
_OPEN_GROUPS = {"brow", "mouth", "jaw"}
_OPEN_SKIN = {"Forehead", "Eyes"}


if TYPE_CHECKING:
    from ..operators.properties.face import FaceProperties, IdentityValue


class DNPM_PT_main(Tab, bpy.types.Panel):
    """Add a face, work on the whole face (random, reset, copy), status of the backend."""

    bl_idname = "DNPM_PT_main"
    bl_label = "DNPM Face"

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, context.active_object
        models.load_soon()
        layout.operator("dnpm.add_face", text="Add Face", icon="ADD").frame_view = True
        if not slider_values.is_face(face):
            layout.label(text="Select a face to see its sliders")
            status.draw(layout)
            return
        row = layout.row(align=True)
        row.operator("dnpm.random", icon="FILE_REFRESH").part = "ALL"
        row.operator("dnpm.reset", icon="LOOP_BACK").part = "ALL"
        row.operator("dnpm.mirror", icon="MOD_MIRROR")
        row = layout.row(align=True)
        row.operator("dnpm.copy", icon="COPYDOWN")
        row.operator("dnpm.paste", icon="PASTEDOWN")
        status.draw(layout)
        _draw_library(layout, face)
        clashing = vertex_groups.clashing(face)
        if clashing:
            text = (
                f"A vertex group has the name of a UV layer ({', '.join(clashing)}). Blender 5.1 and later then "
                "misplace what a modifier reads from that layer: rename the group"
            )
            status.paragraph(layout.box(), text, icon="ERROR")
        problem = map_state.of(face).problem
        if problem:
            box = layout.box()
            status.paragraph(box, problem, icon="ERROR")
            box.operator("dnpm.repair", icon="TOOL_SETTINGS")


def _draw_library(layout: bpy.types.UILayout, face: bpy.types.Object) -> None:
    """Why Blender draws the sliders grey."""
    text = slider_values.why_not(face)
    if face.override_library is not None and face.override_library.is_system_override:
        text = (
            "Blender overrides this face along with another object, and locks its sliders: any button here unlocks "
            "them, as does Object > Library Override > Make"
        )
    if text:
        status.paragraph(layout.box(), text, icon="LIBRARY_DATA_DIRECT")


class DNPM_PT_identity(FaceTab, bpy.types.Panel):
    """The shape of the person: identity sliders."""

    bl_idname = "DNPM_PT_identity"
    bl_order = 1
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Identity"

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, slider_values.active_face(context)
        items = getattr(face, names.FACE).identity
        row = layout.row(align=True)
        row.operator("dnpm.random", text="Random Person").part = "IDENTITY"
        row.operator("dnpm.reset", text="Average").part = "IDENTITY"
        row.operator("dnpm.key_identity", text="", icon="KEY_HLT")
        by_label = {item.name: item for item in items if skin_components.group_of(item.name) is None}
        for group, labels in shape_components.grouped(by_label).items():
            members = [by_label[label] for label in labels]
            layout.label(text=group)
            _identity_sliders(layout, face, members[:FIRST_IDENTITY])
            if len(members) > FIRST_IDENTITY:
                header, body = layout.panel("dnpm_more_identity", default_closed=True)
                header.label(text=f"{len(members) - FIRST_IDENTITY} More")
                if body:
                    _identity_sliders(body, face, members[FIRST_IDENTITY:])


def _identity_sliders(layout: bpy.types.UILayout, face: bpy.types.Object, items: list[IdentityValue]) -> None:
    column = layout.column(align=True)
    for item in items:
        row = column.row(align=True)
        owner, name = identity_sliders.shown(face, item)
        row.prop(owner, name, text=shape_components.shown_name(item.name), slider=True)
        row.prop(item, "locked", text="", icon="LOCKED" if item.locked else "UNLOCKED", emboss=item.locked)


class DNPM_PT_skin(FaceTab, bpy.types.Panel):
    """The person's lines and pores: identity sliders that leave the shape alone, by region."""

    bl_idname = "DNPM_PT_skin"
    bl_order = 2
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Skin"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        items = getattr(context.active_object, names.FACE).identity
        return any(skin_components.group_of(item.name) for item in items)

    def draw(self, context: bpy.types.Context) -> None:
        face = slider_values.active_face(context)
        items = getattr(face, names.FACE).identity
        for group, labels in skin_components.GROUPS.items():
            of_group = [items[label] for label in labels if label in items]
            if not of_group:
                continue
            header, body = self.layout.panel(f"dnpm_skin_{group}", default_closed=group not in _OPEN_SKIN)
            header.label(text=group)
            if body:
                _identity_sliders(body, face, of_group)


class DNPM_PT_look(FaceTab, bpy.types.Panel):
    """Skin tone, freckles, stubble, brows, cropped hair and irises."""

    bl_idname = "DNPM_PT_look"
    own_heads = False
    bl_order = 7
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Look"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, getattr(context.active_object, names.FACE)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(face, "tone")
        layout.prop(face, "hair_colour")
        layout.prop(face, "iris")
        column = layout.column(align=True)
        for name in ("flush", "freckles", "stubble", "hair", "brows", "brow_width", "brow_arch"):
            column.prop(face, name, slider=True)


class DNPM_PT_expression(FaceTab, bpy.types.Panel):
    """The expressions: shape keys, grouped by region."""

    bl_idname = "DNPM_PT_expression"
    own_heads = False
    bl_order = 3
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Expression"

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, slider_values.active_face(context)
        row = layout.row(align=True)
        row.operator("dnpm.random", text="Random").part = "EXPRESSION"
        row.operator("dnpm.reset", text="At Rest").part = "EXPRESSION"
        row.operator("dnpm.key_expression", text="", icon="KEY_HLT")
        layout.prop(getattr(face, names.FACE), "link_sides", icon="LINKED")
        if posing.drives(face) is not None:
            # Sliders with a driver cannot be dragged.
            status.paragraph(layout, "The face board moves these: pose it", icon="INFO")
            layout.operator("dnpm.pose_board", icon="POSE_HLT")
        keys = face.data.shape_keys
        if keys is None:
            layout.operator("dnpm.repair", icon="TOOL_SETTINGS")
            return
        for group, blocks in grouped(list(keys.key_blocks)[1:]).items():
            header, body = layout.panel(f"dnpm_{group}", default_closed=group not in _OPEN_GROUPS)
            header.label(text=_GROUP_LABELS.get(group, "Others"))
            if body:
                column = body.column(align=True)
                column.enabled = posing.drives(face) is None
                _expression_sliders(column, blocks, getattr(face, names.FACE))


def grouped(blocks: list[bpy.types.ShapeKey]) -> dict[str, list[bpy.types.ShapeKey]]:
    """Shape keys by ARKit's groups, in the keys' order; what fits none comes last."""
    found: dict[str, list[bpy.types.ShapeKey]] = {group: [] for group in (*GROUPS, "others")}
    for block in blocks:
        found[next((group for group in GROUPS if block.name.startswith(group)), "others")].append(block)
    return {group: members for group, members in found.items() if members}


def _expression_sliders(layout: bpy.types.UILayout, blocks: list[bpy.types.ShapeKey], face: FaceProperties) -> None:
    """Linked, a pair is one slider. Else it is one row, the subject's right on the left, as one sees the face."""
    by_name = {block.name: block for block in blocks}
    partners = pairs.linked(list(by_name))
    done = set(partners.values())
    for name, block in by_name.items():
        if name in partners and face.link_sides and name in face.linked:
            layout.prop(face.linked[name], "value", text=pairs.pair_label(name), slider=True)
        elif name in partners:
            row = layout.row(align=True)
            for member in (block, by_name[partners[name]]):
                row.prop(member, "value", text=pairs.label(member.name), slider=True)
        elif name not in done:
            layout.prop(block, "value", text=pairs.label(name), slider=True)


class DNPM_PT_detail(FaceTab, bpy.types.Panel):
    """Strength and size of the displacement map, freezing, saving."""

    bl_idname = "DNPM_PT_detail"
    bl_order = 4
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Detail"

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, slider_values.active_face(context)
        face = getattr(obj, names.FACE)
        layout.use_property_split = True
        layout.prop(face, "strength", slider=True)
        column = layout.column()
        column.enabled = not face.frozen
        column.prop(face, "live")
        follows = column.column()
        follows.enabled = face.live
        follows.prop(face, "preview_size")
        follows.prop(face, "full_on_release")
        follows.prop(face, "on_playback")
        subdivision = obj.modifiers.get(names.SUBDIVISION)
        if subdivision is not None:
            levels = layout.column(align=True)
            levels.label(text="Levels of subdivision")
            levels.prop(subdivision, "levels", text="Viewport")
            levels.prop(subdivision, "render_levels", text="Render")
        row = layout.row(align=True)
        if face.frozen:
            row.operator("dnpm.unfreeze", icon="FREEZE")
        else:
            row.operator("dnpm.update_detail", text="Update")
            row.operator("dnpm.freeze", text="Freeze", icon="FREEZE")
        row.operator("dnpm.save_map", text="", icon="EXPORT")


class DNPM_PT_training(FaceTab, bpy.types.Panel):
    """Bake sculpts into a data set for training."""

    bl_idname = "DNPM_PT_training"
    own_heads = False
    bl_order = 10
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Training Data"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.label(text="Select the sculpt, then this face")
        self.layout.operator("dnpm.bake_sculpt", icon="SCULPTMODE_HLT")


CLASSES = (
    DNPM_PT_main, DNPM_PT_identity, DNPM_PT_skin, DNPM_PT_look, DNPM_PT_expression, DNPM_PT_detail, DNPM_PT_training,
)  # fmt: skip


def register() -> None:
    """The panels."""
    registration.do(registration.classes(CLASSES))


def unregister() -> None:
    """The reverse."""
    registration.undo(registration.classes(CLASSES))
