"""Turns of the head as keyframes: of the face itself, of an empty beside it, or of an armature's bone.

A track's angles are radians about core's axes, right-handed: headPitch about x (the nose goes down), headYaw about y
(up; the nose goes to the subject's left), headRoll about z (forward; the left ear goes up); yaw outermost, roll first.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from ....core.capture.track import ROTATION_NAMES
from ....core.errors import DnpmError
from ....core.face_model.keys import thinned
from . import keyframes

_YAW, _PITCH, _ROLL = (ROTATION_NAMES.index(name) for name in ("headYaw", "headPitch", "headRoll"))


def quaternions(rotations: np.ndarray) -> list[Quaternion]:
    """(T, 9) radians in a track's order -> turns in Blender's axes (core's x, z, -y... as `units.to_blender`)."""
    # Blender's Euler names the order of application: roll about y first, then pitch about x, then yaw about z.
    return [
        Euler((float(row[_PITCH]), -float(row[_ROLL]), float(row[_YAW])), "YXZ").to_quaternion() for row in rotations
    ]


def angles(turns: list[Quaternion]) -> np.ndarray:
    """The reverse: (T, 9), the eyes' six columns 0."""
    rows = np.zeros((len(turns), len(ROTATION_NAMES)), np.float32)
    for row, turn in zip(rows, turns, strict=True):
        euler = turn.to_euler("YXZ")
        row[_PITCH], row[_ROLL], row[_YAW] = euler.x, -euler.y, euler.z
    return rows


def key_object(
    target: bpy.types.Object, name: str, frames: np.ndarray, rotations: np.ndarray, tolerance: float
) -> keyframes.Written:
    """Let an object turn like the head, out of the rotation that it has now. Raises DnpmError as `keyframes.write`."""
    base = target.matrix_basis.to_quaternion()
    turns = [base @ turn for turn in quaternions(rotations)]
    curves = _curves(target, "", frames, turns, tolerance)
    # Its own animation may move it about: that stays.
    data = target.animation_data
    return keyframes.write(target, name, curves, layered=data is not None and data.action is not None)


def key_bone(
    armature: bpy.types.Object, bone: str, name: str, frames: np.ndarray, rotations: np.ndarray, tolerance: float
) -> keyframes.Written:
    """The same for a bone: the head turns in the armature's own axes, about the bone's head.

    Raises DnpmError when there is no such bone.
    """
    posed = armature.pose.bones.get(bone) if armature.type == "ARMATURE" and armature.pose is not None else None
    if posed is None:
        raise DnpmError(f"{armature.name}: has no bone {bone!r}; choose an armature and one of its bones")
    rest = posed.bone.matrix_local.to_quaternion()
    turns = [rest.inverted() @ turn @ rest for turn in quaternions(rotations)]
    prefix = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
    curves = _curves(posed, prefix, frames, turns, tolerance)
    data = armature.animation_data
    return keyframes.write(armature, name, curves, layered=data is not None and data.action is not None)


def empty_name(face: bpy.types.Object) -> str:
    """What the empty that turns like this face's head is called."""
    return f"DNPM Head {face.name}"


def empty_for(face: bpy.types.Object, scene: bpy.types.Scene) -> tuple[bpy.types.Object, Callable[[], None]]:
    """The empty that turns like this face's head, where the face is; and what takes it back if it was made now."""
    return empty_named(empty_name(face), face, scene)


def empty_named(
    name: str, face: bpy.types.Object, scene: bpy.types.Scene
) -> tuple[bpy.types.Object, Callable[[], None]]:  # fmt: skip
    """The empty of this name, where the face is; and what takes it back if it was made now."""
    found = scene.objects.get(name)
    if found is not None and found.type == "EMPTY":
        return found, lambda: None
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size = "ARROWS", 0.15 / scene.unit_settings.scale_length
    empty.matrix_world = Matrix.LocRotScale(*face.matrix_world.decompose()[:2], None)
    scene.collection.objects.link(empty)
    return empty, lambda: bpy.data.objects.remove(empty)


def resting(target: bpy.types.Object) -> Quaternion:
    """The rotation that an object has without the head's."""
    return target.matrix_basis.to_quaternion()


def turn(target: bpy.types.Object, rotations: np.ndarray, rest: Quaternion | None = None) -> None:
    """Turn an object now, without a key: (9,) radians, out of `rest` (None: the identity), in its own rotation mode."""
    wanted = (rest or Quaternion()) @ quaternions(np.nan_to_num(rotations)[None])[0]
    if target.rotation_mode == "QUATERNION":
        target.rotation_quaternion = wanted
    elif target.rotation_mode == "AXIS_ANGLE":
        axis, angle = wanted.to_axis_angle()
        target.rotation_axis_angle = (angle, axis.x, axis.y, axis.z)
    else:
        target.rotation_euler = wanted.to_euler(target.rotation_mode, target.rotation_euler)


def _curves(
    target: bpy.types.Object | bpy.types.PoseBone,
    prefix: str,
    frames: np.ndarray,
    turns: list[Quaternion],
    tolerance: float,
) -> list[keyframes.Curve]:
    """Keys in the target's own rotation mode, without jumps of a whole turn."""
    if target.rotation_mode == "AXIS_ANGLE":
        raise DnpmError(f"{target.name}: its rotation is given as axis and angle: choose Quaternion or an Euler order")
    if target.rotation_mode == "QUATERNION":
        path, values = "rotation_quaternion", np.array([turn[:] for turn in turns], np.float64)
        flips = np.cumsum((values[1:] * values[:-1]).sum(1) < 0) % 2
        values[1:][flips == 1] *= -1
    else:
        path = "rotation_euler"
        values = np.array([turn.to_euler(target.rotation_mode)[:] for turn in turns], np.float64)
        values = np.unwrap(values, axis=0)
    kept = thinned(frames, values, tolerance)
    return [
        keyframes.Curve(prefix + path, frames[kept[:, k]], values[kept[:, k], k], k) for k in range(values.shape[1])
    ]
