"""The face's materials: simple, procedural, and one set a face, so that each can be tinted by itself.

What a shader needs to know of the mesh (how far out on a lash, whether on a lip) lies on the mesh as attributes; the
eyes go by the azimuthal texture layout that core/face_model/build/eyes.py documents.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...core.face_model.model import FaceModel
from ...core.face_model.skin_paint import skin_paint
from . import compat, names

LIPS = "dnpm_lips"
"""Float attribute on points: 1 on the vermilion, 0 on skin."""
PAINT = "DNPM Skin Paint"
"""Name of the image with brows, lips and blushes."""
LASHES = "dnpm_lashes"
"""Vector attribute on points: millimetres along the lid, 0 at the root to 1 at the tip, unused."""

IRIS_RAMP = "DNPM Iris"
"""Name of the node with the eye's colours, from the pupil out."""
IRIS = (0.09, 0.05, 0.024)
"""Linear RGB of the iris of a new face."""

_LIMBUS_UV = 29.0 / 360.0
_PUPIL_UV = 10.5 / 360.0
# Linear base colours.
_SKIN, _SKIN_DEEP, _LIP = (0.52, 0.30, 0.215, 1.0), (0.40, 0.185, 0.125, 1.0), (0.36, 0.125, 0.105, 1.0)
_SCLERA, _LIMBUS = (0.72, 0.67, 0.63, 1.0), (0.03, 0.022, 0.018, 1.0)
_IRIS, _IRIS_IN = (*IRIS, 1.0), (*(2.0 * value for value in IRIS), 1.0)
_PLAIN: dict[str, tuple[tuple[float, float, float, float], float, float]] = {
    # colour, roughness, subsurface weight
    "teeth": ((0.68, 0.6, 0.46, 1.0), 0.2, 0.2),
    "gums": ((0.36, 0.11, 0.1, 1.0), 0.3, 0.2),
    "tongue": ((0.4, 0.13, 0.12, 1.0), 0.38, 0.2),
    "mouth": ((0.24, 0.06, 0.055, 1.0), 0.35, 0.1),
    "brows": ((0.04, 0.026, 0.018, 1.0), 0.6, 0.0),
    "cornea": ((1.0, 1.0, 1.0, 1.0), 0.02, 0.0),
}


def set_up(mesh: bpy.types.Mesh, model: FaceModel, unit_scale: float) -> None:
    """Give a new mesh one material a part and the attributes that they read."""
    _write_attributes(mesh, model)
    for kind in model.material_names:
        mesh.materials.append(_new(kind, unit_scale, model))
    mesh.polygons.foreach_set("material_index", model.face_material.astype(np.int32))


def refill(obj: bpy.types.Object, model: FaceModel) -> bool:
    """Make the materials that were deleted anew; an artist's own stay. Returns whether any was missing."""
    mesh, scale = obj.data, getattr(obj, names.FACE).unit_scale
    while len(mesh.materials) < len(model.material_names):
        mesh.materials.append(None)
    missing = [i for i in range(len(model.material_names)) if mesh.materials[i] is None]
    for i in missing:
        mesh.materials[i] = _new(model.material_names[i], scale, model)
    if missing:
        set_iris(obj, getattr(obj, names.FACE).iris)
    return bool(missing)


def set_iris(obj: bpy.types.Object, colour: Sequence[float]) -> None:
    """Colour the irises (linear RGB): the inner ring lighter, as in real eyes. An artist's own eye material stays."""
    for slot in obj.material_slots:
        tree = slot.material.node_tree if slot.material is not None else None
        ramp = tree.nodes.get(IRIS_RAMP) if tree is not None else None
        if ramp is not None and len(ramp.color_ramp.elements) == 7:
            inner = [min(1.0, value * 2.0) for value in colour]
            ramp.color_ramp.elements[2].color = (*inner, 1.0)
            ramp.color_ramp.elements[3].color = (*colour, 1.0)


def give_own(obj: bpy.types.Object) -> None:
    """Copies of the materials for a face that was duplicated."""
    for slot in obj.material_slots:
        if slot.material is not None and slot.material.users > 1 and names.MATERIAL_KIND in slot.material:
            slot.material = slot.material.copy()


def _new(kind: str, unit_scale: float, model: FaceModel) -> bpy.types.Material:
    material = bpy.data.materials.new(f"DNPM {kind}")
    compat.use_nodes(material)
    material[names.MATERIAL_KIND] = kind
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    if kind in ("skin", "lips"):
        _skin(tree, shader, unit_scale, model)
    elif kind in ("eye", "sclera", "iris"):
        _eye(tree, shader)
    elif kind == "lashes":
        _lashes(tree, shader, strips="lashes_left" not in model.vertex_groups)
    else:
        colour, roughness, subsurface = _PLAIN.get(kind, (_SKIN, 0.5, 0.0))
        shader.inputs["Base Color"].default_value = colour
        shader.inputs["Roughness"].default_value = roughness
        _subsurface(shader, subsurface, (1.0, 0.4, 0.3), 0.002 / unit_scale)
    material.diffuse_color = shader.inputs["Base Color"].default_value if kind != "lashes" else _LIMBUS
    if kind in ("skin", "lips"):
        material.diffuse_color = _SKIN
    elif kind in ("eye", "sclera", "iris"):
        material.diffuse_color = _SCLERA
    return material


def _subsurface(shader: bpy.types.Node, weight: float, radius: tuple[float, float, float], scale: float) -> None:
    shader.inputs["Subsurface Weight"].default_value = weight
    shader.inputs["Subsurface Radius"].default_value = radius
    shader.inputs["Subsurface Scale"].default_value = scale


def _skin(tree: bpy.types.NodeTree, shader: bpy.types.Node, unit_scale: float, model: FaceModel) -> None:
    """Blotches of blood, the lips, brows and the rest of the paint in the colour.

    Less subsurface than real skin has, so that wrinkles keep their contrast.
    """
    place = tree.nodes.new("ShaderNodeTexCoord")
    blotches = tree.nodes.new("ShaderNodeTexNoise")
    blotches.inputs["Scale"].default_value = 34.0 * unit_scale
    blotches.inputs["Detail"].default_value = 4.0
    tree.links.new(place.outputs["Object"], blotches.inputs["Vector"])
    soft = tree.nodes.new("ShaderNodeMapRange")
    soft.inputs["From Min"].default_value, soft.inputs["From Max"].default_value = 0.35, 0.8
    tree.links.new(blotches.outputs[0], soft.inputs["Value"])
    skin = _mix(tree, _SKIN, _SKIN_DEEP, soft.outputs[0])
    lips = tree.nodes.new("ShaderNodeAttribute")
    lips.attribute_name = LIPS
    coloured = _mix(tree, skin.outputs["Color"], _LIP, lips.outputs["Fac"])
    colour = coloured.outputs["Color"]
    if (model.landmarks68 >= 0).all():
        colour = _painted(tree, colour, paint_image(model))
    tree.links.new(colour, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.5
    shader.inputs["Specular IOR Level"].default_value = 0.42
    _subsurface(shader, 0.14, (1.0, 0.36, 0.22), 0.0022 / unit_scale)


def _painted(
    tree: bpy.types.NodeTree, below: bpy.types.NodeSocket, image: bpy.types.Image
) -> bpy.types.NodeSocket:  # fmt: skip
    """The paint over what lies below, through the detail layer."""
    layer = tree.nodes.new("ShaderNodeUVMap")
    layer.uv_map = names.DETAIL
    paint = tree.nodes.new("ShaderNodeTexImage")
    paint.image, paint.extension = image, "CLIP"
    tree.links.new(layer.outputs["UV"], paint.inputs["Vector"])
    return _mix(tree, below, paint.outputs["Color"], paint.outputs["Alpha"]).outputs["Color"]


def paint_image(model: FaceModel) -> bpy.types.Image:
    """The skin's paint as a packed image of the file, one for all faces: an artist may paint on it."""
    image = bpy.data.images.get(PAINT)
    if image is not None and image.size[0] > 0:
        return image
    paint = skin_paint(model)[::-1]
    image = bpy.data.images.new(PAINT, paint.shape[1], paint.shape[0], alpha=True)
    image.alpha_mode = "STRAIGHT"
    image.pixels.foreach_set(np.ascontiguousarray(paint, np.float32).ravel())
    image.update()
    image.pack()
    return image


def _mix(tree: bpy.types.NodeTree, first: object, second: object, factor: bpy.types.NodeSocket) -> bpy.types.Node:
    """A colour mix of sockets or constant colours."""
    mix = tree.nodes.new("ShaderNodeMixRGB")
    tree.links.new(factor, mix.inputs["Fac"])
    for name, value in (("Color1", first), ("Color2", second)):
        if isinstance(value, tuple):
            mix.inputs[name].default_value = value
        else:
            tree.links.new(value, mix.inputs[name])
    return mix


def _eye(tree: bpy.types.NodeTree, shader: bpy.types.Node) -> None:
    """Pupil, iris, limbus and white by the angle from the gaze, which is the distance from the texture's centre."""
    layer = tree.nodes.new("ShaderNodeUVMap")
    layer.uv_map = names.UV
    centred = tree.nodes.new("ShaderNodeVectorMath")
    centred.operation = "SUBTRACT"
    centred.inputs[1].default_value = (0.5, 0.5, 0.0)
    length = tree.nodes.new("ShaderNodeVectorMath")
    length.operation = "LENGTH"
    tree.links.new(layer.outputs["UV"], centred.inputs[0])
    tree.links.new(centred.outputs["Vector"], length.inputs[0])
    scaled = tree.nodes.new("ShaderNodeMath")
    scaled.operation = "MULTIPLY"
    scaled.inputs[1].default_value = 0.5 / _LIMBUS_UV  # the limbus at the middle of the ramp
    tree.links.new(length.outputs["Value"], scaled.inputs[0])
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    ramp.name = ramp.label = IRIS_RAMP
    stops = ramp.color_ramp.elements
    pupil = 0.5 * _PUPIL_UV / _LIMBUS_UV
    wanted = [(0.0, (0.004, 0.004, 0.004, 1.0)), (pupil - 0.012, (0.004, 0.004, 0.004, 1.0)), (pupil + 0.012, _IRIS_IN),
              (0.36, _IRIS), (0.455, _LIMBUS), (0.5, _LIMBUS), (0.545, _SCLERA)]  # fmt: skip
    while len(stops) < len(wanted):
        stops.new(1.0)
    for stop, (position, colour) in zip(stops, wanted, strict=True):
        stop.position, stop.color = position, colour
    tree.links.new(scaled.outputs[0], ramp.inputs["Fac"])
    inside = _math(tree, "LESS_THAN", scaled.outputs[0], 0.47)
    fibres = _fibres(tree, centred.outputs["Vector"], ramp.outputs["Color"], inside.outputs[0])
    tree.links.new(fibres, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.06
    shader.inputs["IOR"].default_value = 1.376
    # The film of tears, whose highlight makes an eye look alive.
    shader.inputs["Coat Weight"].default_value = 1.0
    shader.inputs["Coat Roughness"].default_value = 0.02
    shader.inputs["Coat IOR"].default_value = 1.6


def _fibres(
    tree: bpy.types.NodeTree,
    place: bpy.types.NodeSocket,
    colour: bpy.types.NodeSocket,
    inside: bpy.types.NodeSocket,
) -> bpy.types.NodeSocket:
    """The iris's radial fibres: noise over the direction from the pupil, hardly changing outward, without a seam."""
    direction, wide = tree.nodes.new("ShaderNodeVectorMath"), tree.nodes.new("ShaderNodeVectorMath")
    direction.operation, wide.operation = "NORMALIZE", "MULTIPLY_ADD"
    tree.links.new(place, direction.inputs[0])
    tree.links.new(direction.outputs["Vector"], wide.inputs[0])
    wide.inputs[1].default_value = (7.0, 7.0, 7.0)
    outward = tree.nodes.new("ShaderNodeVectorMath")
    outward.operation = "SCALE"
    outward.inputs["Scale"].default_value = 14.0
    tree.links.new(place, outward.inputs[0])
    tree.links.new(outward.outputs["Vector"], wide.inputs[2])
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.0, 3.0
    tree.links.new(wide.outputs["Vector"], noise.inputs["Vector"])
    light = tree.nodes.new("ShaderNodeMapRange")
    for name, value in (("From Min", 0.3), ("From Max", 0.7), ("To Min", 0.35), ("To Max", 1.5)):
        light.inputs[name].default_value = value
    tree.links.new(noise.outputs[0], light.inputs["Value"])
    mix = tree.nodes.new("ShaderNodeMixRGB")
    mix.blend_type = "MULTIPLY"
    tree.links.new(inside, mix.inputs["Fac"])
    tree.links.new(colour, mix.inputs["Color1"])
    tree.links.new(light.outputs[0], mix.inputs["Color2"])
    return mix.outputs["Color"]


def _lashes(tree: bpy.types.NodeTree, shader: bpy.types.Node, strips: bool) -> None:
    """The default model's lashes are hairs; on strips, hairs of 0.12 mm every 0.75 mm along the lid."""
    shader.inputs["Base Color"].default_value = (0.012, 0.009, 0.007, 1.0)
    shader.inputs["Roughness"].default_value = 0.5
    if not strips:
        return
    place = tree.nodes.new("ShaderNodeAttribute")
    place.attribute_name = LASHES
    parts = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(place.outputs["Vector"], parts.inputs[0])
    wave = _math(tree, "PINGPONG", parts.outputs["X"], 0.375)  # 0 at a hair's middle, 0.375 between two
    half_width = _math(tree, "MULTIPLY_ADD", parts.outputs["Y"], -0.11)
    half_width.inputs[2].default_value = 0.12
    hair = tree.nodes.new("ShaderNodeMath")
    hair.operation = "LESS_THAN"
    tree.links.new(wave.outputs[0], hair.inputs[0])
    tree.links.new(half_width.outputs[0], hair.inputs[1])
    tree.links.new(hair.outputs[0], shader.inputs["Alpha"])


def _math(tree: bpy.types.NodeTree, operation: str, value: bpy.types.NodeSocket, second: float) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    node.inputs[1].default_value = second
    tree.links.new(value, node.inputs[0])
    return node


def _write_attributes(mesh: bpy.types.Mesh, model: FaceModel) -> None:
    lips = np.zeros(len(model.neutral), np.float32)
    for group in ("lips_upper", "lips_lower"):
        lips[model.vertex_groups.get(group, np.zeros(0, np.int32))] = 1.0
    mesh.attributes.new(LIPS, "FLOAT", "POINT").data.foreach_set("value", lips)
    mesh.attributes.new(LASHES, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", lash_places(model).ravel())


def lash_places(model: FaceModel) -> np.ndarray:
    """(V, 3) float32: on lash vertices, millimetres along the lid and 0 (root) to 1 (tip); 0 elsewhere."""
    places = np.zeros((len(model.neutral), 3), np.float32)
    lashes = model.vertex_groups.get("lashes")
    if lashes is None or not len(lashes) or "skin" not in model.material_names:
        return places
    skin = np.unique(model.faces[model.face_material == model.material_names.index("skin")])
    skin = model.neutral[skin[skin >= 0]]
    points = model.neutral[lashes]
    away = np.array([np.sqrt(((skin - point) ** 2).sum(1).min()) for point in points])
    places[lashes, 0] = points[:, 0]
    places[lashes, 1] = np.clip((away - away.min()) / max(float(np.quantile(away, 0.95) - away.min()), 1e-6), 0, 1)
    return places
