"""The exported mesh's materials: few, plain, and each with one UV layer's meaning.

Inside the detail layer the skin's first UV layer is the detail UV, so that colour, normal map and wrinkle maps lie on
one layer. The rest of the skin is a material of its own on the texture UV and has no normal map: its detail UV is
degenerate, and tangents made of it would break.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ....core.face_model.model import FaceModel
from .. import names
from ..look import materials

SKIN, SKIN_REST = "dnpm_skin", "dnpm_skin_rest"
_SKIN_KINDS, _EYE_KINDS = ("skin", "lips"), ("eye", "sclera", "iris", "pupil")


@dataclass(frozen=True)
class Finish:
    """How a part is made: share of the skin's texture side (0: one colour), and its roughness."""

    share: float
    roughness: float
    alpha: float = 1.0


_FINISHES = {
    SKIN: Finish(1.0, 0.5),
    SKIN_REST: Finish(0.5, 0.5),
    "dnpm_eyes": Finish(0.25, 0.1),
    "dnpm_teeth": Finish(0.125, 0.22),
    "dnpm_gums": Finish(0.125, 0.3),
    "dnpm_tongue": Finish(0.125, 0.4),
    "dnpm_mouth": Finish(0.125, 0.4),
    "dnpm_lashes": Finish(0.0, 0.6),
    "dnpm_brows": Finish(0.0, 0.6),
    "dnpm_cornea": Finish(0.0, 0.02, 0.05),
}
_STRIPS = Finish(0.0, 0.6, 0.5)
"""Lashes that are strips with painted hairs: half transparent, which is a makeshift."""


def finish(part: str, model: FaceModel) -> Finish:
    """The part's; of a material that is none of ours one colour."""
    if part == "dnpm_lashes" and "lashes_left" not in model.vertex_groups:
        return _STRIPS
    return _FINISHES.get(part, Finish(0.0, 0.5))


def parts_of(model: FaceModel) -> tuple[list[str], np.ndarray]:
    """The parts' names, and (F,) int32: each face's."""
    kinds, places = materials.slots(model)
    inside = model.faces_detail_uv[:, 0] >= 0
    found: list[str] = []
    result = np.zeros(len(places), np.int32)
    for k, kind in enumerate(kinds):
        for within in (True, False):
            chosen = (places == k) & (inside == within)
            if not chosen.any():
                continue
            part = _part(kind, within=within)
            if part not in found:
                found.append(part)
            result[chosen] = found.index(part)
    return found, result


def _part(kind: str, *, within: bool) -> str:
    if kind in _SKIN_KINDS:
        return SKIN if within else SKIN_REST
    if kind in _EYE_KINDS:
        return "dnpm_eyes"
    return "dnpm_teeth" if kind == materials.BACK_TEETH else f"dnpm_{kind}"


def corner_uv(mesh: bpy.types.Mesh, model: FaceModel) -> np.ndarray:
    """(loops, 2): the detail UV inside of the layer, the texture UV elsewhere."""
    texture, detail = (_layer(mesh, name) for name in (names.UV, names.DETAIL))
    inside = np.repeat(model.faces_detail_uv[:, 0] >= 0, (model.faces >= 0).sum(1))
    return np.where(inside[:, None], detail, texture).astype(np.float32)


def _layer(mesh: bpy.types.Mesh, name: str) -> np.ndarray:
    values = np.zeros(2 * len(mesh.loops), np.float32)
    layer = mesh.uv_layers.get(name)
    if layer is not None:
        layer.uv.foreach_get("vector", values)
    return values.reshape(-1, 2)
