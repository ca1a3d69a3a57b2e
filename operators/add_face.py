"""Adds a face at the 3D cursor."""

from __future__ import annotations

import bpy

from ..core.errors import DnpmError
from ..core.face_model.sampling import random_identity
from .base import Result
from .scene.detail import live
from .scene.face import create, models


class DNPM_OT_add_face(bpy.types.Operator):
    """Add a face with sliders for who it is, what it does and how wrinkled it gets"""

    bl_idname = "dnpm.add_face"
    bl_label = "DNPM Face"
    bl_options = {"REGISTER", "UNDO"}

    random: bpy.props.BoolProperty(name="Random Person", description="Instead of the average face", default=False)
    seed: bpy.props.IntProperty(name="Seed", description="Which random person", default=1, min=0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Leave this mode first: a face is added in Object Mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            person = random_identity(models.current_model(), self.seed) if self.random else None
            face = create.new_face(context.scene, person)
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        face.location = context.scene.cursor.location
        for other in context.selected_objects:
            other.select_set(False)
        face.select_set(True)
        context.view_layer.objects.active = face
        live.notice(face)
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "random")
        row = self.layout.row()
        row.enabled = self.random
        row.prop(self, "seed")


def menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In Add > Mesh."""
    self.layout.operator(DNPM_OT_add_face.bl_idname, icon="USER")


CLASSES = (DNPM_OT_add_face,)
