"""Adds a face's board, and takes it away with the face as it was."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.arkit import ARKIT_NAMES
from .. import names
from ..export.stage import stage
from ..face import models, slider_values
from . import build, drivers, following, posing
from .joints import Joints, measure

MODIFIER = "DNPM Board"
_BEFORE, _TIP = "dnpm_before", "dnpm_tip_before"
_GROUP, _HAD_DATA = "dnpm_active_group", "dnpm_had_animation"
"""On the armature: the expressions and the tongue's tip before there was a board, and the active vertex group."""
_GROUPS = {"neck": build.NECK, "head": build.HEAD, "jaw": build.JAW}


def add(face: bpy.types.Object, scene: bpy.types.Scene, *, bones: bool) -> list[str]:
    """Add a board that shows what the face does. Returns the expressions that a driver of the artist's goes on moving.

    `bones`: with an Armature modifier for neck, head and jaw. Raises DnpmError with the scene as it was.
    """
    if posing.board_of(face) is not None:
        raise DnpmError(f"{face.name}: has a face board already")
    model = models.model_of(face)
    before, tip = slider_values.expression_vector(face, model), slider_values.tip_up(face)
    if not set(ARKIT_NAMES) & set(model.expression_names):
        raise DnpmError(f"{face.name}: its face model {model.name} has none of ARKit's expressions")
    if face.mode != "OBJECT":
        raise DnpmError(f"{face.name}: leave {face.mode.replace('_', ' ').title()} Mode first")
    if taken := [name for name in _GROUPS.values() if bones and name in face.vertex_groups]:
        raise DnpmError(f"{face.name}: has vertex groups {', '.join(taken)} already: rename or remove them")
    joints = measure(face, model)
    with ExitStack() as undo:
        with stage() as one:
            armature = build.build(one, face, joints, bones=bones)
        undo.callback(_remove_armature, armature)
        # In the face's own collections, so that it is appended, linked and hidden along with it.
        for collection in [found for found in bpy.data.collections if face.name in found.objects] or [scene.collection]:
            if armature.name not in collection.objects:
                collection.objects.link(armature)
        armature.parent = face
        armature[_BEFORE] = [
            float(slider_values.shape_keys(face).key_blocks[name].value) for name in model.expression_names
        ]
        armature[_TIP] = tip
        armature[_GROUP] = face.vertex_groups.active_index
        armature[_HAD_DATA] = slider_values.shape_keys(face).animation_data is not None
        undo.callback(drivers.remove, face)
        left = drivers.add(face, armature, joints)
        if build.JAW in posing.bones_of(armature):
            drivers.add_jaw(armature, joints)
        posing.pose(armature, posing.arkit_of(before, model.expression_index), tip)
        following.remember(face, armature, build.places(joints, joints.unit, bones=bones))
        if bones:
            _add_weights(face, armature, joints)
        undo.pop_all()
    group = getattr(face, names.FACE)
    group.board, group.board_drives = armature, True
    face.update_tag()
    return left


def _add_weights(face: bpy.types.Object, armature: bpy.types.Object, joints: Joints) -> None:
    active = face.vertex_groups.active_index
    for part, name in _GROUPS.items():
        if name not in posing.bones_of(armature):
            continue
        group = face.vertex_groups.new(name=name)
        weights = joints.weights[part].astype(np.float32)
        # Few different weights: vertices are added by the hundred.
        steps = np.round(weights * 1000).astype(int)
        for step in np.unique(steps[steps > 0]):
            group.add(np.flatnonzero(steps == step).tolist(), step / 1000, "REPLACE")
    face.vertex_groups.active_index = active
    modifier = face.modifiers.new(MODIFIER, "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object, modifier.use_vertex_groups = armature, True
    modifier.show_in_editmode = True
    face.modifiers.move(len(face.modifiers) - 1, 0)


def remove(face: bpy.types.Object, *, keep: bool) -> None:
    """Take the board away: its drivers, weights and modifier. `keep`: the face goes on doing what it does now; else it
    does what it did before there was a board. Raises DnpmError for a face without."""
    armature = posing.board_of(face)
    if armature is None:
        raise DnpmError(f"{face.name}: has no face board")
    model = models.model_of(face)
    now, tip = slider_values.expression_vector(face, model), slider_values.tip_up(face)
    before = armature.get(_BEFORE)
    group = getattr(face, names.FACE)
    group.board, group.board_drives = None, False
    had_data = bool(armature.get(_HAD_DATA, True))
    drivers.remove(face)
    keys = slider_values.shape_keys(face)
    data = keys.animation_data
    if data is not None and not had_data and data.action is None and not data.nla_tracks and not data.drivers:
        keys.animation_data_clear()
    modifier = face.modifiers.get(MODIFIER)
    if modifier is not None:
        face.modifiers.remove(modifier)
        for name in _GROUPS.values():
            if name in face.vertex_groups:
                face.vertex_groups.remove(face.vertex_groups[name])
    face.vertex_groups.active_index = int(armature.get(_GROUP, 0))
    if keep:
        slider_values.set_expression(face, model, now)
        slider_values.set_tip_up(face, tip)
    elif before is not None and len(before) == model.n_exp:
        slider_values.set_expression(face, model, np.array(before, np.float32))
        slider_values.set_tip_up(face, float(armature.get(_TIP, 0.0)))
    # A duplicate may follow the same board.
    if not any(posing.board_of(other) == armature for other in slider_values.faces()):
        _remove_armature(armature)
    face.update_tag()


def _remove_armature(armature: bpy.types.Object) -> None:
    data: Any = armature.data
    drawn = {bone.custom_shape for bone in posing.bones_of(armature) if bone.custom_shape is not None}
    bpy.data.objects.remove(armature)
    if not data.users:
        bpy.data.armatures.remove(data)
    for shape in drawn:
        mesh = shape.data
        if shape.users == 0:
            bpy.data.objects.remove(shape)
            if mesh.users == 0:
                bpy.data.meshes.remove(mesh)


def set_drives(face: bpy.types.Object, *, on: bool) -> None:
    """Let the board move the face, or let what else moves its expressions do so."""
    if posing.board_of(face) is not None:
        drivers.mute(face, muted=not on)
        slider_values.shape_keys(face).update_tag()
        face.update_tag()


def switch(face: bpy.types.Object, *, on: bool) -> None:
    """Set Board Moves Face."""
    getattr(face, names.FACE).board_drives = on


def refresh(face: bpy.types.Object) -> None:
    """Have the face evaluated again, as its board is now."""
    slider_values.shape_keys(face).update_tag()
    face.update_tag()
