"""A new identity: the mesh and every shape key are rewritten, because a bilinear face is not a sum of fixed keys.

While a slider is dragged only what is seen is written: the Basis and the keys that are not at 0. The mesh remembers
which keys were left behind and whose they are, so that `catch_up` brings them to what `apply` would have made of them,
in whatever state Blender brings back: an undo step, or a file that it saved by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from ....core import logs
from ....core.errors import DnpmError
from ....core.face_model.arkit import TIP_UP
from .. import compat, names
from . import models, own_heads, slider_values

log = logs.logger(__name__)

_SCULPTED_M = 3e-6
"""A coordinate further than this from what was written was moved by hand. Below are rounding and other processors."""
_KEPT = 3
_written: dict[bytes, np.ndarray] = {}


def check_vertex_count(obj: bpy.types.Object, table: models.KeyTable) -> None:
    """Raises DnpmError when vertices were added or removed: sliders can then no longer say where they are."""
    expected, found = len(table.model.neutral), len(obj.data.vertices)
    if expected != found:
        raise DnpmError(
            f"{obj.name}: its mesh has {found} vertices, the face model {expected}: it was edited, so identity sliders "
            "can no longer move it. Undo the edit, or add a new face and carry the sliders over with Copy and Paste"
        )


def applied(obj: bpy.types.Object) -> np.ndarray | None:
    """The identity that the mesh has the shape of, (n_id,) float32; None when that is not known."""
    stored = obj.data.get(names.APPLIED_IDENTITY)
    return None if stored is None else np.array(stored.to_list(), np.float32)  # item by item it takes ten times as long


def add_new_sliders(obj: bpy.types.Object) -> bool:
    """A face from a file that knew fewer components of the same model gets sliders for the others, at 0.

    Returns whether it did. They follow those that it has, so that animation of these stays; its shape is the same. A
    face of another model, or without one at hand, is left alone: Repair Face tells what is wrong there. So is a linked
    face and a library override, whose sliders are the library's; its other components count as 0.
    """
    if obj.library is not None or obj.override_library is not None:
        return False
    face = getattr(obj, names.FACE)
    try:
        model = models.model_of(obj)
    except DnpmError:
        return False
    labels = model.identity_labels
    count = len(face.identity)
    if count >= len(labels) or tuple(item.name for item in face.identity) != labels[:count]:
        return False
    with slider_values.suppress_updates():
        for label in labels[count:]:
            face.identity.add().name = label
    stored = applied(obj)
    if stored is not None and len(stored) == count:
        obj.data[names.APPLIED_IDENTITY] = [*map(float, stored), *[0.0] * (len(labels) - count)]
    return True


def is_applied(obj: bpy.types.Object, identity: np.ndarray) -> bool:
    """Whether the mesh has this identity's shape already; a head of another program keeps its own."""
    if own_heads.is_own(obj):
        return True
    stored = applied(obj)
    return stored is not None and np.array_equal(_padded(stored, len(identity)), np.asarray(identity, np.float32))


def _padded(stored: np.ndarray, count: int) -> np.ndarray:
    """With 0 for components that were not known yet."""
    return stored if len(stored) >= count else np.pad(stored, (0, count - len(stored)))


def apply(obj: bpy.types.Object, identity: np.ndarray | None = None, *, dragged: bool = False) -> None:
    """Give the mesh and its shape keys the shape of `identity` (n_id,); None takes the sliders'. A head of another
    program is left as it is.

    What was sculpted into the mesh or into a key since stays, on top of the new shape. `dragged`: more will follow, so
    keys that are not seen may wait for `catch_up`. Raises DnpmError when the mesh's vertices or the keys are not the
    model's, before anything is changed.
    """
    if own_heads.is_own(obj):
        return
    table = models.table_of(obj)
    identity = slider_values.identity_vector(obj) if identity is None else np.asarray(identity, np.float32)
    if identity.shape != (table.model.n_id,):
        raise DnpmError(f"{obj.name}: has {len(identity)} identity sliders, {table.model.name} {table.model.n_id}")
    if obj.mode == "EDIT":
        raise DnpmError(f"{obj.name}: leave Edit Mode first")
    check_vertex_count(obj, table)
    keys = slider_values.shape_keys(obj)
    slider_values.expression_vector(obj, table.model)
    scale = getattr(obj, names.FACE).unit_scale
    targets, rows = _targets(keys, table)
    before, behind = applied(obj), _behind(obj.data)
    if before is not None:
        before = _padded(before, len(identity))
        # Of a model with more sliders nothing is known here.
        before = before if before.shape == identity.shape else None
    left: list[int] = []
    if dragged and before is not None and _may_wait(obj, keys):
        seen = _seen(obj, keys)
        left = [row for row, key in zip(rows, targets, strict=True) if row and key.name not in seen]
        if behind is not None:
            left = [row for row in left if row in behind[1]]
        chosen = [k for k, row in enumerate(rows) if row not in left]
        targets, rows = [targets[k] for k in chosen], [rows[k] for k in chosen]
    wanted = _coordinates(table, identity, scale, rows)
    if before is not None:
        had = _coordinates(table, before, scale, rows)
        late = [] if behind is None else [k for k, row in enumerate(rows) if row in behind[1]]
        if behind is not None and late:
            had = had.copy()
            had[late] = _coordinates(table, _padded(behind[0], len(identity)), scale, [rows[k] for k in late])
        wanted = wanted + _sculpted(targets, had, _SCULPTED_M / scale)
    write(obj, targets, wanted)
    obj.data[names.APPLIED_IDENTITY] = [float(value) for value in identity]
    if not left:
        _forget_behind(obj.data)
    elif before is not None and (behind is None or len(left) < len(behind[1])):
        obj.data[names.KEYS_IDENTITY] = [float(value) for value in (before if behind is None else behind[0])]
        obj.data[names.KEYS_BEHIND] = left


def is_behind(obj: bpy.types.Object) -> bool:
    """Whether shape keys of its mesh wait for the end of a drag."""
    return obj.data.get(names.KEYS_BEHIND) is not None


def catch_up(obj: bpy.types.Object) -> None:
    """Bring shape keys that were left behind in a drag up to the identity that the mesh has. Where that cannot be they
    stay so, until it can."""
    if not is_behind(obj) or obj.data.library is not None:
        return
    try:
        apply(obj, applied(obj))
    except DnpmError as error:
        log.debug("%s", error)


def _behind(mesh: bpy.types.Mesh) -> tuple[np.ndarray, frozenset[int]] | None:
    """The identity of the keys that were left behind, (n_id,) float32, and which those are; None for none."""
    rows, identity = mesh.get(names.KEYS_BEHIND), mesh.get(names.KEYS_IDENTITY)
    if rows is None or identity is None:
        return None
    return np.array(identity.to_list(), np.float32), frozenset(rows)


def _forget_behind(mesh: bpy.types.Mesh) -> None:
    for name in (names.KEYS_BEHIND, names.KEYS_IDENTITY):
        if mesh.get(name) is not None:
            del mesh[name]


def _may_wait(obj: bpy.types.Object, keys: bpy.types.Key) -> bool:
    """Whether what is seen of the mesh depends on the keys' values alone."""
    return (
        obj.mode == "OBJECT"
        and not obj.show_only_shape_key
        and keys.use_relative
        and obj.data.users == 1
        and obj.data.library is None
        and obj.override_library is None
    )


def _seen(obj: bpy.types.Object, keys: bpy.types.Key) -> set[str]:
    """The names of the keys that are not at 0, and of those that they are relative to."""
    blocks = keys.key_blocks
    there = [blocks[k] for k in np.flatnonzero(slider_values.key_values(obj))]
    return {block.name for block in there} | {block.relative_key.name for block in there}


def has_tip_up(obj: bpy.types.Object) -> bool:
    """Whether the face can raise the tongue's tip. A face of an older version gets the shape key, at 0; not one that
    is linked or an override, whose keys are the library's."""
    blocks = slider_values.key_blocks(obj)
    if TIP_UP in blocks:
        return True
    table = models.table_of(obj)
    before = applied(obj)
    if TIP_UP not in table.names or obj.library or obj.override_library or obj.data.library or before is None:
        return False
    block = obj.shape_key_add(name=TIP_UP, from_mix=False)
    block.slider_min, block.slider_max, block.value = 0.0, 1.0, 0.0
    places = table.coordinates(_padded(before, table.model.n_id), getattr(obj, names.FACE).unit_scale)
    points = np.empty(places[0].size, np.float32)
    slider_values.shape_keys(obj).reference_key.points.foreach_get("co", points)
    # On what was sculpted since.
    moved = places[1 + table.names.index(TIP_UP)] - places[0]
    block.points.foreach_set("co", points + np.ascontiguousarray(moved, np.float32).ravel())
    return True


def forget(mesh: bpy.types.Mesh) -> None:
    """Of whose shape the mesh has nothing is known any more: the next `apply` writes it whole."""
    if mesh.get(names.APPLIED_IDENTITY) is not None:
        del mesh[names.APPLIED_IDENTITY]
    _forget_behind(mesh)


def add(obj: bpy.types.Object, change: np.ndarray) -> None:
    """Move the mesh and all its shape keys by (V, 3) Blender units, as if it had been sculpted. Raises DnpmError when
    the vertices or keys are not the model's."""
    table = models.table_of(obj)
    if obj.mode == "EDIT":
        raise DnpmError(f"{obj.name}: leave Edit Mode first")
    check_vertex_count(obj, table)
    keys = slider_values.shape_keys(obj)
    slider_values.expression_vector(obj, table.model)
    targets, _ = _targets(keys, table)
    found = np.empty((len(targets), 3 * len(change)), np.float32)
    for target, points in zip(targets, found, strict=True):
        target.points.foreach_get("co", points)
    write(obj, targets, found.reshape(len(targets), -1, 3) + np.asarray(change, np.float32))


def _targets(keys: bpy.types.Key, table: models.KeyTable) -> tuple[list[bpy.types.ShapeKey], list[int]]:
    """The Basis and the keys of the table's names, and their places in its coordinates. A face of an older version
    lacks those of movements that are no expressions."""
    blocks = keys.key_blocks
    there = [k for k, name in enumerate(table.names) if k < table.model.n_exp or name in blocks]
    return [keys.reference_key, *(blocks[table.names[k]] for k in there)], [0, *(k + 1 for k in there)]


def write(obj: bpy.types.Object, keys: list[bpy.types.ShapeKey], coordinates: np.ndarray) -> None:
    """Write (len(keys), V, 3) to the shape keys, and the first of them to the mesh itself."""
    targets: list[Any] = [*(key.points for key in keys), obj.data.vertices]
    for points, places in zip(targets, [*coordinates, coordinates[0]], strict=True):
        if obj.data.library is None:
            points.foreach_set("co", np.ascontiguousarray(places, np.float32).ravel())
        else:  # On linked data foreach_set does nothing, without a word.
            for point, place in zip(points, places.tolist(), strict=True):
                point.co = place
    obj.data.update()
    shape_keys = slider_values.shape_keys(obj)
    shape_keys.update_tag()
    # A render's depsgraph copies again what is tagged, with the values of the frame that is shown.
    compat.animate_again(shape_keys)
    compat.animate_again(obj.data)


def _sculpted(targets: list[bpy.types.ShapeKey], written: np.ndarray, tolerance: float) -> np.ndarray:
    """What the keys hold beyond `written`: (len(targets), V, 3). A sculpted Basis has moved the other keys along."""
    found = np.empty((len(targets), written[0].size), np.float32)
    for target, points in zip(targets, found, strict=True):
        target.points.foreach_get("co", points)
    extra = found.reshape(written.shape) - written
    extra[np.abs(extra) < tolerance] = 0.0
    return extra


def _coordinates(table: models.KeyTable, identity: np.ndarray, scale: float, rows: Sequence[int]) -> np.ndarray:
    """These rows of the table's coordinates; the last ones are kept, for the next step of a drag asks for them."""
    asked = np.asarray(rows, np.int64)
    key = table.fingerprint.encode() + identity.tobytes() + np.float64(scale).tobytes() + asked.tobytes()
    if key not in _written:
        while len(_written) >= _KEPT:
            _written.pop(next(iter(_written)))
        count = 1 + len(table.names)
        if len(rows) < count / 2:
            _written[key] = table.some_coordinates(identity, scale, rows)
        else:
            every = table.coordinates(identity, scale)
            _written[key] = every if len(rows) == count else every[asked]
    return _written[key]


def set_sliders(
    obj: bpy.types.Object,
    *,
    identity: np.ndarray | None = None,
    expression: np.ndarray | None = None,
    strength: float | None = None,
    tip_up: float = 0.0,
) -> None:
    """Set what is given, and the mesh with it; the map is left as it is. tip_up: of the tongue, along with an
    expression. Raises DnpmError with nothing changed."""
    model = models.model_of(obj)
    before = slider_values.expression_vector(obj, model)
    if expression is not None:
        slider_values.set_expression(obj, model, expression)
    try:
        if identity is not None:
            apply(obj, identity)
            slider_values.set_identity_sliders(obj, identity)
    except DnpmError:
        slider_values.set_expression(obj, model, before)
        raise
    if expression is not None:
        slider_values.set_tip_up(obj, tip_up)
    if strength is not None:
        getattr(obj, names.FACE).strength = strength
