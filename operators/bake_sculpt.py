"""Bakes a sculpt to a sample of a data set, on which the detail can be trained."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.dataset.bake import bake
from ..core.dataset.sets import add_sculpt
from ..core.errors import DnpmError
from .base import FaceOperator, Result
from .scene.detail import sculpts
from .scene.face import models, slider_values


class DNPM_OT_bake_sculpt(FaceOperator, bpy.types.Operator):
    """Bake the difference between the other selected mesh and this face, with its sliders, into a data set"""

    bl_idname = "dnpm.bake_sculpt"
    own_heads = False
    bl_label = "Bake Sculpt to Sample"
    bl_options = {"REGISTER"}
    edits = False

    directory: bpy.props.StringProperty(
        name="Data Set", description="Folder of the data set; made when it is not there", subtype="DIR_PATH"
    )
    sample: bpy.props.StringProperty(name="Sample", description="Name of the sample. Empty: the sculpt's name")
    person: bpy.props.StringProperty(
        name="Person", description="Whose face it is: a person's samples are learnt from or tested on, never both"
    )
    resolution: bpy.props.EnumProperty(
        name="Size",
        description="Size of the map",
        items=[(str(n), f"{n} x {n}", f"{n} pixels a side") for n in (128, 256, 512, 1024)],
        default="1024",
    )
    cage: bpy.props.FloatProperty(
        name="Cage Distance",
        description="How far from the smooth face the sculpt may lie, in millimetres",
        default=4.0, min=0.1, max=50.0,
    )  # fmt: skip

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        others = [obj for obj in context.selected_objects if obj != face and obj.type == "MESH"]
        if len(others) != 1:
            raise DnpmError("select the sculpt, then the face: one other mesh must be selected")
        if not self.directory:
            raise DnpmError("choose a folder for the data set")
        model = models.model_of(face)
        identity, expression = slider_values.identity_vector(face), slider_values.expression_vector(face, model)
        vertices, faces = sculpts.sculpt_mesh(context, others[0], face)
        surface = sculpts.smooth_surface(context, face)
        baked = bake(surface, vertices, faces, model.detail_mask, int(self.resolution), self.cage)
        folder = Path(bpy.path.abspath(self.directory))
        count = add_sculpt(
            folder, model, self.sample or others[0].name, baked, identity, expression, self.person or None
        )  # fmt: skip
        for problem in baked.report.problems():
            self.report({"WARNING"}, problem)
        self.report(
            {"INFO"}, f"Sample {count} of {folder.name}: {baked.report.round_trip_mm:.3f} mm from the sculpt"
        )  # fmt: skip


CLASSES = (DNPM_OT_bake_sculpt,)
