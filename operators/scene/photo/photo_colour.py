"""A photo's colours on a face: an image on the detail UV, faded out at the layer's border, and its nodes in the skin.

The rest of the head is tinted towards the photo's usual skin colour, so that no seam shows. The photo's light and shine
were roughly taken out of the colours (core/photo/delight.py, shine.py); cast shadows are still in them.

A face keeps them as text, too, as a preset has them (core/face_model/photo_colours.py): what is painted on the image
afterwards is not in its presets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.looks import TONES, Look
from ....core.face_model.photo_colours import PhotoColours, read
from .. import names
from ..look import materials, nodes, skin_material

LABEL = "DNPM Photo"
COLOUR, TINT, AMOUNT = "DNPM Photo", "DNPM Photo Tint", "DNPM Photo Amount"
"""Names of nodes: the photo's image, the rest of the head's tint, how much of both is shown."""
SKIN = "dnpm_skin"
"""On the node of the tint: the photo's skin colour, sRGB."""
_KINDS = ("skin", "lips")
_BRIGHTEST = 4.0


def new_image(name: str, texture: np.ndarray) -> bpy.types.Image:
    """(R, R, 4) float32 sRGB and alpha, row 0 the top -> a packed image."""
    image = bpy.data.images.new(name, texture.shape[1], texture.shape[0], alpha=True)
    image.alpha_mode = "STRAIGHT"
    image.pixels.foreach_set(np.ascontiguousarray(np.clip(texture[::-1], 0, 1), np.float32).ravel())
    image.update()
    image.pack()
    return image


def write(face: bpy.types.Object, photo: PhotoColours | None) -> None:
    """Give the face the photo's colours of a preset; None takes away those that it has. Raises DnpmError, with nothing
    changed, when Blender cannot read the picture."""
    group = getattr(face, names.PHOTO)
    old = group.texture
    if photo is None:
        show(face, None, group.skin, 0.0)
        group.texture, group.colours = None, ""
    else:
        group.texture = _image_of(f"{LABEL} Colours {face.name}", photo)
        group.skin, group.colours = photo.skin, json.dumps(photo.as_json())
        group.colour = photo.amount
        show(face, group.texture, group.skin, group.colour)
    free(old)


def of(face: bpy.types.Object) -> PhotoColours | Literal["none"] | None:
    """What a preset of the face says of a photo's colours; nothing where they are an earlier version's, which kept no
    text of them. Raises DnpmError when the text is damaged."""
    group = getattr(face, names.PHOTO)
    try:
        photo = read(json.loads(group.colours)) if group.colours else None
    except ValueError as error:
        raise DnpmError(f"the colours of the face's photo are damaged ({error}): press Remove Photo") from error
    if photo is not None:
        return replace(photo, amount=group.colour)
    return "none" if group.texture is None else None


def free(image: bpy.types.Image | None) -> None:
    """Remove an image of ours that nothing shows any more."""
    if image is not None and not image.users and image.name.startswith(LABEL):
        bpy.data.images.remove(image)


def _image_of(name: str, photo: PhotoColours) -> bpy.types.Image:
    file = bpy.data.images.new(name, 1, 1)
    try:
        file.pack(data=photo.jpeg, data_len=len(photo.jpeg))
        file.source = "FILE"
        width, height = file.size
        if not width or width != height or file.channels < 3:
            raise DnpmError("the preset's photo: Blender cannot read its picture")
        pixels = np.empty(width * height * file.channels, np.float32)
        file.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(file)
    colour = pixels.reshape(height, width, -1)[::-1, :, :3]
    return new_image(name, np.concatenate([colour, photo.alpha(width)[..., None]], axis=2))


def show(obj: bpy.types.Object, image: bpy.types.Image | None, skin: Sequence[float], amount: float) -> None:
    """Let the skin have the photo's colours; None takes them, and their nodes, away. skin: sRGB, of the photo."""
    for material in materials.own(obj):
        if material[names.MATERIAL_KIND] not in _KINDS:
            continue
        tree = material.node_tree
        if image is None:
            _take_out(tree)
            continue
        _put_in(tree)
        if COLOUR in tree.nodes:
            tree.nodes[COLOUR].image = image
        if TINT in tree.nodes:
            tree.nodes[TINT][SKIN] = [float(c) for c in skin]
    set_amount(obj, amount)


def set_amount(obj: bpy.types.Object, amount: float) -> None:
    """How much of the photo's colours is shown, 0 to 1."""
    for material in materials.own(obj):
        node = material.node_tree.nodes.get(AMOUNT)
        if node is not None:
            node.outputs[0].default_value = amount


def retint(tree: bpy.types.NodeTree, look: Look) -> None:
    """The rest of the head has another tone now: tint it again towards the photo's."""
    node = tree.nodes.get(TINT)
    if node is None:
        return
    base, skin = (skin_material.linear(tuple(colour))[:3] for colour in (TONES[look.tone].base, node[SKIN]))
    tint = [min(a / max(b, 0.01), _BRIGHTEST) for a, b in zip(skin, base, strict=True)]
    node.inputs["Color2"].default_value = (*tint, 1.0)


def in_solid(tree: bpy.types.NodeTree) -> tuple[float, ...] | None:
    """The photo's skin colour, linear RGBA, for shading without nodes; None where no photo is shown."""
    tint, amount = tree.nodes.get(TINT), tree.nodes.get(AMOUNT)
    if tint is None or amount is None or not amount.outputs[0].default_value:
        return None
    return skin_material.linear(tuple(tint[SKIN]))


def is_shown(obj: bpy.types.Object) -> bool:
    """Whether a skin of the face has the photo's nodes."""
    return any(COLOUR in material.node_tree.nodes for material in materials.own(obj))


def _put_in(tree: bpy.types.NodeTree) -> None:
    """Between whatever colours the skin and the shader: old, tinted, photo over it; and back towards old."""
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if COLOUR in tree.nodes or shader is None:
        return
    socket = shader.inputs["Base Color"]
    old = socket.links[0].from_socket if socket.is_linked else tuple(socket.default_value)
    amount = tree.nodes.new("ShaderNodeValue")
    amount.name = amount.label = AMOUNT
    tint = tree.nodes.new("ShaderNodeMixRGB")
    tint.name = tint.label = TINT
    tint.blend_type = "MULTIPLY"
    tint.inputs["Fac"].default_value = 1.0
    if isinstance(old, tuple):
        tint.inputs["Color1"].default_value = old
    else:
        tree.links.new(old, tint.inputs["Color1"])
    photo = tree.nodes.new("ShaderNodeTexImage")
    photo.name = photo.label = COLOUR
    photo.extension = "CLIP"
    tree.links.new(nodes.uv(tree, names.DETAIL), photo.inputs["Vector"])
    over = nodes.mix(tree, tint.outputs["Color"], photo.outputs["Color"], photo.outputs["Alpha"])
    mixed = nodes.mix(tree, old, over, amount.outputs[0])
    tree.links.new(mixed, socket)


def _take_out(tree: bpy.types.NodeTree) -> None:
    """What was there before is connected again, unless the artist has rewired the shader."""
    if COLOUR not in tree.nodes or TINT not in tree.nodes or AMOUNT not in tree.nodes:
        return
    photo, tint, amount = (tree.nodes[name] for name in (COLOUR, TINT, AMOUNT))
    ours = {photo, tint, amount}
    for output in (photo.outputs["Color"], amount.outputs[0]):
        ours |= {link.to_node for link in output.links}
    if photo.inputs["Vector"].is_linked:
        ours.add(photo.inputs["Vector"].links[0].from_node)
    source = tint.inputs["Color1"]
    for link in list(tree.links):
        if link.from_node in ours and link.to_node not in ours:
            target: Any = link.to_socket
            if source.is_linked:
                tree.links.new(source.links[0].from_socket, target)
            else:
                target.default_value = source.default_value
    for node in ours:
        tree.nodes.remove(node)
