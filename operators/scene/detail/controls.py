"""What steers a face's detail beyond its sliders (core/detail/controls.py): read from its properties, as a request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.landmark_uv import landmark_uv
from ....core.face_model.regions import EXPRESSIONS_BY_REGION, region_gain
from ....core.geometry.uv_map import UVMap
from .. import names
from ..face import models, slider_values
from ..photo import code_offset

REGIONS = tuple(EXPRESSIONS_BY_REGION)
GAIN_SIZE = 256
_gains: dict[tuple[str, tuple[float, ...]], np.ndarray] = {}
_painters: dict[str, UVMap] = {}


@dataclass(frozen=True)
class Extras:
    """What goes with identity and expression in a request for a map."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)

    def digest(self) -> bytes:
        """Names this choice; empty when nothing beyond the sliders is asked for."""
        if not (self.arrays or self.params):
            return b""
        hasher = hashlib.blake2b(repr(sorted(self.params.items())).encode(), digest_size=16)
        for name in sorted(self.arrays):
            hasher.update(name.encode())
            hasher.update(np.ascontiguousarray(self.arrays[name], np.float32).tobytes())
        return hasher.digest()


def read(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None = None) -> Extras:
    """The face's controls; with a depsgraph as it evaluated them. What stands at its default is left out.

    Raises DnpmError when the other face is of another model, or the mask that is named is gone.
    """
    owner = obj.evaluated_get(depsgraph) if depsgraph is not None else obj
    arrays: dict[str, np.ndarray] = {}
    params: dict[str, object] = {}
    offset = code_offset.read(owner)
    if offset is not None:
        arrays["w_offset"] = offset
    group = getattr(owner, names.CONTROLS, None)
    if group is None:
        return Extras(arrays)
    if group.age:
        params["age"] = round(float(group.age), 4)
    if group.truncation != 1.0:
        params["truncation"] = round(float(group.truncation), 4)
    other = getattr(obj, names.CONTROLS).mix_with
    if other is not None and other != obj and slider_values.is_face(other):
        if getattr(other, names.FACE).fingerprint != getattr(obj, names.FACE).fingerprint:
            raise DnpmError(f"{obj.name}: {other.name} is made of another face model, so its skin cannot be mixed in")
        arrays["mix_identity"] = slider_values.identity_vector(other, depsgraph)
        params["mix_from"] = int(group.mix_from)
    gain = _gain(obj, tuple(round(float(getattr(group, f"region_{name}")), 4) for name in REGIONS))
    painted = _painted(obj, group)
    if painted is not None:
        gain = painted if gain is None else gain * painted
    if gain is not None:
        arrays["gain"] = gain
    return Extras(arrays, params)


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
