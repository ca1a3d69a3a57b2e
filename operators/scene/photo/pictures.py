"""Pictures between Blender's images and arrays of sRGB, whose first row is the top."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError


def new_image(name: str, picture: np.ndarray) -> bpy.types.Image:
    """(h, w, 3) uint8 sRGB, row 0 the top -> a packed image: upright, whatever the file's camera noted."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=False)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1] / np.float32(255)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    image.pack()
    return image


def pixels_of(image: bpy.types.Image) -> np.ndarray:
    """(h, w, 1 to 4) float32 sRGB of an image of the file. Raises DnpmError when it has no pixels, or is a film."""
    width, height = image.size
    if image.source in {"MOVIE", "SEQUENCE", "TILED"}:
        raise DnpmError(f"{image.name}: is a {image.source.lower()}, no single picture: save one picture of it")
    if not width or not height or not len(image.pixels):
        raise DnpmError(f"{image.name}: has no pixels; its file may be missing ({image.filepath or 'none is named'})")
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    pixels = flat.reshape(height, width, image.channels)[::-1]
    if image.is_float and not image.colorspace_settings.is_data:
        # Float images hold linear light (IEC 61966-2-1 for the way back).
        colour = np.clip(pixels[..., :3], 0, 1)
        curved = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055)
        pixels = np.concatenate([curved, pixels[..., 3:]], axis=2)
    return np.ascontiguousarray(pixels, np.float32)
