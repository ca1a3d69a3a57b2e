"""The face's displacement map inside Blender: image, texture, Displace modifier, and the pixels between them.

The pixels hold signed millimetres in all three colour channels and 1 in alpha. What Blender needs for that (measured
on 4.2, 4.5, 5.0): a float buffer, Non-Color, `use_clamp` off (else negative values are cut to 0), `mid_level` 0,
alpha 1, the smallest filter (at 1.0 every height is smeared over two pixels to each side), and a tagged texture.
"""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.units import MM_PER_M
from ....core.files.displacement_maps import MM_PER_STEP, NEUTRAL
from .. import compat, names

FULL = 1024
"""Pixels a side of a whole map."""
NEW_SIZE = 64
"""A face that has no map yet carries a small flat one."""


def displace_modifier(obj: bpy.types.Object) -> bpy.types.DisplaceModifier | None:
    """The modifier that carries the map; it may have been renamed."""
    named = obj.modifiers.get(names.DETAIL)
    if isinstance(named, bpy.types.DisplaceModifier):
        return named
    for modifier in obj.modifiers:
        if isinstance(modifier, bpy.types.DisplaceModifier) and modifier.uv_layer == names.DETAIL:
            return modifier
    return None


def find_image(obj: bpy.types.Object) -> bpy.types.Image | None:
    """The face's map; None when the image, its texture or the modifier is gone."""
    texture = live_texture(obj)
    image = texture.image if isinstance(texture, bpy.types.ImageTexture) else None
    # A baked sequence whose live map was deleted is nothing to write to.
    return None if image is not None and image.source == "SEQUENCE" else image


def live_texture(obj: bpy.types.Object) -> bpy.types.Texture | None:
    """The texture with the live map: the modifier's, or, while a baked sequence stands there, the one put aside."""
    if is_baked(obj):
        return getattr(obj, names.SEQUENCE).live_texture
    modifier = displace_modifier(obj)
    return modifier.texture if modifier is not None else None


def is_baked(obj: bpy.types.Object) -> bool:
    """Whether the face shows a baked sequence of maps, and its live map stands aside."""
    group = getattr(obj, names.SEQUENCE, None)
    return group is not None and group.live_texture is not None


def leave_sequence(obj: bpy.types.Object) -> None:
    """Let the modifier read the live map again."""
    texture = live_texture(obj)
    getattr(obj, names.SEQUENCE).live_texture = None
    modifier = displace_modifier(obj)
    if modifier is not None:
        modifier.texture = texture
    update_strength(obj)


def check_live(obj: bpy.types.Object) -> None:
    """Raises DnpmError when a baked sequence is shown."""
    if is_baked(obj):
        raise DnpmError(f"{obj.name}: shows its baked sequence of maps: press Back to Live first")


def shown_image(obj: bpy.types.Object) -> bpy.types.Image | None:
    """What modifier and shader read: the live map, or the baked sequence."""
    modifier = displace_modifier(obj)
    texture = modifier.texture if modifier is not None else None
    return texture.image if isinstance(texture, bpy.types.ImageTexture) else None


def levels(obj: bpy.types.Object) -> tuple[float, float]:
    """Millimetres of one unit of the shown image's values, and the value that stands for 0."""
    group = getattr(obj, names.SEQUENCE, None)
    if group is not None and is_baked(obj) and group.is_png:
        return 65535 * MM_PER_STEP, NEUTRAL / 65535
    return 1.0, 0.0


def image_of(obj: bpy.types.Object) -> bpy.types.Image:
    """The face's map. Raises DnpmError that says which part is missing."""
    modifier = displace_modifier(obj)
    image = find_image(obj)
    if image is not None:
        return image
    part = "Displace modifier" if modifier is None else "map's texture" if modifier.texture is None else "map's image"
    raise DnpmError(f"{obj.name}: its {part} was deleted: press Repair Face")


def new_image(name: str) -> bpy.types.Image:
    """A flat map. Its colour space is set before any pixel: setting it afterwards would clear them."""
    image = bpy.data.images.new(name, NEW_SIZE, NEW_SIZE, alpha=True, float_buffer=True, is_data=True)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    _write_pixels(image, np.zeros((NEW_SIZE, NEW_SIZE), np.float32))
    image.pack()
    return image


def copy_of(image: bpy.types.Image) -> bpy.types.Image:
    """An image with the pixels of now. (Blender's own copy starts from what was packed last, at that size.)"""
    copy = new_image(image.name)
    if image.size[0] and image.size[1]:
        copy.scale(*image.size)
        copy.pixels.foreach_set(raw_pixels(image))
        copy.update()
    return copy


def new_texture(name: str, image: bpy.types.Image) -> bpy.types.ImageTexture:
    """The texture through which the modifier reads the map."""
    texture = bpy.data.textures.new(name, "IMAGE")
    texture.image = image
    texture.use_clamp = False
    texture.filter_size = 0.1
    texture.extension = "EXTEND"
    compat.no_mipmap(texture)
    return texture


def set_up_modifier(obj: bpy.types.Object, modifier: bpy.types.DisplaceModifier, texture: bpy.types.Texture) -> None:
    """Let the modifier lift the detail region along its normals, by millimetres."""
    modifier.texture = texture
    modifier.texture_coords = "UV"
    modifier.uv_layer = names.DETAIL
    modifier.direction = "NORMAL"
    # It needs no vertex group: outside of the layer the coordinates lie on its border (create.add_detail_layer), where
    # the map is 0.
    modifier.vertex_group = ""
    modifier.show_in_editmode = False
    update_strength(obj)


def update_strength(obj: bpy.types.Object) -> None:
    """The scale s of Eq. 4 as the modifier's strength: Blender units a millimetre of the map."""
    face = getattr(obj, names.FACE)
    modifier = displace_modifier(obj)
    if modifier is not None:
        height, modifier.mid_level = levels(obj)
        modifier.strength = face.strength * height / (MM_PER_M * face.unit_scale)


def write_map(obj: bpy.types.Object, displacement: np.ndarray) -> None:
    """Show a map on the face: (H, H) float32 mm, row 0 at the top of the UV square, H a power of two up to 1024.

    Raises DnpmError when the image or its data is gone, or the map is not of this form; the old map then stays.
    """
    image = image_of(obj)
    displacement = np.asarray(displacement, np.float32)
    side = len(displacement) if displacement.ndim == 2 else 0
    if displacement.shape != (side, side) or side < 4 or side & (side - 1):
        raise DnpmError(f"{obj.name}: a map must be square, its side a power of two, is {displacement.shape}")
    if not np.isfinite(displacement).all():
        raise DnpmError(f"{obj.name}: the map holds numbers that are not finite; it was not used")
    if image.colorspace_settings.name != "Non-Color":
        image.colorspace_settings.name = "Non-Color"  # clears the pixels, and so comes first
    if tuple(image.size) != (side, side):
        _check_data(obj, image)
        image.scale(side, side)
    _write_pixels(image, displacement)
    texture = live_texture(obj)
    assert texture is not None, "it holds the image"
    # Through the texture the modifier is evaluated again. If the object were tagged as well, a render's depsgraph would
    # copy it again, with the values that the scene has at the frame that is shown instead of the rendered frame's.
    texture.update_tag()


def read_map(obj: bpy.types.Object) -> np.ndarray:
    """(H, W) float32 mm, row 0 at the top: what the image holds now. Raises DnpmError when it is gone."""
    image = image_of(obj)
    _check_data(obj, image)
    return pixels_of(image).copy()


def _check_data(obj: bpy.types.Object, image: bpy.types.Image) -> None:
    if not image.size[0] or not image.size[1]:
        raise DnpmError(f"{obj.name}: the file of its map's image {image.name!r} is missing: press Repair Face")


def pixels_of(image: bpy.types.Image) -> np.ndarray:
    """(H, W) float32, row 0 at the top: what the image holds now, a view; (0, 0) when its file is missing."""
    width, height = image.size
    if not width or not height:
        return np.zeros((0, 0), np.float32)
    return raw_pixels(image).reshape(height, width, image.channels)[::-1, :, 0]


def is_data(image: bpy.types.Image) -> bool:
    """Whether the heights are read as they are; as colours of a space they come out as others."""
    return image.colorspace_settings.is_data


def is_flat(image: bpy.types.Image) -> bool:
    """Whether this is the small flat map of a new face, or no map at all."""
    return max(image.size) <= NEW_SIZE and not pixels_of(image).any()


def raw_pixels(image: bpy.types.Image) -> np.ndarray:
    """All of an image's numbers as Blender holds them, flat float32."""
    pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels


def has_map(obj: bpy.types.Object) -> bool:
    """Whether the face has ever been given a map."""
    image = find_image(obj)
    return image is not None and not is_flat(image)


def pack(obj: bpy.types.Object) -> None:
    """Keep the pixels inside the .blend; without it a generated image is lost on save and reload."""
    image = image_of(obj)
    if image.is_dirty or image.packed_file is None:
        image.pack()


_buffers: dict[int, np.ndarray] = {}


def _write_pixels(image: bpy.types.Image, displacement: np.ndarray) -> None:
    side = len(displacement)
    if side not in _buffers:
        # Made once a size (16 MB for a whole map), not at every step of a drag.
        _buffers[side] = np.ones((side, side, 4), np.float32)
    # Blender's rows go from the bottom up.
    _buffers[side][..., :3] = displacement[::-1, :, None]
    image.pixels.foreach_set(_buffers[side].ravel())
    image.update()
