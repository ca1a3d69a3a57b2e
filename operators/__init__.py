"""What an artist can do: one file a deed. `scene/` holds the plain functions that the deeds call."""

from __future__ import annotations

import bpy

from . import add_face, detail, handlers, presets, sliders
from .scene import live, models, session

_CLASSES = (*add_face.CLASSES, *sliders.CLASSES, *presets.CLASSES, *detail.CLASSES)


def register() -> None:
    """Called by the front door, after panels has made the properties."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_mesh_add.append(add_face.menu)
    session.open_session()
    handlers.register()


def unregister() -> None:
    """The reverse; the backend's process ends."""
    handlers.unregister()
    live.forget()
    session.close_session()
    models.forget()
    bpy.types.VIEW3D_MT_mesh_add.remove(add_face.menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
