"""The face's materials: simple, procedural, and one set a face, so that each can be tinted by itself.

What a shader needs to know of the mesh (how far out on a lash, whether on a lip, how deep in the mouth) lies on the
mesh as attributes. Which colours a person has is in `looks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import bpy
import numpy as np

from ....core.face_model.model import FaceModel
from ....core.face_model.mouth import MOUTH_KINDS, light_at, mouth_depths, tooth_depths
from ....core.face_model.scalp import scalp_weights
from ....core.geometry import uv_map
from .. import compat, names
from ..detail import map_image
from . import eye_material, nodes, skin_material
from .skin_material import LIPS, PORED, SCALP

LASHES = "dnpm_lashes"
"""Vector attribute on points: millimetres along the lid, 0 at the root to 1 at the tip, 1 on lower lids' lashes."""
DEPTH = "dnpm_mouth_depth"
"""Float attribute on points: 0 at the front of the teeth to 1 at the throat; light hardly comes there."""

_SKIN_KINDS, _EYE_KINDS = ("skin", "lips"), ("eye", "sclera", "iris", "pupil")
_PLAIN: dict[str, tuple[tuple[float, float, float, float], float, float]] = {
    # linear colour, roughness, subsurface weight
    "teeth": ((0.84, 0.77, 0.65, 1.0), 0.22, 0.25),
    "gums": ((0.42, 0.15, 0.135, 1.0), 0.3, 0.2),
    "tongue": ((0.47, 0.17, 0.15, 1.0), 0.4, 0.2),
    "mouth": ((0.8, 0.3, 0.27, 1.0), 0.4, 0.0),
    "brows": ((0.04, 0.026, 0.018, 1.0), 0.6, 0.0),
    "cornea": ((1.0, 1.0, 1.0, 1.0), 0.02, 0.0),
}
_OTHER = ((0.52, 0.30, 0.215, 1.0), 0.5, 0.0)
BACK_TEETH = "teeth_back"
"""Teeth whose place is so deep that little light comes there: shading without nodes (Solid) knows one colour a
material, and side teeth would be as bright as the front ones."""
_BACK_FROM = 0.55
"""Depth from which a tooth is one of them."""
_IN_SOLID = {BACK_TEETH: 0.55, "mouth": 0.6}
"""The depth whose light these have in Solid."""
_DEEP = (0.86, 0.77, 0.72)
"""What is left of a base colour at depth 1, linear RGB: Cycles finds the rest by itself, engines by their occlusion.
All that depth takes made the open mouth a black hole, and half of it molars grey stumps."""
_LIPS_M = 0.02
"""How far off the lips still take light from the teeth."""
_LID_MM = 12.0
"""A lash has skin within this."""
_LASH = (0.012, 0.009, 0.007, 1.0)
_LOWER_LASH = (0.12, 0.068, 0.045, 1.0)
"""Lower lashes are finer than the model's hairs: as dark as the upper ones they were a row of coarse spikes."""
_LIDS = tuple(f"{which}_{side}" for which in ("upper", "lower") for side in ("left", "right"))
_LASH_SKIN = 0.12
"""How much of the skin's colour lashes have in Solid, which draws what is thinner than a pixel whole or not at all:
their tips were black dots."""


def set_up(mesh: bpy.types.Mesh, model: FaceModel, unit_scale: float) -> None:
    """Give a new mesh one material a part and the attributes that they read."""
    _write_attributes(mesh, model)
    kinds, places = slots(model)
    for kind in kinds:
        mesh.materials.append(_new(kind, unit_scale, model))
    mesh.polygons.foreach_set("material_index", places)


def slots(model: FaceModel) -> tuple[list[str], np.ndarray]:
    """The materials' kinds, and (F,) int32: each face's. They are the model's parts; an eye's iris and pupil and the
    teeth further back stand apart, after them, because shading without nodes (Solid) knows one colour a material: eyes
    would be blank and side teeth a bright wall."""
    kinds, places = _eye_slots(list(model.material_names), model.face_material.astype(np.int32), model)
    if "teeth" in kinds:
        back = (places == kinds.index("teeth")) & (tooth_depths(model) > _BACK_FROM)
        if back.any():
            places = np.where(back, len(kinds), places).astype(np.int32)
            kinds.append(BACK_TEETH)
    return kinds, places


def _eye_slots(kinds: list[str], places: np.ndarray, model: FaceModel) -> tuple[list[str], np.ndarray]:
    if "eye" not in kinds:
        return kinds, places
    corners = model.uv[model.faces_uv] - 0.5
    # A triangle's fourth corner is -1.
    away = np.where(model.faces_uv >= 0, np.linalg.norm(corners, axis=-1), 0.0).max(1)
    eyes = places == kinds.index("eye")
    for kind, edge in eye_material.RINGS:
        places = np.where(eyes & (away < edge), len(kinds), places).astype(np.int32)
        kinds.append(kind)
    return kinds, places


def refill(obj: bpy.types.Object, model: FaceModel) -> bool:
    """Make the materials that were deleted anew; an artist's own stay. Returns whether any was missing."""
    mesh, scale = obj.data, getattr(obj, names.FACE).unit_scale
    kinds, _ = slots(model)
    # A file of an earlier version has no slot for the iris: its eyes are whole.
    while len(mesh.materials) < len(model.material_names):
        mesh.materials.append(None)
    missing = [i for i in range(min(len(kinds), len(mesh.materials))) if mesh.materials[i] is None]
    if missing:
        _write_attributes(mesh, model)
    for i in missing:
        mesh.materials[i] = _new(kinds[i], scale, model)
    return bool(missing)


def _is_ours(material: bpy.types.Material | None) -> TypeGuard[bpy.types.Material]:
    return material is not None and material.get(names.MATERIAL_KIND) is not None


def own(obj: bpy.types.Object) -> Iterator[bpy.types.Material]:
    """The face's materials that are ours, with their nodes."""
    for slot in obj.material_slots:
        if _is_ours(slot.material) and slot.material.node_tree is not None:
            yield slot.material


def link_map(obj: bpy.types.Object) -> bool:
    """Let the skin's bump read the face's own map, as high as the modifier lifts it. Returns whether it did not."""
    face, image, changed = getattr(obj, names.FACE), map_image.shown_image(obj), False
    for tree in (material.node_tree for material in own(obj)):
        lookups = [node for node in tree.nodes if node.type == "TEX_IMAGE" and node.name.startswith(skin_material.MAP)]
        changed |= any(node.image != image for node in lookups)
        skin_material.set_map(tree, image, face.strength * map_image.levels(obj)[0], _bump_units(face))
    return changed


def tint_lashes(obj: bpy.types.Object, skin: tuple[float, ...]) -> None:
    """Lashes in Solid, on a skin that is shown there in this linear RGBA."""
    for material in own(obj):
        if material[names.MATERIAL_KIND] == "lashes":
            mixed = [(1 - _LASH_SKIN) * lash + _LASH_SKIN * under for lash, under in zip(_LASH, skin, strict=True)]
            material.diffuse_color = (*mixed[:3], 1.0)


def update_strength(obj: bpy.types.Object) -> None:
    """The strength slider was moved."""
    face = getattr(obj, names.FACE)
    for material in own(obj):
        skin_material.set_strength(material.node_tree, face.strength * map_image.levels(obj)[0], _bump_units(face))


def _bump_units(face: Any) -> float:
    """A bump is measured in the scene's units, not in the object's: on a scaled head of another program they differ."""
    return float(face.unit_scale / face.bump_scale)


def give_own(obj: bpy.types.Object) -> None:
    """Copies of the materials for a face that was duplicated, reading its own map."""
    for slot in obj.material_slots:
        if _is_ours(slot.material) and (slot.material.users > 1 or slot.material.library is not None):
            slot.material = slot.material.copy()
    link_map(obj)


def _new(kind: str, unit_scale: float, model: FaceModel) -> bpy.types.Material:
    material = bpy.data.materials.new(f"DNPM {kind}")
    compat.use_nodes(material)
    material[names.MATERIAL_KIND] = kind
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    if kind in _SKIN_KINDS:
        skin_material.build(tree, shader, unit_scale, model)
    elif kind in _EYE_KINDS:
        eye_material.build(tree, shader)
        material.diffuse_color = eye_material.IN_SOLID.get(kind, eye_material.SCLERA)
    elif kind == "lashes":
        _lashes(tree, shader, strips="lashes_left" not in model.vertex_groups)
        material.diffuse_color = _LASH
    else:
        part = "teeth" if kind == BACK_TEETH else kind
        colour, roughness, subsurface = _PLAIN.get(part, _OTHER)
        shader.inputs["Base Color"].default_value = material.diffuse_color = colour
        shader.inputs["Roughness"].default_value = roughness
        nodes.subsurface(shader, subsurface, (1.0, 0.4, 0.3), 0.002 / unit_scale)
        if kind in _IN_SOLID:
            material.diffuse_color = (*(np.array(colour[:3]) * light_at(np.array([_IN_SOLID[kind]]))[0]), 1.0)
        if part in MOUTH_KINDS:
            light = nodes.mix(tree, (1.0,) * 4, (*_DEEP, 1.0), nodes.attribute(tree, DEPTH).outputs["Fac"])
            tree.links.new(nodes.multiplied(tree, colour, light), shader.inputs["Base Color"])
            _darken_in_eevee(tree, shader, unit_scale)
    return material


def _darken_in_eevee(tree: bpy.types.NodeTree, shader: bpy.types.Node, unit_scale: float) -> None:
    """EEVEE lights teeth behind nearly closed lips as if they were before them, for its light from the world knows no
    lips. An output of its own darkens the mouth by what lies around; Cycles keeps the other one."""
    occlusion = tree.nodes.new("ShaderNodeAmbientOcclusion")
    occlusion.samples = 16
    occlusion.inputs["Distance"].default_value = _LIPS_M / unit_scale
    black, mixed = tree.nodes.new("ShaderNodeBsdfDiffuse"), tree.nodes.new("ShaderNodeMixShader")
    black.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    # Squared: what it finds on the screen is less than what lies there.
    tree.links.new(nodes.math(tree, "POWER", occlusion.outputs["AO"], 2.0), mixed.inputs[0])
    tree.links.new(black.outputs[0], mixed.inputs[1])
    tree.links.new(shader.outputs[0], mixed.inputs[2])
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.target = "EEVEE"
    tree.links.new(mixed.outputs[0], output.inputs["Surface"])


def _lashes(tree: bpy.types.NodeTree, shader: bpy.types.Node, strips: bool) -> None:
    """The default model's lashes are hairs; on strips, hairs of 0.12 mm every 0.75 mm along the lid."""
    shader.inputs["Base Color"].default_value = _LASH
    parts = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(nodes.attribute(tree, LASHES).outputs["Vector"], parts.inputs[0])
    tree.links.new(nodes.mix(tree, _LASH, _LOWER_LASH, parts.outputs["Z"]), shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.6
    # A flat hair catches light as no round one does.
    shader.inputs["Specular IOR Level"].default_value = 0.1
    if not strips:
        return
    wave = nodes.math(tree, "PINGPONG", parts.outputs["X"], 0.375)  # 0 at a hair's middle, 0.375 between two
    half_width = nodes.math(tree, "MULTIPLY_ADD", parts.outputs["Y"], -0.11, 0.12)
    tree.links.new(nodes.math(tree, "LESS_THAN", wave, half_width), shader.inputs["Alpha"])


def _write_attributes(mesh: bpy.types.Mesh, model: FaceModel) -> None:
    """What the materials read on points; what a file of an earlier version has stays."""
    for name, values in ((LIPS, lip_weights), (PORED, pore_weights), (SCALP, scalp_weights), (DEPTH, mouth_depths)):
        if name not in mesh.attributes:
            mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values(model))
    if LASHES not in mesh.attributes:
        mesh.attributes.new(LASHES, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", lash_places(model).ravel())


def pore_weights(model: FaceModel) -> np.ndarray:
    """(V,) float32: the detail layer's mask at its vertices, 0 elsewhere."""
    weights = np.zeros(len(model.neutral), np.float32)
    inside = model.faces_detail_uv >= 0
    weights[model.faces[inside]] = uv_map.sample(model.detail_mask, model.detail_uv)[model.faces_detail_uv[inside]]
    return weights


def lip_weights(model: FaceModel) -> np.ndarray:
    """(V,) float32: 1 on the lips' red, which is the group `lips`; a model without it has at most the rims' lines."""
    weights = np.zeros(len(model.neutral), np.float32)
    groups = ("lips",) if "lips" in model.vertex_groups else ("lips_upper", "lips_lower")
    for group in groups:
        weights[model.vertex_groups.get(group, np.zeros(0, np.int32))] = 1.0
    return weights


def lash_places(model: FaceModel) -> np.ndarray:
    """(V, 3) float32: on lash vertices, millimetres along the lid, 0 (root) to 1 (tip), and 1 on those that are nearer
    to a lower lid's rim than to an upper one's; 0 elsewhere."""
    places = np.zeros((len(model.neutral), 3), np.float32)
    lashes = model.vertex_groups.get("lashes")
    if lashes is None or not len(lashes) or "skin" not in model.material_names:
        return places
    skin = np.unique(model.faces[model.face_material == model.material_names.index("skin")])
    skin = model.neutral[skin[skin >= 0]]
    points = model.neutral[lashes]
    skin = skin[((skin >= points.min(0) - _LID_MM) & (skin <= points.max(0) + _LID_MM)).all(1)]
    away = np.array([np.sqrt(((skin - point) ** 2).sum(1).min()) for point in points])
    places[lashes, 0] = points[:, 0]
    if all(f"lid_{lid}" in model.vertex_groups for lid in _LIDS):
        upper, lower = (
            np.concatenate([model.vertex_groups[f"lid_{which}_{side}"] for side in ("left", "right")])
            for which in ("upper", "lower")
        )
        off = [np.array([((model.neutral[rim] - p) ** 2).sum(1).min() for p in points]) for rim in (upper, lower)]
        places[lashes, 2] = off[1] < off[0]
    places[lashes, 1] = np.clip((away - away.min()) / max(float(np.quantile(away, 0.95) - away.min()), 1e-6), 0, 1)
    return places
