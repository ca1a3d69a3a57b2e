"""Files out of Blender: pictures and scenes.

Each is written beside, then renamed; DnpmError names the file that Blender could not write.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.errors import DnpmError
from ..scene import rendering
from ..scene.written import by_blender


def render(scene: bpy.types.Scene, path: Path) -> Path:
    """The scene's camera's picture as PNG."""
    settings = scene.render.image_settings
    settings.file_format = "PNG"
    settings.color_mode = "RGBA" if scene.render.film_transparent else "RGB"
    settings.color_depth = "8"
    with by_blender(path) as beside:
        scene.render.filepath = str(beside)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        if rendering.failures():
            raise DnpmError("; ".join(rendering.failures()))
    return path


def save_blend(path: Path) -> Path:
    """The whole file, packed images inside."""
    with by_blender(path) as beside:
        bpy.ops.wm.save_as_mainfile(filepath=str(beside), copy=True, compress=True)
    return path
