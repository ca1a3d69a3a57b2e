"""What all deeds on a face share: they need one, they report what a user can mend, and they undo."""

from __future__ import annotations

import bpy

from ..core.errors import DnpmError
from .scene import state


class FaceDeed:
    """Mixin of an operator on the active face: subclasses write `deed`, which may raise DnpmError."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not state.is_face(context.active_object):
            cls.poll_message_set("Select a DNPM face first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.deed(context, state.the_face(context))
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def deed(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        """Do it. Raises DnpmError with the scene as it was."""
        raise NotImplementedError
