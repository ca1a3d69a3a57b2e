"""What all operators on a face share: they need one, they report what a user can mend, and they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..core import logs
from ..core.errors import DnpmError
from .scene.board import following, posing
from .scene.detail import live
from .scene.face import identity, own_heads, slider_values

log = logs.logger(__name__)

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    Result = set[OperatorReturnItems]
    OperatorMixin = bpy.types.Operator
else:
    Result = set[str]
    """What Blender's operators return."""
    OperatorMixin = object
    """Base of operators' mixins. To mypy they are operators; Blender takes what derives from Operator for one to be
    registered."""


def own_operators() -> Any:
    """`bpy.ops.dnpm`: the stubs know Blender's own operators alone."""
    return bpy.ops.dnpm  # type: ignore[attr-defined]


def the_face(context: bpy.types.Context, *, edits: bool = True) -> bpy.types.Object:
    """The face that an operator works on: the active object, or the one whose board that is, with parts of its own.
    Raises DnpmError when it cannot."""
    obj = posing.face_of(context.active_object) or context.active_object
    reason = slider_values.why_not(obj, edits=edits)
    if reason:
        raise DnpmError(reason)
    assert obj is not None
    identity.catch_up(obj)
    if edits:
        live.own_data(obj)
        if obj.override_library is not None and obj.override_library.is_system_override:
            # Blender made it along with another override: from now on it is the artist's.
            obj.override_library.is_system_override = False
    return obj


def failed(operator: bpy.types.Operator, error: DnpmError) -> Result:
    """What an operator returns when it could not do its work: the artist is told, and the log keeps it."""
    operator.report({"ERROR"}, str(error))
    log.info("%s: %s", operator.bl_label, error)
    return {"CANCELLED"}


class FaceOperator(OperatorMixin):
    """Mixin of an operator on the active face: subclasses write `apply`, which may raise DnpmError."""

    bl_options = {"REGISTER", "UNDO"}
    edits = True
    """Whether it changes the face; a linked face can only be looked at."""
    own_heads = True
    """Whether it also works on a mesh of another program that was given detail: it has no mesh of ours to move."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        reason = slider_values.why_not(obj, edits=cls.edits) or own_heads.why_not(obj, allowed=cls.own_heads)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            face = the_face(context, edits=self.edits)
            uid = face.session_uid
            self.apply(context, face)
            following.after_operator(uid)
        except DnpmError as error:
            return failed(self, error)
        except Exception:
            log.exception("%s", self.bl_label)
            raise
        return {"FINISHED"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        """Do it. Raises DnpmError with the scene as it was."""
        raise NotImplementedError
