"""A face's materials in Blender's glTF export, which understands no procedural nodes.

By itself the exporter takes the images behind the bump for a normal map (a black skin), the paint for an opaque
texture, and what has no image for white. Here the skin's texture is replaced by what its nodes show: base, paint and,
where there is one, the photo's colours, on the detail UV. The other materials get their colour in Solid view, and
lashes their shader's. Wrinkles are not in the file: they are displacement.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...core.files import png
from . import names
from .look import skin_material
from .photo import photo_colour


def adapt(exported: Any, material: Any) -> None:
    """Change what the exporter made (its `gltf2_io.Material`) of one of our materials; others are left alone."""
    kind = material.get(names.MATERIAL_KIND)
    shading = exported.pbr_metallic_roughness
    if kind is None or shading is None:
        return
    exported.normal_texture = None
    texture = shading.base_color_texture
    image = getattr(getattr(texture, "index", None), "source", None)
    pixels = shown_colours(material.node_tree) if material.node_tree is not None else None
    if image is not None and pixels is not None:
        _replace(image, png.encode(pixels))
        shading.base_color_factor = None
        return
    shading.base_color_texture = None
    # Solid view's colour of a skin is lightened for its lamps; the base is the skin's own.
    base = material.node_tree.nodes.get(skin_material.BASE) if material.node_tree is not None else None
    colour = base.outputs[0].default_value if base is not None else material.diffuse_color
    if kind == "lashes":  # Solid view's are lighter.
        colour = _shader_colour(material) or colour
    shading.base_color_factor = [float(c) for c in colour]


def _shader_colour(material: bpy.types.Material) -> Any:
    """The colour of the material's shader by itself, whatever is linked to it; None where there is no shader."""
    nodes = material.node_tree.nodes if material.node_tree is not None else ()
    shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    socket = shader.inputs["Base Color"] if shader is not None else None
    return None if socket is None else socket.default_value


def shown_colours(tree: bpy.types.NodeTree) -> np.ndarray | None:
    """(R, R, 3) uint8 sRGB, row 0 the top: what the skin's nodes mix on the detail UV; None where there is no paint."""
    base, paint = tree.nodes.get(skin_material.BASE), tree.nodes.get(skin_material.PAINT)
    if base is None or paint is None or paint.image is None:
        return None
    colour, alpha = _pixels(paint.image)
    shown = _over(np.array(base.outputs[0].default_value[:3], np.float32), colour, alpha)
    photo, tint, amount = (
        tree.nodes.get(name) for name in (photo_colour.COLOUR, photo_colour.TINT, photo_colour.AMOUNT)
    )
    if photo is not None and tint is not None and amount is not None and photo.image is not None:
        colour, alpha = (_resized(part, len(shown)) for part in _pixels(photo.image))
        tinted = shown * np.array(tint.inputs["Color2"].default_value[:3], np.float32)
        shown = _over(shown, _over(tinted, colour, alpha), np.float32(amount.outputs[0].default_value))
    srgb = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 0) ** (1 / 2.4) - 0.055)
    return np.round(255 * np.clip(srgb, 0, 1)).astype(np.uint8)[::-1]


def _over(below: np.ndarray, colour: np.ndarray, alpha: Any) -> np.ndarray:
    return below + alpha * (colour - below)


def _pixels(image: bpy.types.Image) -> tuple[np.ndarray, np.ndarray]:
    """Linear (R, R, 3) and alpha (R, R, 1), row 0 the bottom, as shaders see a picture in sRGB with straight alpha."""
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, 4)
    colour = pixels[..., :3]
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32), pixels[..., 3:]


def _resized(values: np.ndarray, side: int) -> np.ndarray:
    """The nearest texel: both pictures are of a power of two, and meant to be looked at."""
    places = ((np.arange(side) + 0.5) * len(values) / side).astype(int)
    return values[places][:, places]


def _replace(image: Any, data: bytes) -> None:
    """The exporter's image holds its bytes in a buffer of the .glb, or beside the .gltf (`BinaryData`, `ImageData`)."""
    for holder in (image.buffer_view, image.uri):
        for attribute in ("_data", "data"):
            if isinstance(getattr(holder, attribute, None), bytes):
                setattr(holder, attribute, data)
                break
    image.mime_type = "image/png"
