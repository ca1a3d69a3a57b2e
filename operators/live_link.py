"""Imports captures of many programs, and exports Live Link Face CSV."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import bpy
import numpy as np
from mathutils import Quaternion

from ..core.capture.read import SUFFIXES, Capture, read_capture
from ..core.capture.resample import resampled, sampled
from ..core.capture.track import CurveTrack
from ..core.capture.write import write_live_link
from ..core.errors import DnpmError
from ..core.face_model.arkit import ARKIT_NAMES
from .animate import LONGEST_S
from .base import FaceOperator, Result
from .keyframe_options import KeyframeOptions
from .long import FileOperator, Work, scene_of, with_label
from .scene.detail import baked
from .scene.face import models, slider_values
from .scene.motion import apply_curves, head, sounds

_HEADS = [
    ("NONE", "Nothing", "Expressions alone"),
    ("OBJECT", "The Face", "The face itself turns, about its origin between the ears"),
    ("EMPTY", "An Empty", "An empty beside the face, for a rig to follow"),
]
_OUTSIDE = 1e-3
"""Smaller excesses over 0 to 1 are limited without a warning."""


class DNPM_OT_import_live_link(KeyframeOptions, FaceOperator, bpy.types.Operator):
    """Read a captured performance into keyframes of this face: Live Link Face and other CSV by ARKit's names, JSON of
    Audio2Face, MediaPipe and BEAT"""

    bl_idname = "dnpm.import_live_link"
    own_heads = False
    bl_label = "Import Capture"

    filepath: bpy.props.StringProperty(
        name="File", description="Capture by ARKit's names: CSV, TSV or JSON", subtype="FILE_PATH"
    )
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN"})
    rate: bpy.props.FloatProperty(
        name="Capture Rate",
        description="Frames per second of the capture, if the file leaves them open. 0: from the file",
        min=0.0, soft_max=240.0, precision=3, options={"SKIP_SAVE"},
    )  # fmt: skip
    full: bpy.props.FloatProperty(
        name="Full Value",
        description="Value of a full expression (1, or 100 for percent), if the file leaves it open. 0: from the file",
        min=0.0, soft_max=100.0, options={"SKIP_SAVE"},
    )  # fmt: skip
    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no slider gets further from its curve than this. 0: one a frame",
        min=0.0, max=0.1, step=0.1, precision=4,
    )  # fmt: skip
    head: bpy.props.EnumProperty(
        name="Turn",
        description="What turns as the head did",
        items=[*_HEADS, ("BONE", "A Bone", "A bone of an armature")],
    )
    armature: bpy.props.StringProperty(name="Armature", description="The armature whose bone turns")
    bone: bpy.props.StringProperty(name="Bone", description="The bone that turns")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in (*self.shown_start(), "into", "target", "tolerance", "rate", "full", "head"):
            layout.prop(self, name)
        if self.head == "BONE":
            layout.prop_search(self, "armature", bpy.data, "objects")
            found = bpy.data.objects.get(self.armature)
            if found is not None and found.type == "ARMATURE":
                layout.prop_search(self, "bone", found.pose, "bones")

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        scene, model = context.scene, models.model_of(face)
        apply_curves.check(face, model)
        capture = read_capture(bpy.path.abspath(self.filepath), self.rate or None, self.full or None)
        track = capture.track
        if track.times[-1] - track.times[0] > LONGEST_S:
            raise DnpmError(
                f"{self.filepath}: is {(track.times[-1] - track.times[0]) / 60:.0f} minutes long; at most "
                f"{LONGEST_S / 60:.0f} can be keyed: cut it in a spreadsheet first"
            )
        times, expression, rotations = resampled(track, sounds.fps_of(scene))
        frames, label = self.first_frame(scene) + np.arange(len(times)), f"{face.name} {Path(self.filepath).stem}"
        with ExitStack() as undo:
            written = apply_curves.key_expression(
                face, model, label, frames, np.clip(expression, 0, 1), self.tolerance,
                layered=self.target == "LAYER", missing=track.missing, into=self.into, tip_up=_tip_up(track, times),
            )  # fmt: skip
            undo.callback(written.undo)
            if self.head != "NONE":
                if rotations is None:
                    raise DnpmError(f"{self.filepath}: has no columns for the head (HeadYaw, HeadPitch, HeadRoll)")
                armature = bpy.data.objects.get(self.armature)
                apply_curves.key_head(
                    face, scene, self.head, label, frames, rotations, self.tolerance, undo, armature, self.bone
                )
            undo.pop_all()
        self._tell(face, capture, written.keys, frames)

    def _tell(self, face: bpy.types.Object, capture: Capture, keys: int, frames: np.ndarray) -> None:
        self.report({"INFO"}, capture.line())
        if missing := capture.track.missing:
            self.report({"WARNING"}, f"The file has no {', '.join(missing[:5])}: left as they are")
        low, high = capture.value_range
        if low < -_OUTSIDE or high > 1 + _OUTSIDE:
            self.report({"WARNING"}, f"Its values go from {low:.3g} to {high:.3g}: limited to 0 to 1")
        if driven := apply_curves.driven(face, models.model_of(face), self.into):
            self.report({"WARNING"}, f"Drivers win over keyframes: {', '.join(driven[:5])} will not follow the capture")
        self.report({"INFO"}, f"{keys} keyframes from frame {frames[0]} to {frames[-1]}")


class DNPM_OT_export_live_link(FileOperator, bpy.types.Operator):
    """Write what this face does, whatever animates it, as a CSV like Live Link Face's"""

    bl_idname = "dnpm.export_live_link"
    bl_label = "Export Live Link Face CSV"
    edits = False

    filepath: bpy.props.StringProperty(
        name="File", description="CSV file to write", subtype="FILE_PATH", default="//live_link.csv"
    )
    filter_glob: bpy.props.StringProperty(default="*.csv", options={"HIDDEN"})
    frames: bpy.props.EnumProperty(
        name="Frames",
        description="Which frames are written",
        items=[("SCENE", "Scene", "The scene's range"), ("RANGE", "Range", "A range of your choice")],
    )
    first: bpy.props.IntProperty(name="First", description="First frame", default=1)
    last: bpy.props.IntProperty(name="Last", description="Last frame", default=250)
    head: bpy.props.EnumProperty(name="Head", description="Whose turns are written as the head's", items=_HEADS)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        scene, model = context.scene, models.model_of(face)
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, ".csv")))
        first, last = (scene.frame_start, scene.frame_end) if self.frames == "SCENE" else (self.first, self.last)
        if last <= first:
            raise DnpmError(f"frames {first} to {last}: at least two are needed")
        fps, turning = sounds.fps_of(scene), _turning(self.head, face, scene)
        uid, name, scene_uid = face.session_uid, face.name, scene.session_uid

        def read(graph: bpy.types.Depsgraph) -> tuple[np.ndarray, Quaternion]:
            values = slider_values.expression_vector(slider_values.still_there(uid, name), model, graph)
            if turning is None:
                return values, Quaternion()
            return values, _object(turning).evaluated_get(graph).matrix_basis.to_quaternion()

        self.holds = True
        try:
            found = yield from with_label(
                baked.through(slider_values.still_there(uid, name), scene_of(scene_uid), range(first, last + 1), read),
                "looking at the frames",
            )
        finally:
            self.holds = False
        places = [model.expression_index.get(key, -1) for key in ARKIT_NAMES]
        values = np.stack([entry[0] for entry in found.values()])
        expression = np.where(np.array(places) < 0, 0.0, values[:, places]).astype(np.float32)
        rotations = None if turning is None else head.angles([entry[1] for entry in found.values()])
        write_live_link(path, CurveTrack(np.arange(len(values)) / fps, expression, (), rotations))
        return f"{len(values)} frames written to {path}"


def _tip_up(track: CurveTrack, times: np.ndarray) -> np.ndarray | None:
    """Its column at times (T,) from the first, where the file has one."""
    if track.tip_up is None:
        return None
    begun = track.times - track.times[0] if track.clocked else track.times
    return sampled(begun, track.tip_up[:, None], times)[:, 0].clip(0, 1)


def _turning(kind: str, face: bpy.types.Object, scene: bpy.types.Scene) -> int | None:
    """The session's number of the object whose turns are the head's."""
    if kind == "OBJECT":
        return face.session_uid
    if kind == "EMPTY":
        empty = scene.objects.get(head.empty_name(face))
        if empty is None:
            raise DnpmError(f"{face.name}: has no empty {head.empty_name(face)!r} that turns like its head")
        return empty.session_uid
    return None


def _object(uid: int) -> bpy.types.Object:
    for obj in bpy.data.objects:
        if obj.session_uid == uid:
            return obj
    raise DnpmError("what turned like the head was deleted")


CLASSES = (DNPM_OT_import_live_link, DNPM_OT_export_live_link)
