"""The controls of a face's board: which armature it is, where they stand, and how they are put for an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from ....core.face_model import board
from ....core.face_model.arkit import ARKIT_NAMES
from .. import names

TIP = "tongue_tip"
"""The control of the tongue's tip."""
VARIABLE = "dnpm_"
"""The variables of the board's drivers begin so."""
_PLACES = {"x": 0, "y": 1}


def bones_of(armature: bpy.types.Object) -> bpy.types.bpy_prop_collection[bpy.types.PoseBone]:
    """The bones of an armature, as they are posed."""
    assert armature.pose is not None, "an armature has a pose"
    return armature.pose.bones


def board_of(face: bpy.types.Object) -> bpy.types.Object | None:
    """The armature of a face's board, whether it drives the face or not; None for a face without."""
    found = getattr(face, names.FACE).board
    return found if found is not None and found.type == "ARMATURE" else None


def drives(face: bpy.types.Object) -> bpy.types.Object | None:
    """The same, where it moves the face."""
    return board_of(face) if getattr(face, names.FACE).board_drives else None


def face_of(armature: bpy.types.Object | None) -> bpy.types.Object | None:
    """The face whose board this is: its parent; None for any other object."""
    face = armature.parent if armature is not None and armature.type == "ARMATURE" else None
    if face is None or getattr(face, names.FACE, None) is None or not getattr(face, names.FACE).is_face:
        return None
    return face if board_of(face) == armature else None


def is_ours(curve: bpy.types.FCurve) -> bool:
    """Whether a driver is the board's."""
    driver = curve.driver
    return driver is not None and len(driver.variables) > 0 and all(
        variable.name.startswith(VARIABLE) for variable in driver.variables
    )  # fmt: skip


def path_of(one: board.Channel) -> tuple[str, int]:
    """Data path and index of a channel in the armature object."""
    bone, what = one
    prefix = f'pose.bones["{bone}"]'
    return (f"{prefix}.location", _PLACES[what]) if what in _PLACES else (f'{prefix}["{what}"]', 0)


def pose(armature: bpy.types.Object, expression: np.ndarray, tip_up: float = 0.0) -> None:
    """Put the controls so that the face does (52,) in ARKit's order, with the tongue's tip so far up; the eyes' target
    and the jaw's bone rest."""
    bones = bones_of(armature)
    for (name, what), values in board.channels_of(np.append(expression, tip_up)[None]).items():
        bone = bones.get(name)
        if bone is None:
            continue
        if what in _PLACES:
            bone.location[_PLACES[what]] = float(values[0])
        else:
            bone[what] = float(values[0])
    _rest_bones(armature, RESTING)
    armature.update_tag()


def pose_tip(armature: bpy.types.Object, tip_up: float) -> None:
    """Put the control of the tongue's tip alone; a board of an older version has none."""
    bone = bones_of(armature).get(TIP)
    if bone is not None:
        bone.location[1] = tip_up
        armature.update_tag()


def rest(armature: bpy.types.Object, *, whole: bool = False) -> None:
    """Put all that moves expressions to rest; `whole`: head and neck as well."""
    pose(armature, np.zeros(len(ARKIT_NAMES)))
    if whole:
        _rest_bones(armature, TURNING)


def _rest_bones(armature: bpy.types.Object, bones: tuple[str, ...]) -> None:
    posed = bones_of(armature)
    for bone in [posed[name] for name in bones if name in posed]:
        bone.location, bone.rotation_euler, bone.scale = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


TURNING = ("dnpm_neck", "dnpm_head")
"""Bones that turn the skin."""
RESTING = ("eyes", "eye.L", "eye.R", "jaw_bone")
"""Bones that move expressions too, beside the controls."""


def arkit_of(values: np.ndarray, index: Mapping[str, int]) -> np.ndarray:
    """(n_exp,) of a model -> (52,) in ARKit's order; what the model does not have rests."""
    found = np.zeros(len(ARKIT_NAMES), np.float32)
    for k, name in enumerate(ARKIT_NAMES):
        if name in index:
            found[k] = values[index[name]]
    return found


def driven_by(face: bpy.types.Object) -> list[str]:
    """The expressions that the board moves."""
    keys = face.data.shape_keys
    data = keys.animation_data if keys is not None else None
    found = {curve.data_path for curve in data.drivers if is_ours(curve)} if data is not None else set()
    return [name for name in ARKIT_NAMES if f'key_blocks["{name}"].value' in found]


def retarget(face: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Let the board's drivers on this face read this armature: a copy's, an override's."""
    keys = face.data.shape_keys
    data = keys.animation_data if keys is not None else None
    for curve in data.drivers if data is not None else ():
        if is_ours(curve):
            driver: Any = curve.driver
            for variable in driver.variables:
                for target in variable.targets:
                    if target.id != armature:
                        target.id = armature
