"""Adds a face at the 3D cursor, into the active collection, as Blender's own primitives are added."""

from __future__ import annotations

import bpy
from bpy_extras.object_utils import AddObjectHelper, add_object_align_init
from mathutils import Matrix

from ..core.errors import DnpmError
from ..core.face_model.looks import DEFAULT_LOOK
from ..core.face_model.random_look import random_look
from ..core.face_model.sampling import average_adult, random_person
from .base import Result
from .scene import compat
from .scene.detail import live
from .scene.face import create, models


class DNPM_OT_add_face(AddObjectHelper, bpy.types.Operator):
    """Add a face with sliders for who it is, what it does and how wrinkled it gets"""

    bl_idname = "dnpm.add_face"
    bl_label = "DNPM Face"
    bl_options = {"REGISTER", "UNDO"}

    random: bpy.props.BoolProperty(
        name="Random Person", description="Instead of the average adult of 30", default=False
    )
    seed: bpy.props.IntProperty(name="Seed", description="Which random person", default=1, min=0)
    scale: bpy.props.FloatProperty(
        name="Scale", description="1 is life size: a head of about 29 cm, neck included", default=1.0, min=0.001,
        max=1000.0, soft_min=0.1, soft_max=100.0, step=10,
    )  # fmt: skip
    frame_view: bpy.props.BoolProperty(
        name="Frame View", description="Move the 3D view so that the new face fills it", default=False
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Leave this mode first: a face is added in Object Mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            model = models.current_model()
            person = random_person(model, self.seed) if self.random else average_adult(model)
            look = random_look(model, self.seed, person) if self.random else DEFAULT_LOOK
            face = create.new_face(context.scene, person, look=look, collection=context.collection)
        except DnpmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        face.matrix_world = self._place(context)
        face.scale = (self.scale,) * 3
        for other in context.selected_objects:
            other.select_set(False)
        face.select_set(True)
        context.view_layer.objects.active = face
        live.show_new(face)
        if not compat.in_background():
            models.table_of(face).prepare()
        if self.frame_view:
            _frame(context)
        return {"FINISHED"}

    def _place(self, context: bpy.types.Context) -> Matrix:
        """Where Blender's own primitives would be added; aligned to the view only where there is one."""
        view = context.space_data
        if context.preferences.edit.object_align == "VIEW" and not isinstance(view, bpy.types.SpaceView3D):
            self.location = context.scene.cursor.location
            return Matrix.Translation(context.scene.cursor.location)
        return add_object_align_init(context, operator=self)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "random")
        row = layout.row()
        row.enabled = self.random
        row.prop(self, "seed")
        for name in ("scale", "align", "location", "rotation", "frame_view"):
            layout.prop(self, name)


def _frame(context: bpy.types.Context) -> None:
    """The artist's 3D view, else the window's first one, shows the selection. Without a window: nothing."""
    areas = [context.area] if context.area is not None else []
    areas += list(context.screen.areas) if context.screen is not None else []
    for area in areas:
        region = next((region for region in area.regions if region.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None:
            with context.temp_override(area=area, region=region):
                bpy.ops.view3d.view_selected("EXEC_DEFAULT")
            return


def menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """In Add > Mesh."""
    models.load_soon()
    self.layout.operator(DNPM_OT_add_face.bl_idname, icon="USER")


CLASSES = (DNPM_OT_add_face,)
