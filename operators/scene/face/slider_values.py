"""Reads and writes a face's sliders: identity and strength in its property group, expressions as shape key values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.arkit import ARKIT_NAMES, TIP_UP
from ....core.face_model.model import FaceModel
from .. import names
from ..board import posing
from . import models, own_heads, registry

is_face = registry.is_face

_suppressed = 0


@contextmanager
def suppress_updates() -> Iterator[None]:
    """Inside, writing an identity slider does not rewrite the mesh: for setting many at once."""
    global _suppressed
    _suppressed += 1
    try:
        yield
    finally:
        _suppressed -= 1


def updates_suppressed() -> bool:
    """Whether sliders are being written by the extension itself."""
    return _suppressed > 0


_frames_suppressed = 0


@contextmanager
def suppress_frame_updates() -> Iterator[None]:
    """Inside, no map follows frames that are gone through: for sampling an animation."""
    global _frames_suppressed
    _frames_suppressed += 1
    try:
        yield
    finally:
        _frames_suppressed -= 1


def frame_updates_suppressed() -> bool:
    """Whether an animation is being sampled."""
    return _frames_suppressed > 0


def is_editable(obj: bpy.types.Object) -> bool:
    """Whether what is written to this face stays: not for one that is linked from another file.

    A library override is the file's own, once `separate` gave it a mesh and a map.
    """
    return obj.library is None


def faces() -> list[bpy.types.Object]:
    """The faces of the file that can be edited."""
    return [face for face in registry.faces() if is_editable(face)]


def find(session_uid: int) -> bpy.types.Object | None:
    """The face with this uid, linked or not; None when it is gone."""
    return registry.find(session_uid)


def still_there(session_uid: int, name: str) -> bpy.types.Object:
    """The face, found again after time has passed. Raises DnpmError when it was deleted meanwhile."""
    face = find(session_uid)
    if face is None:
        raise DnpmError(f"{name}: was deleted, or cannot be written any more")
    return face


def why_not(obj: bpy.types.Object | None, *, edits: bool = True) -> str:
    """Why an operator cannot work on this object, for tooltips and messages; empty when it can.

    `edits`: whether it changes the face.
    """
    if obj is None or not is_face(obj):
        return "Select a DNPM face first (Add > Mesh > DNPM Face makes one)"
    if edits and not is_editable(obj):
        return (
            f"{obj.name} is linked from {obj.library.name}: edit it there, or make a library override first "
            "(Object > Library Override > Make)"
        )
    return ""


def active_face(context: bpy.types.Context) -> bpy.types.Object:
    """The active object where a poll has seen that it is a face."""
    assert context.active_object is not None
    return context.active_object


def shape_keys(obj: bpy.types.Object) -> bpy.types.Key:
    """The face's shape keys. Raises DnpmError when they were removed."""
    keys = obj.data.shape_keys
    if keys is None:
        raise DnpmError(f"{obj.name}: its shape keys were removed: press Repair Face")
    return keys


def key_blocks(obj: bpy.types.Object) -> bpy.types.bpy_prop_collection[bpy.types.ShapeKey]:
    """The same, one by one."""
    return shape_keys(obj).key_blocks


def identity_vector(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> np.ndarray:
    """(n_id,) float32 from the sliders; with a depsgraph as it evaluated them (animation, drivers)."""
    owner = obj.evaluated_get(depsgraph) if depsgraph is not None else obj
    items = getattr(owner, names.FACE).identity
    vector = np.zeros(_components(obj), np.float32)
    items.foreach_get("value", vector[: len(items)])
    return vector


def _components(obj: bpy.types.Object) -> int:
    """How many components its model has. Only a linked face or an override may have sliders for fewer: its library may
    be of a version that knew fewer (`identity.add_new_sliders`)."""
    items = getattr(obj, names.FACE).identity
    if obj.library is None and obj.override_library is None:
        return len(items)
    labels = items.keys()
    try:
        known = models.model_of(obj).identity_labels
    except DnpmError:  # the face is told of it where its model is needed
        return len(labels)
    return len(known) if tuple(labels) == known[: len(labels)] else len(labels)


def key_values(obj: bpy.types.Object) -> np.ndarray:
    """(K,) float32: the values of all shape keys as they are, whatever their names; a muted key counts as 0. On a head
    of another program followed by what else drives its expressions."""
    keys = obj.data.shape_keys
    values = np.zeros(0, np.float32) if keys is None else _values(keys.key_blocks)
    return np.concatenate([values, own_heads.other_values(obj)]) if own_heads.is_own(obj) else values


def _values(blocks: bpy.types.bpy_prop_collection[bpy.types.ShapeKey]) -> np.ndarray:
    values, muted = np.zeros(len(blocks), np.float32), np.zeros(len(blocks), bool)
    blocks.foreach_get("value", values)
    blocks.foreach_get("mute", muted)
    values[muted] = 0.0
    return values


def expression_vector(
    obj: bpy.types.Object, model: FaceModel, depsgraph: bpy.types.Depsgraph | None = None
) -> np.ndarray:
    """(n_exp,) float32 in [0, 1] from the shape keys' values; a muted key counts as 0.

    A head of another program is read through its sources (`own_heads`). Raises DnpmError when a key of the model's is
    missing or was renamed, or a source is gone.
    """
    if own_heads.is_own(obj):
        return own_heads.expression_vector(obj, model.expression_index, depsgraph)
    keys = shape_keys(obj)
    blocks = keys.key_blocks if depsgraph is None else keys.evaluated_get(depsgraph).key_blocks
    values = _values(blocks)
    order = _key_order(blocks.keys(), model)
    if (order < 0).any():
        lost = [name for name, place in zip(model.expression_names, order, strict=True) if place < 0]
        raise DnpmError(
            f"{obj.name}: shape key {', '.join(lost[:5])} is missing or was renamed: name it so again, "
            "or press Repair Face"
        )
    return np.clip(values[order], 0.0, 1.0)


def _key_order(keys: list[str], model: FaceModel) -> np.ndarray:
    places = {name: i for i, name in enumerate(keys)}
    return np.array([places.get(name, -1) for name in model.expression_names], np.int64)


def set_expression(obj: bpy.types.Object, model: FaceModel, expression: np.ndarray) -> None:
    """Write (n_exp,) to the shape keys' values, and to the face board that moves them. Raises DnpmError before
    anything is written when one is missing."""
    expression = np.asarray(expression, np.float32)
    if expression.shape != (model.n_exp,) or not np.isfinite(expression).all():
        raise DnpmError(f"{obj.name}: {model.name} takes {model.n_exp} finite expression values")
    if own_heads.is_own(obj):
        own_heads.set_expression(obj, model.expression_index, expression)
        return
    keys = shape_keys(obj)
    blocks = keys.key_blocks
    order = _key_order(blocks.keys(), model)
    if (order < 0).any():
        expression_vector(obj, model)
    values = np.zeros(len(blocks), np.float32)
    blocks.foreach_get("value", values)
    values[order] = expression
    blocks.foreach_set("value", values)
    armature = posing.drives(obj)
    if armature is not None:
        posing.pose(armature, posing.arkit_of(expression, model.expression_index))
    keys.update_tag()
    obj.update_tag()


def set_arkit(obj: bpy.types.Object, model: FaceModel, expression: np.ndarray) -> None:
    """Write (52,) in ARKit's order to those shape keys that the model has; its others stay. Raises DnpmError as
    `set_expression`."""
    values = expression_vector(obj, model)
    for k, name in enumerate(ARKIT_NAMES):
        if name in model.expression_index:
            values[model.expression_index[name]] = expression[k]
    set_expression(obj, model, values)


def tip_up(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> float:
    """How far the tongue's tip is up, 0 to 1; 0 for a face that cannot."""
    keys = obj.data.shape_keys
    if keys is None or TIP_UP not in keys.key_blocks or own_heads.is_own(obj):
        return 0.0
    block = (keys if depsgraph is None else keys.evaluated_get(depsgraph)).key_blocks[TIP_UP]
    return 0.0 if block.mute else min(max(block.value, 0.0), 1.0)


def set_tip_up(obj: bpy.types.Object, value: float) -> None:
    """Write it, where the face can, and to the board that moves it."""
    keys = obj.data.shape_keys
    if keys is None or TIP_UP not in keys.key_blocks or own_heads.is_own(obj):
        return
    keys.key_blocks[TIP_UP].value = value
    armature = posing.drives(obj)
    if armature is not None:
        posing.pose_tip(armature, value)
    keys.update_tag()


def set_identity_sliders(obj: bpy.types.Object, identity: np.ndarray) -> None:
    """Write (n_id,) to the sliders alone. Raises DnpmError when the count or a value is wrong."""
    items = getattr(obj, names.FACE).identity
    identity = np.asarray(identity, np.float32)
    if identity.shape != (_components(obj),) or not np.isfinite(identity).all():
        raise DnpmError(f"{obj.name}: takes {_components(obj)} finite identity values")
    if identity[len(items) :].any():
        raise DnpmError(
            f"{obj.name}: its library was saved with {len(items)} identity sliders, before there were "
            f"{len(identity)}: open the library and save it, then all can be set here"
        )
    with suppress_updates():
        items.foreach_set("value", identity[: len(items)])
    obj.update_tag()


def digest(obj: bpy.types.Object, identity: np.ndarray, expression: np.ndarray, extras: bytes = b"") -> str:
    """Names the map that belongs to these sliders of this face's model, and to what else was asked for."""
    hasher = hashlib.blake2b(digest_size=16)
    hasher.update(getattr(obj, names.FACE).fingerprint.encode())
    # A slider at -0.0 is at 0.
    hasher.update((np.asarray(identity, np.float32) + 0.0).tobytes())
    hasher.update((np.asarray(expression, np.float32) + 0.0).tobytes())
    hasher.update(extras)
    return hasher.hexdigest()
