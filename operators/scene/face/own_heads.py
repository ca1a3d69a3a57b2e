"""Heads of other programs that were given detail: what drives the 52 expressions of their map.

Such an object is a face like ours to everything that computes, shows, renders and bakes maps, except that its mesh is
never written to and that its expressions come from its sources: its own shape keys, found by their names, or any other
number of an object (a bone's channel, a custom property) by its data path; and from a rig that was measured.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np

from ....core.capture.sources import expressions_of
from ....core.errors import DnpmError
from ....core.transfer.motion import Reading
from .. import names


def is_own(obj: bpy.types.Object) -> bool:
    """Whether this face is a head of another program."""
    group = getattr(obj, names.FACE, None)
    return group is not None and group.is_face and group.detail_only


def why_not(obj: bpy.types.Object | None, *, allowed: bool) -> str:
    """Why an operator cannot work on it; empty when it can."""
    if allowed or obj is None or not is_own(obj):
        return ""
    return f"{obj.name} is a mesh of another program with detail alone: this works on DNPM faces"


def find_sources(obj: bpy.types.Object) -> int:
    """Fill the list of sources from the names of the mesh's shape keys; what the artist added stays. How many there
    are."""
    group = getattr(obj, names.FACE)
    kept = [
        (item.name, item.expression, item.weight, item.owner, item.data_path)
        for item in group.sources if item.data_path
    ]  # fmt: skip
    group.sources.clear()
    keys = obj.data.shape_keys
    for block in list(keys.key_blocks)[1:] if keys is not None else ():
        for expression, weight in expressions_of(block.name).items():
            _add(group, block.name, expression, weight)
    for name, expression, weight, owner, path in kept:
        item = _add(group, name, expression, weight)
        item.owner, item.data_path = owner, path
    return len(group.sources)


def region_weights(obj: bpy.types.Object) -> np.ndarray:
    """(V,) float32: how much of the detail each vertex takes. Raises DnpmError without the vertex group."""
    group = obj.vertex_groups.get(names.REGION)
    if group is None:
        raise DnpmError(f"{obj.name}: its vertex group {names.REGION!r} was deleted: press Add Detail again")
    weight = np.zeros(len(obj.data.vertices), np.float32)
    for vertex in obj.data.vertices:
        for entry in vertex.groups:
            if entry.group == group.index:
                weight[vertex.index] = entry.weight
    return weight


def _add(group: Any, name: str, expression: str, weight: float) -> Any:
    item = group.sources.add()
    item.name, item.expression, item.weight = name, expression, weight
    return item


def expression_names(obj: bpy.types.Object) -> set[str]:
    """The names of the shape keys that are expressions: the others make the person."""
    keys = obj.data.shape_keys
    found = {item.name for item in getattr(obj, names.FACE).sources if not item.data_path}
    return found | {block.name for block in (keys.key_blocks if keys is not None else ()) if expressions_of(block.name)}


def expression_vector(
    obj: bpy.types.Object, index: Mapping[str, int], depsgraph: bpy.types.Depsgraph | None = None
) -> np.ndarray:
    """(n_exp,) float32 in [0, 1]: every expression is the sum of its sources times their weights.

    Raises DnpmError when a source is gone or is no number.
    """
    keys = obj.data.shape_keys
    if keys is not None and depsgraph is not None:
        keys = keys.evaluated_get(depsgraph)
    blocks: Mapping[str, bpy.types.ShapeKey] = dict(keys.key_blocks.items()) if keys is not None else {}
    values = np.zeros(len(index), np.float32)
    for item in getattr(obj, names.FACE).sources:
        place = index.get(item.expression)
        if place is None:
            continue
        if item.data_path:
            value = _number(obj, item, depsgraph)
        elif item.name in blocks:
            block = blocks[item.name]
            value = 0.0 if block.mute else block.value
        else:
            raise DnpmError(
                f"{obj.name}: shape key {item.name!r}, which drives {item.expression}, is gone: press Find Sources"
            )
        values[place] += item.weight * value
    if len(getattr(obj, names.FACE).rig_channels):
        _add_rig(obj, values, index, depsgraph)
    return np.clip(values, 0.0, 1.0)


def _add_rig(
    obj: bpy.types.Object, values: np.ndarray, index: Mapping[str, int], depsgraph: bpy.types.Depsgraph | None
) -> None:
    """Add what the rig's controls make (`rig_motion.py`) to values (n_exp,)."""
    group = getattr(obj, names.FACE)
    reading = _reading(group.rig_reading)
    moved = [_number(obj, item, depsgraph) - item.rest for item in group.rig_channels]
    if len(moved) != reading.pull.shape[1]:
        raise DnpmError(f"{obj.name}: the rig's measurement is damaged: press Measure Rig again")
    for name, value in zip(reading.names, reading.of(np.array(moved)), strict=True):
        if name in index:
            values[index[name]] += value


@functools.lru_cache(maxsize=16)
def _reading(text: str) -> Reading:
    """What `rig_motion.keep` wrote. Raises DnpmError when it is damaged."""
    try:
        found = json.loads(text)
        pull = np.array(found["pull"], float)
        if pull.ndim == 2:  # as files have it that were measured one way alone
            pull = np.stack([pull, pull])
        return Reading(tuple(found["names"]), np.array(found["gram"], float), pull)
    except (ValueError, TypeError, KeyError) as error:
        raise DnpmError("the rig's measurement is damaged: press Measure Rig again") from error


def other_values(obj: bpy.types.Object) -> np.ndarray:
    """(n,) float32: the numbers of the sources that are no shape keys; NaN for one that is gone."""
    found = []
    group = getattr(obj, names.FACE)
    for item in (*group.sources, *group.rig_channels):
        if item.data_path:
            try:
                found.append(_number(obj, item, None))
            except DnpmError:
                found.append(np.nan)
    return np.array(found, np.float32)


def _number(obj: bpy.types.Object, item: Any, depsgraph: bpy.types.Depsgraph | None) -> float:
    owner = item.owner or obj
    if depsgraph is not None:
        owner = owner.evaluated_get(depsgraph)
    try:
        return float(owner.path_resolve(item.data_path))
    except (ValueError, TypeError) as error:
        raise DnpmError(
            f"{obj.name}: {item.data_path!r} of {owner.name}, which drives {getattr(item, 'expression', 'the face')}, "
            "is no number: correct or remove the source, or press Measure Rig again"
        ) from error


def set_expression(obj: bpy.types.Object, index: Mapping[str, int], expression: np.ndarray) -> None:
    """Write (n_exp,) to the shape keys that stand for one expression each, if there are any; what else drives the head
    stays as it is."""
    keys = obj.data.shape_keys
    uses: dict[str, list[Any]] = {}
    for item in getattr(obj, names.FACE).sources:
        if not item.data_path:
            uses.setdefault(item.name, []).append(item)
    plain = {name: items[0] for name, items in uses.items() if len(items) == 1 and items[0].expression in index}
    if keys is None:
        return
    for name, item in plain.items():
        if name in keys.key_blocks:
            keys.key_blocks[name].value = float(expression[index[item.expression]])
    keys.update_tag()
    obj.update_tag()
