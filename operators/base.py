"""What all deeds on a face share: they need one, they report what a user can mend, and they undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..core.errors import DnpmError
from .scene import state

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


class FaceDeed(OperatorMixin):
    """Mixin of an operator on the active face: subclasses write `deed`, which may raise DnpmError."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not state.is_face(context.active_object):
            cls.poll_message_set("Select a DNPM face first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            self.deed(context, state.the_face(context))
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def deed(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        """Do it. Raises DnpmError with the scene as it was."""
        raise NotImplementedError
