"""What a face asks of the worker: its sliders, and what steers its detail beyond them (core/detail/controls.py)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import bpy
import numpy as np

from ....core.backend.requests import MapRequest
from ....core.errors import DnpmError
from ....core.face_model.landmark_uv import landmark_uv
from ....core.face_model.regions import EXPRESSIONS_BY_REGION, region_gain
from ....core.geometry.uv_map import UVMap
from .. import names
from ..face import models, slider_values
from ..photo import code_offset, wrinkles

REGIONS = tuple(EXPRESSIONS_BY_REGION)
GAIN_SIZE = 256
_gains: dict[tuple[str, tuple[float, ...]], np.ndarray] = {}
_painters: dict[str, UVMap] = {}


def added_to(request: MapRequest, obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> MapRequest:
    """The request for a face's sliders with the face's other controls; with a depsgraph as it evaluated them.

    Raises DnpmError when the other face is of another model, or the mask that is named is gone.
    """
    owner = obj.evaluated_get(depsgraph) if depsgraph is not None else obj
    request = replace(request, w_offset=code_offset.read(owner), relief=wrinkles.read(owner))
    group = getattr(owner, names.CONTROLS, None)
    if group is None:
        return request
    gain = _gain(obj, tuple(round(float(getattr(group, f"region_{name}")), 4) for name in REGIONS))
    painted = _painted(obj, group)
    if painted is not None:
        gain = painted if gain is None else gain * painted
    return replace(
        request, mix_identity=_mixed_identity(obj, depsgraph), gain=gain, truncation=round(float(group.truncation), 4),
        age=round(float(group.age), 4), mix_from=int(group.mix_from),
    )  # fmt: skip


def digest(obj: bpy.types.Object, request: MapRequest) -> str:
    """Names the map that this face asks for, whatever its size. Files hold it: its form stays as it is."""
    return slider_values.digest(obj, request.identity, request.expression, extras_digest(request))


def extras_digest(request: MapRequest) -> bytes:
    """Names what is asked for beyond identity and expression; empty when that is nothing."""
    neutral = MapRequest(identity=request.identity, expression=request.expression)
    params: dict[str, object] = {
        name: value for name in ("age", "truncation") if (value := getattr(request, name)) != getattr(neutral, name)
    }
    if request.mix_identity is not None:
        params["mix_from"] = request.mix_from
    arrays = {name: getattr(request, name) for name in ("gain", "mix_identity", "w_offset")}
    if not params and request.relief is None and all(array is None for array in arrays.values()):
        return b""
    hasher = hashlib.blake2b(repr(sorted(params.items())).encode(), digest_size=16)
    for name, array in arrays.items():
        if array is not None:
            hasher.update(name.encode())
            hasher.update(np.ascontiguousarray(array, np.float32).tobytes())
    if request.relief is not None:
        hasher.update(b"relief" + wrinkles.digest_of(request.relief))
    return hasher.digest()


def _mixed_identity(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None) -> np.ndarray | None:
    """(n_id,): the sliders of the face whose skin this one takes; None where it keeps its own."""
    other = getattr(obj, names.CONTROLS).mix_with
    if other is None or other == obj or not slider_values.is_face(other):
        return None
    if getattr(other, names.FACE).fingerprint != getattr(obj, names.FACE).fingerprint:
        raise DnpmError(f"{obj.name}: {other.name} is made of another face model, so its skin cannot be mixed in")
    return slider_values.identity_vector(other, depsgraph)


def _gain(obj: bpy.types.Object, factors: tuple[float, ...]) -> np.ndarray | None:
    if all(factor == 1.0 for factor in factors):
        return None
    model = models.model_of(obj)
    key = (models.current_table().fingerprint, factors)
    if key not in _gains:
        if len(_gains) > 64:
            _gains.clear()
        _gains[key] = region_gain(landmark_uv(model), dict(zip(REGIONS, factors, strict=True)), GAIN_SIZE)
    return _gains[key]


def _painted(obj: bpy.types.Object, group: Any) -> np.ndarray | None:
    """(256, 256) factors from a vertex group or a painted attribute: weight 0 the lower strength, 1 the higher."""
    if not group.mask:
        return None
    weights = _weights(obj, group.mask)
    model = models.model_of(obj)
    key = models.current_table().fingerprint
    if key not in _painters:
        _painters.clear()
        _painters[key] = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, GAIN_SIZE)
    painter = _painters[key]
    corners = painter.vertex_triangles[painter.triangle[painter.covered]]
    values = (painter.weights[painter.covered] * weights[corners]).sum(1)
    image = np.ones((GAIN_SIZE, GAIN_SIZE), np.float32)
    low, high = float(group.mask_low), float(group.mask_high)
    image[painter.covered] = low + (high - low) * np.clip(values, 0, 1)
    return image


def _weights(obj: bpy.types.Object, name: str) -> np.ndarray:
    mesh = obj.data
    weights = np.zeros(len(mesh.vertices), np.float32)
    vertex_group = obj.vertex_groups.get(name)
    if vertex_group is not None:
        for vertex in mesh.vertices:
            for entry in vertex.groups:
                if entry.group == vertex_group.index:
                    weights[vertex.index] = entry.weight
        return weights
    attribute = mesh.attributes.get(name)
    if attribute is None:
        raise DnpmError(
            f"{obj.name}: the detail mask {name!r} is neither a vertex group nor an attribute of its mesh; choose "
            "another or clear the field"
        )
    if attribute.domain != "POINT" or attribute.data_type not in {"FLOAT", "FLOAT_COLOR", "BYTE_COLOR"}:
        raise DnpmError(
            f"{obj.name}: the attribute {name!r} must hold a number or a colour for every vertex, it has "
            f"{attribute.data_type.lower()} on {attribute.domain.lower()}"
        )
    if attribute.data_type == "FLOAT":
        attribute.data.foreach_get("value", weights)
        return weights
    colours = np.zeros(4 * len(weights), np.float32)
    attribute.data.foreach_get("color", colours)
    return colours.reshape(-1, 4)[:, :3].mean(1)


def forget() -> None:
    """Drop the tables: another file or face model."""
    _gains.clear()
    _painters.clear()
