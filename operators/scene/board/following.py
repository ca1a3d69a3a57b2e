"""A board's bones follow the face when it becomes another person: joints, limits, and the drivers' factors.

Bones can be moved in Edit Mode alone, so it is done once the sliders rest, by a timer, or at the end of an operator. It
makes no step of undo of its own: what undo brings back may be a step behind, and follows again.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import bpy
import numpy as np

from ....core.errors import DnpmError
from .. import compat
from ..detail import map_state
from ..export.stage import stage
from ..face import models, registry, slider_values
from . import build, drivers, posing
from .joints import measure

QUIET_S = 0.3
"""Sliders that rested so long are let go."""
_OF, _PLACES = "dnpm_joints_of", "dnpm_joints"
"""On the armature: names the shape that its joints were measured on; and where its bones were put."""


def remember(face: bpy.types.Object, armature: bpy.types.Object, places: dict[str, tuple[float, float, float]]) -> None:
    """The armature's bones are where this face's joints are."""
    armature[_OF] = _shape(face)
    armature[_PLACES] = {name: list(place) for name, place in places.items()}


def follow(face: bpy.types.Object) -> bool:
    """Bring the bones of the face's own board to its joints as it is now. Returns whether any was moved.

    Bones that the artist has moved in Edit Mode keep their distance; the weights stay. Raises DnpmError when the face's
    keys are gone or renamed.
    """
    armature = posing.board_of(face)
    if armature is None or posing.face_of(armature) != face or not _is_editable(armature) or not _is_editable(face):
        return False
    if face.mode != "OBJECT" or armature.mode == "EDIT" or armature.get(_OF) == _shape(face):
        return False
    joints = measure(face, models.model_of(face))
    unit = float(armature.scale[0])
    places = build.places(joints, unit, bones=build.HEAD in posing.bones_of(armature))
    before = armature.get(_PLACES)
    _move(armature, places, {} if before is None else before.to_dict())
    if joints.jaw is not None and "jaw_bone" in posing.bones_of(armature):
        build.limit_jaw(armature, joints, unit)
    drivers.update(face, armature, joints, unit)
    remember(face, armature, places)
    slider_values.shape_keys(face).update_tag()
    armature.update_tag()
    return True


def after_operator(session_uid: int) -> None:
    """The same for the face with this uid, if it is still there. What stands in the way is said in the panel."""
    face = slider_values.find(session_uid)
    if face is None:
        return
    try:
        follow(face)
    except DnpmError as error:
        map_state.of(face).problem = str(error)


def soon() -> None:
    """Sliders or shapes may have changed: the boards follow once they rest. Not in background mode, where timers need
    not fire: there the next operator does it."""
    if not compat.in_background() and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=QUIET_S)


def forget() -> None:
    """Another file, or the extension is switched off."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _tick() -> float | None:
    if compat.is_render_running():
        return 1.0
    waits = False
    for face in registry.faces():
        armature = posing.board_of(face)
        if armature is None or armature.get(_OF) == _shape(face):
            continue
        state = map_state.get(face.session_uid)
        if (state is not None and time.monotonic() - state.changed < QUIET_S) or "EDIT" in (face.mode, armature.mode):
            waits = True
            continue
        after_operator(face.session_uid)
    return QUIET_S if waits else None


def _is_editable(obj: bpy.types.Object) -> bool:
    data: Any = obj.data
    return all(block.library is None and block.override_library is None for block in (obj, data))


def _shape(face: bpy.types.Object) -> str:
    """Names the face's shape at rest, by the points that joints are measured on first."""
    keys = getattr(face.data, "shape_keys", None)
    if keys is None:
        return ""
    points = np.empty(3 * len(keys.reference_key.data), np.float32)
    keys.reference_key.data.foreach_get("co", points)
    return hashlib.blake2b(points.tobytes(), digest_size=12).hexdigest()


def _move(
    armature: bpy.types.Object, places: dict[str, tuple[float, float, float]], before: dict[str, Any]
) -> None:  # fmt: skip
    data: Any = armature.data
    mode = armature.mode
    with stage() as one:
        one.scene.collection.objects.link(armature)
        with one.selected(armature):
            bpy.ops.object.mode_set(mode="EDIT")
            for name, place in places.items():
                bone = data.edit_bones.get(name)
                if bone is None:
                    continue
                was = np.array(before.get(name, tuple(bone.head)), float)
                shift = np.array(place) - was
                bone.head, bone.tail = np.array(bone.head) + shift, np.array(bone.tail) + shift
            bpy.ops.object.mode_set(mode=mode)
