"""The colours that a face's materials show, baked to one texture a part.

Whatever feeds the base colour of a material's shader (procedural nodes, paint, photo, an artist's own) is what Cycles
bakes, as light that the surface gives off: no lamp and no shadow is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.model import FaceModel
from .. import compat
from ..detail import map_image
from .parts import finish, parts_of
from .stage import Stage

_LEAST_SIDE, _MARGIN = 64, 16


@dataclass(frozen=True)
class Colours:
    """A part's base colour: a picture (H, W, 3) uint8 sRGB with row 0 at the top, or one linear colour."""

    pixels: np.ndarray | None
    plain: tuple[float, float, float]


def bake(stage: Stage, obj: bpy.types.Object, model: FaceModel, side: int) -> dict[str, Colours]:
    """Part -> colours. `obj` has the face's own materials, and is given copies; its active UV layer is written on.

    Raises DnpmError when Blender cannot bake (a build without Cycles).
    """
    parts, places = parts_of(model)
    images = {
        part: stage.add(_image(part, round(side * finish(part, model).share)))
        for part in parts
        if finish(part, model).share
    }
    plain = _slots(stage, obj, parts, places, images)
    if images:
        _bake(stage, obj)
    return {
        part: Colours(_pixels(images[part]) if part in images else None, plain[part]) for part in parts
    }  # fmt: skip


def _slots(
    stage: Stage, obj: bpy.types.Object, parts: list[str], places: np.ndarray, images: dict[str, bpy.types.Image]
) -> dict[str, tuple[float, float, float]]:
    """Give the object a copy of a material for each part that it is on, glowing in its base colour. Returns one colour
    a part."""
    mesh = obj.data
    sources = list(mesh.materials)
    index = np.zeros(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", index)
    pairs, slots = np.unique(np.stack([index, places], 1), axis=0, return_inverse=True)
    plain = dict.fromkeys(parts, (0.5, 0.5, 0.5))
    mesh.materials.clear()
    for source_index, part_index in pairs:
        source = sources[source_index] if source_index < len(sources) else None
        part = parts[part_index]
        material = stage.add(source.copy() if source is not None else bpy.data.materials.new("DNPM bake"))
        compat.use_nodes(material)
        plain[part] = _glow(material)
        target = images.get(part) or stage.add(_image(f"{part} unused", _LEAST_SIDE))
        _aim(material, target)
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", slots.ravel().astype(np.int32))
    return plain


def _glow(material: bpy.types.Material) -> tuple[float, float, float]:
    """Let the material give off its base colour. Returns the colour where it is one, else what Solid view shows."""
    tree = material.node_tree
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    output = tree.get_output_node("CYCLES") or tree.nodes.new("ShaderNodeOutputMaterial")
    emission = tree.nodes.new("ShaderNodeEmission")
    colour = material.diffuse_color[:3]
    if shader is not None:
        socket = shader.inputs["Base Color"]
        if socket.is_linked:
            tree.links.new(socket.links[0].from_socket, emission.inputs["Color"])
        else:
            colour = socket.default_value[:3]
            emission.inputs["Color"].default_value = socket.default_value
    else:
        emission.inputs["Color"].default_value = (*colour, 1.0)
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    red, green, blue = (float(c) for c in colour)
    return red, green, blue


def _aim(material: bpy.types.Material, image: bpy.types.Image) -> None:
    """Baking writes to the image of the active node."""
    tree = material.node_tree
    for node in tree.nodes:
        node.select = False
    target = tree.nodes.new("ShaderNodeTexImage")
    target.image, target.select = image, True
    tree.nodes.active = target


def _image(name: str, side: int) -> bpy.types.Image:
    side = max(_LEAST_SIDE, side)
    return bpy.data.images.new(f"DNPM bake {name}", side, side)


def _bake(stage: Stage, obj: bpy.types.Object) -> None:
    scene = stage.scene
    try:
        scene.render.engine = "CYCLES"
    except TypeError as error:
        raise DnpmError("colours cannot be baked: this Blender was built without Cycles, or it is disabled") from error
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    try:
        with stage.selected(obj):
            bpy.ops.object.bake(
                type="EMIT", margin=_MARGIN, use_clear=True, target="IMAGE_TEXTURES", save_mode="INTERNAL"
            )
    except RuntimeError as error:
        raise DnpmError(f"colours cannot be baked (Blender: {str(error).strip().splitlines()[-1]})") from error


def _pixels(image: bpy.types.Image) -> np.ndarray:
    width, height = image.size
    pixels = map_image.raw_pixels(image).reshape(height, width, image.channels)
    return np.round(255 * np.clip(pixels[::-1, :, :3], 0, 1)).astype(np.uint8)
