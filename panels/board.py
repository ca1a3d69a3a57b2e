"""The Face Board panel: a control rig beside the face."""

from __future__ import annotations

import bpy

from ..operators.scene import names, registration
from ..operators.scene.board import convert, posing
from ..operators.scene.face import own_heads, slider_values
from .status import paragraph
from .tab import Tab


class DNPM_PT_board(Tab, bpy.types.Panel):
    """Add and remove the face board, pose it, and move keyframes between it and the expressions."""

    bl_idname = "DNPM_PT_board"
    bl_order = 2
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Face Board"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        face = posing.face_of(context.active_object) or context.active_object
        return slider_values.is_face(face) and not own_heads.is_own(face)

    def draw(self, context: bpy.types.Context) -> None:
        layout, active = self.layout, context.active_object
        of_board = posing.face_of(active)
        face = of_board or active
        assert face is not None
        armature = posing.board_of(face)
        if armature is None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("dnpm.add_board", icon="OUTLINER_OB_ARMATURE")
            return
        if not armature.users_scene:
            paragraph(
                layout.box(), f"{armature.name} was deleted from the scene: remove the board here too", icon="ERROR"
            )
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator(
            "dnpm.pose_board", text="Back to Face" if of_board else "Pose Face Board",
            icon="LOOP_BACK" if of_board else "POSE_HLT",
        )  # fmt: skip
        row.operator("dnpm.reset_board", text="", icon="ARMATURE_DATA")
        layout.prop(getattr(face, names.FACE), "board_drives")
        column = layout.column(align=True)
        column.operator("dnpm.keys_to_board", icon="IMPORT").tolerance = 0.0005
        column.operator("dnpm.board_to_keys", icon="EXPORT")
        if posing.drives(face) is not None and convert.range_of_keys(face) and not convert.range_of_board(face):
            paragraph(layout, "The face's own keyframes rest while the board moves it", icon="INFO")
        layout.operator("dnpm.remove_board", icon="X")


CLASSES = (DNPM_PT_board,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
