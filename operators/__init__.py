"""What an artist can do: one operator per file. `scene/` holds the plain functions that they call."""

from __future__ import annotations

import bpy

from . import (
    add_face,
    animate,
    animate_video,
    assets,
    backend,
    bake_sculpt,
    bake_sequence,
    board,
    detail,
    diagnostics,
    export_engine,
    export_files,
    handlers,
    learn_style,
    live_capture,
    live_link,
    own_heads,
    photo,
    presets,
    properties,
    sliders,
)
from .scene import diagnostics as reports
from .scene import registration, session
from .scene.board import following
from .scene.detail import live
from .scene.face import models, registry
from .scene.look import looks
from .scene.motion import live_capture as phone

_OPERATORS = (
    add_face,
    sliders,
    presets,
    assets,
    detail,
    backend,
    bake_sculpt,
    board,
    animate,
    animate_video,
    learn_style,
    bake_sequence,
    live_link,
    live_capture,
    photo,
    own_heads,
    export_engine,
    export_files,
    diagnostics,
)
_CLASSES = tuple(cls for module in _OPERATORS for cls in module.CLASSES)


def _show_menu() -> None:
    bpy.types.VIEW3D_MT_mesh_add.append(add_face.menu)


def _hide_menu() -> None:
    bpy.types.VIEW3D_MT_mesh_add.remove(add_face.menu)


_STEPS = (
    (properties.register, properties.unregister),
    (reports.open_log, reports.close_log),
    *registration.classes(_CLASSES),
    (_show_menu, _hide_menu),
    *assets.EXTRAS,
    (models.forget, models.forget),
    (registry.forget, registry.forget),
    (session.open_session, session.close_session),
    (phone.stop, phone.stop),
    (looks.forget, looks.forget),
    (live.forget, live.forget),
    (following.forget, following.forget),
    (handlers.register, handlers.unregister),
)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse; the backend's process ends."""
    registration.undo(_STEPS)
