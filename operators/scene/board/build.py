"""Builds the armature of a face board: bones, their drawings, colours and limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ....core.face_model import board
from .. import compat
from ..export.stage import Stage
from . import layout, posing, shapes
from .joints import Joints

NAME = "DNPM Board"
NECK, HEAD, JAW = "dnpm_neck", "dnpm_head", "dnpm_jaw"
"""Bones that turn the skin; the vertex groups have their names."""
TARGET = "eyes"
_AWAY, _BESIDE = 0.35, 0.25
"""Metres on an average face: how far ahead the eyes' target is, and how far beside the face the board."""
_UPRIGHT = 0.6
"""Bones stand upright, so that their axes are the head's: x to the subject's left, y up, z forward."""
_LEFT, _RIGHT, _MIDDLE = (0.16, 0.50, 0.92), (0.90, 0.27, 0.24), (0.95, 0.72, 0.18)
_FIELD, _TRACK, _WRITING, _RIM = (0.055, 0.06, 0.07), (0.46, 0.48, 0.53), (0.86, 0.88, 0.90), (0.42, 0.45, 0.50)
_BOTH = "What the two opposed expressions of this direction have in common, as captures may bring it; 0 by hand"


@dataclass(frozen=True)
class Bone:
    """A bone to be made: its place in the board's units, relative to the face, and what it hangs on."""

    name: str
    place: tuple[float, float, float]
    parent: str = ""
    length: float = _UPRIGHT
    deforms: bool = False


def build(stage: Stage, face: bpy.types.Object, joints: Joints, *, bones: bool) -> bpy.types.Object:
    """The armature, in the stage's scene alone. `bones`: whether it has bones for neck, head and jaw."""
    data = bpy.data.armatures.new(f"{NAME} {face.name}")
    armature = bpy.data.objects.new(f"{NAME} {face.name}", data)
    stage.scene.collection.objects.link(armature)
    with stage.selected(armature):
        bpy.ops.object.mode_set(mode="EDIT")
        for one in _bones(joints, joints.unit, bones=bones):
            made = data.edit_bones.new(one.name)
            made.head = one.place
            made.tail = (one.place[0], one.place[1], one.place[2] + one.length)
            made.use_deform = one.deforms
            if one.parent:
                made.parent = data.edit_bones[one.parent]
        bpy.ops.object.mode_set(mode="OBJECT")
    armature.scale = (joints.unit,) * 3
    for control in layout.controls():
        _set_up(posing.bones_of(armature)[control.name], control)
    _draw(armature, joints, bones=bones)
    _restrict(armature, joints)
    return armature


def places(joints: Joints, unit: float, *, bones: bool) -> dict[str, tuple[float, float, float]]:
    """Where the heads of the armature's bones are, in the units of an armature with this scale, by name."""
    return {one.name: one.place for one in _bones(joints, unit, bones=bones)}


def _bones(joints: Joints, unit: float, *, bones: bool) -> list[Bone]:
    def place(point: np.ndarray) -> tuple[float, float, float]:
        x, y, z = (np.asarray(point, float) / unit).tolist()
        return x, y, z

    # The board stands in the plane of the eyes, beside the subject's left.
    depth = float(joints.eyes["L"].centre[1])
    middle = np.array([_BESIDE * joints.size, depth, (joints.eyes["L"].centre[2] + joints.chin[2]) / 2])
    x, y, z = place(middle)
    found = [Bone("board", (x, y, z), length=1.0)]
    found += [Bone(name, (x, y, z), "board") for name in ("board_panels", "board_tracks", "board_writing")]
    found += [Bone(one.name, (x + one.x, y, z + one.y), "board") for one in layout.controls()]
    if bones:
        neck, head = place(joints.neck), place(joints.head)
        found.append(Bone(NECK, neck, length=max(head[2] - neck[2], 0.1), deforms=True))
        found.append(Bone(HEAD, head, NECK, length=0.12 * joints.size / unit, deforms=True))
    top = HEAD if bones else ""
    if joints.jaw is not None:
        found.append(Bone("jaw_bone", place(joints.jaw), top))
        if bones:
            found.append(Bone(JAW, place(joints.jaw), HEAD, deforms=True))
    ahead = np.array([0.0, -_AWAY * joints.size, 0.0])
    centres = {letter: eye.centre for letter, eye in joints.eyes.items()}
    found.append(Bone(TARGET, place(np.mean(list(centres.values()), axis=0) + ahead)))
    for letter, centre in centres.items():
        found.append(Bone(f"dnpm_eye.{letter}", place(centre), top))
        found.append(Bone(f"eye.{letter}", place(centre + ahead), TARGET))
    return found


def _set_up(bone: bpy.types.PoseBone, control: layout.Control) -> None:
    bone.lock_location = (control.across == (0.0, 0.0), control.up == (0.0, 0.0), True)
    limit: Any = bone.constraints.new("LIMIT_LOCATION")
    limit.owner_space, limit.use_transform_limit = "LOCAL", True
    ends = (*control.across, *control.up, 0.0, 0.0)
    for k, letter in enumerate("xyz"):
        for which, value in (("min", ends[2 * k]), ("max", ends[2 * k + 1])):
            setattr(limit, f"use_{which}_{letter}", True)
            setattr(limit, f"{which}_{letter}", value)
    for axis in board.AXES:
        if axis.control == control.name and axis.both:
            bone[axis.both] = 0.0
            shown: Any = bone.id_properties_ui(axis.both)
            shown.update(min=0.0, max=1.0, default=0.0, description=_BOTH)


def _draw(armature: bpy.types.Object, joints: Joints, *, bones: bool) -> None:
    posed, unit = posing.bones_of(armature), joints.unit
    knob, ball = shapes.knob(), shapes.ball()
    colours = {"L": _LEFT, "R": _RIGHT, "": _MIDDLE}
    for control in layout.controls():
        _show(posed[control.name], ball if control.is_field else knob, colours[control.side])
    _show(posed["board"], shapes.frame(), _RIM)
    for name, shape, colour in (
        ("board_panels", shapes.panels(), _FIELD), ("board_tracks", shapes.tracks(), _TRACK),
        ("board_writing", shapes.writing(), _WRITING),
    ):  # fmt: skip
        _show(posed[name], shape, colour)
        posed[name].bone.hide_select = True
    compat.line_width(posed["board_writing"], 1.6)
    if bones:
        _show(posed[HEAD], shapes.ring("Head", 0.125 * joints.size / unit, 0.12), _MIDDLE)
        _show(posed[NECK], shapes.ring("Neck", 0.085 * joints.size / unit, 0.12), _MIDDLE)
        posed[HEAD].custom_shape_translation = (0.0, 0.135 * joints.size / unit, 0.0)
        posed[NECK].custom_shape_translation = (0.0, 0.035 * joints.size / unit, 0.0)
    if joints.jaw is not None:
        reach = float(joints.jaw[1] - joints.chin[1]) / unit + 1.0
        drop = float(joints.jaw[2] - joints.chin[2]) / unit
        _show(posed["jaw_bone"], shapes.arc(reach, drop, 0.045 * joints.size / unit), _MIDDLE)
    half = float(abs(joints.eyes["L"].centre[0])) / unit
    _show(posed[TARGET], shapes.target(half), _MIDDLE)
    eye = shapes.eye_target()
    for letter in joints.eyes:
        _show(posed[f"eye.{letter}"], eye, colours[letter])
        compat.hide(posed[f"dnpm_eye.{letter}"])
    if JAW in posed:
        compat.hide(posed[JAW])


def _show(bone: bpy.types.PoseBone, shape: bpy.types.Object, colour: tuple[float, float, float]) -> None:
    bone.custom_shape, bone.use_custom_shape_bone_size = shape, False
    owners: tuple[Any, ...] = (bone, bone.bone)
    for owner in owners:
        owner.color.palette = "CUSTOM"
        owner.color.custom.normal = colour
        owner.color.custom.select = tuple(0.35 * part + 0.65 for part in colour)
        owner.color.custom.active = (1.0, 1.0, 1.0)


def _restrict(armature: bpy.types.Object, joints: Joints) -> None:
    """What is not to be moved is locked; the jaw goes as far as a jaw goes; the eyes' helpers look at their targets."""
    free = {"board": "LRS", TARGET: "LRS", HEAD: "R", NECK: "R", "jaw_bone": "R"}
    moving = {one.name for one in layout.controls()}
    for bone in posing.bones_of(armature):
        what = free.get(bone.name, "")
        bone.rotation_mode = "XYZ"
        if bone.name not in moving and bone.name not in ("eye.L", "eye.R"):
            bone.lock_location = ("L" not in what,) * 3
        bone.lock_rotation = ("R" not in what,) * 3
        bone.lock_scale = ("S" not in what,) * 3
    for letter in joints.eyes:
        track: Any = posing.bones_of(armature)[f"dnpm_eye.{letter}"].constraints.new("DAMPED_TRACK")
        track.target, track.subtarget, track.track_axis = armature, f"eye.{letter}", "TRACK_Z"
    jaw = posing.bones_of(armature).get("jaw_bone")
    if jaw is not None:
        jaw.lock_location = (True, True, False)
        jaw.constraints.new("LIMIT_ROTATION")
        jaw.constraints.new("LIMIT_LOCATION")
        limit_jaw(armature, joints, joints.unit)


def limit_jaw(armature: bpy.types.Object, joints: Joints, unit: float) -> None:
    """Let the jaw's bone turn and slide as far as this face's jaw does. Constraints that were removed stay away."""
    jaw = posing.bones_of(armature)["jaw_bone"]
    kinds: dict[str, Any] = {one.type: one for one in reversed(jaw.constraints)}
    turn, slide = kinds.get("LIMIT_ROTATION"), kinds.get("LIMIT_LOCATION")
    further = JAW in posing.bones_of(armature)
    wide, swing = joints.jaw_open, joints.jaw_side
    ends = {
        "x": (math.radians(-4), 1.6 * wide) if further else (0.0, wide),
        "y": (-1.6 * swing, 1.6 * swing) if further else (-swing, swing),
        "z": (math.radians(-8), math.radians(8)) if further else (0.0, 0.0),
    }
    if turn is not None:
        _set_limits(turn, "limit", ends)
    far = joints.jaw_forward / unit
    if slide is not None:
        slides = {"x": (0.0, 0.0), "y": (0.0, 0.0), "z": (-0.5 * far if further else 0.0, 1.5 * far)}
        _set_limits(slide, "", slides)


def _set_limits(constraint: Any, what: str, ends: Mapping[str, tuple[float, float]]) -> None:
    """what: how the constraint's switches go on before the axis, "limit" or, where they name the end, nothing."""
    constraint.owner_space, constraint.use_transform_limit = "LOCAL", True
    for letter, (low, high) in ends.items():
        for which, value in (("min", low), ("max", high)):
            setattr(constraint, f"use_{what or which}_{letter}", True)
            setattr(constraint, f"{which}_{letter}", value)
