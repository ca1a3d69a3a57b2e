"""The face board: adding and removing it, posing it, and keyframes from the expressions to it and back."""

from __future__ import annotations

import bpy

from .base import FaceOperator, OperatorMixin, Result, the_face
from .long import BackgroundOperator, Work, scene_of, with_label
from .scene.board import boards, convert, posing
from .scene.detail import live
from .scene.face import own_heads, slider_values


class _OfBoard(OperatorMixin):
    """Mixin: works on the active face, or on the one whose board is active."""

    has_board = True
    """Whether the face must have a board."""

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why it cannot work; empty when it can."""
        face = posing.face_of(context.active_object) or context.active_object
        reason = slider_values.why_not(face) or own_heads.why_not(face, allowed=False)
        if reason or face is None:
            return reason
        if cls.has_board and posing.board_of(face) is None:
            return "This face has no board: press Add Face Board"
        if not cls.has_board and posing.board_of(face) is not None:
            return "This face has a board already"
        return ""


class _BoardOperator(_OfBoard, FaceOperator):
    """A quick one."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason


class DNPM_OT_add_board(_BoardOperator, bpy.types.Operator):
    """Add a control board beside the face that moves its 52 expressions, a target for both eyes, and bones for head, neck and jaw. Remove Face Board leaves the face as it was"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.add_board"
    bl_label = "Add Face Board"
    has_board = False

    bones: bpy.props.BoolProperty(
        name="Head, Neck and Jaw Bones",
        description="Bones that turn the skin by weights, with an Armature modifier. Off where another rig turns the "
        "head",
        default=True,
    )

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        left = boards.add(face, context.scene, bones=self.bones)
        if left:
            self.report({"WARNING"}, f"Drivers of yours go on moving {', '.join(left[:5])}: the board does not")
        span = convert.range_of_keys(face)
        if span is not None:
            self.report(
                {"INFO"},
                f"Keyframes from {span[0]} to {span[1]} rest while the board moves the face: press Keys to Board",
            )
        live.on_sliders_changed(face)


class DNPM_OT_remove_board(_BoardOperator, bpy.types.Operator):
    """Remove the face board: its drivers, bones, weights and modifier. The face is as it was before"""

    bl_idname = "dnpm.remove_board"
    bl_label = "Remove Face Board"

    keep: bpy.props.BoolProperty(
        name="Keep Pose",
        description="The face goes on doing what it does now. Off, its sliders are as they were before the board",
        default=False,
    )

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        _activate(context, face)
        boards.remove(face, keep=self.keep)
        live.on_sliders_changed(face)


class DNPM_OT_pose_board(_BoardOperator, bpy.types.Operator):
    """Select the face's board and pose it; pressed again, go back to the face"""

    bl_idname = "dnpm.pose_board"
    bl_label = "Pose Face Board"

    def execute(self, context: bpy.types.Context) -> Result:
        if posing.face_of(context.active_object) is not None:
            face = the_face(context)
            if context.active_object is not None and context.active_object.mode != "OBJECT":
                bpy.ops.object.mode_set(mode="OBJECT")
            _activate(context, face)
            return {"FINISHED"}
        return super().execute(context)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        armature = posing.board_of(face)
        assert armature is not None
        _activate(context, armature)
        bpy.ops.object.mode_set(mode="POSE")


class DNPM_OT_reset_board(_BoardOperator, bpy.types.Operator):
    """Put all controls of the board to rest, with the eyes' target, head, neck and jaw"""

    bl_idname = "dnpm.reset_board"
    bl_label = "Board at Rest"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        armature = posing.board_of(face)
        assert armature is not None
        posing.rest(armature, whole=True)
        boards.refresh(face)


class _BoardBake(_OfBoard, BackgroundOperator):
    """A long one: it goes through the scene's frames, during which the artist's work waits."""

    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no expression gets further from its curve than this. 0: "
        "one a frame",
        default=0.0005,
        min=0.0,
        max=0.1,
        step=0.1,
        precision=4,
    )  # fmt: skip


class DNPM_OT_keys_to_board(_BoardBake, bpy.types.Operator):
    """Turn what moves the expressions (keyframes, NLA strips) into keyframes of the face board. The old ones stay in the file"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.keys_to_board"
    bl_label = "Keys to Board"

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        name, uid, scene = face.name, face.session_uid, context.scene.session_uid
        self.holds = True
        try:
            written = yield from with_label(
                convert.keys_to_board(face, scene_of(scene), self.tolerance), "looking at the frames"
            )
        finally:
            self.holds = False
        live.on_sliders_changed(slider_values.still_there(uid, name))
        return f"{written.keys} keyframes on the board"


class DNPM_OT_board_to_keys(_BoardBake, bpy.types.Operator):
    """Turn what the face does by its board into keyframes of the expressions, in a new action"""

    bl_idname = "dnpm.board_to_keys"
    bl_label = "Board to Keys"

    remove: bpy.props.BoolProperty(
        name="Remove Face Board",
        description="Remove the board afterwards. Off, it stays and no longer moves the face. Turns of head and neck, "
        "and what the jaw's bone does beyond the expressions, are on the board alone",
        default=False,
    )

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        name, uid, scene = face.name, face.session_uid, context.scene.session_uid
        if self.remove:
            _activate(context, face)
        self.holds = True
        try:
            written = yield from with_label(
                convert.board_to_keys(face, scene_of(scene), self.tolerance, remove=self.remove),
                "looking at the frames",
            )
        finally:
            self.holds = False
        live.on_sliders_changed(slider_values.still_there(uid, name))
        return f"{written.keys} keyframes on the expressions"


def _activate(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Select an object alone, in Object Mode, where the view layer has it."""
    active = context.view_layer.objects.active
    if active is not None and active != obj and active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    if obj.name not in context.view_layer.objects:
        return
    for other in context.selected_objects:
        other.select_set(False)
    obj.hide_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj


CLASSES = (
    DNPM_OT_add_board,
    DNPM_OT_remove_board,
    DNPM_OT_pose_board,
    DNPM_OT_reset_board,
    DNPM_OT_keys_to_board,
    DNPM_OT_board_to_keys,
)
