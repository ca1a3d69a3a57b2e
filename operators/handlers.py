"""What must happen when Blender changes by itself: sliders moved, undo, loading, playback, rendering, saving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core import logs
from ..core.errors import DnpmError
from .scene import compat, rendering
from .scene.board import following, posing
from .scene.detail import dragging, live, map_image, map_state, waiting
from .scene.face import registry, slider_values, vertex_groups
from .scene.look import looks

log = logs.logger(__name__)

FaceCallback = Callable[[bpy.types.Object, Any], object]
"""Something to be done with a face and the depsgraph that shows it."""
_busy = False


@persistent
def _before_depsgraph_update(*_: object) -> None:
    dragging.evaluation_begins()


@persistent
def _depsgraph_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """A slider was moved, by hand, by a driver or by another add-on; or a face was duplicated."""
    global _busy
    dragging.evaluation_ends()
    if _busy or slider_values.frame_updates_suppressed():
        return
    # The order matters: this runs at every change of a scene of any size, mostly to find that nothing is to be done.
    # What was updated is not gone through either, which takes longer in a large scene than to look at some faces.
    keys = depsgraph.id_type_updated("KEY")
    if not keys and (
        registry.is_empty() or not (depsgraph.id_type_updated("OBJECT") or depsgraph.id_type_updated("IMAGE"))
    ):
        return
    faces, new = registry.look_again() if keys else (registry.faces(), None)
    if keys and any(posing.board_of(face) for face in faces):
        following.soon()
    moved = faces if new is not None else live.moved(faces, depsgraph, keys=keys)
    if not moved or compat.is_rendering(depsgraph):
        return
    _busy = True
    try:
        for face in moved:
            if new is not None:
                live.own_data(face)
                if face.session_uid in new:  # a duplicate of one that was coarse
                    dragging.rest(face)
            with live.as_drag(face):
                live.on_sliders_changed(face)
    finally:
        _busy = False


@persistent
def _before_data_changes(*_: object) -> None:
    """Undo, redo and loading replace Blender's data: no reference to a face may be used after it."""
    registry.forget()


@persistent
def _after_undo(*_: object) -> None:
    """Undo brings sliders and mesh back, not pixels; and a duplicate as it was before it got parts of its own."""
    registry.forget()
    for face in registry.faces():
        live.own_data(face)
        live.restore(face)
        if slider_values.is_editable(face):
            _or_say(bpy.context.scene, face, lambda face, _: looks.apply(face), None)
    following.soon()


@persistent
def _after_load(*_: object) -> None:
    registry.forget()
    live.forget()
    following.forget()
    looks.forget()
    vertex_groups.migrate_all()
    for face in registry.faces():
        live.own_data(face)
        dragging.rest(face)
        live.on_sliders_changed(face)


@persistent
def _after_import(*_: object) -> None:
    """Something was appended or linked. What is linked passes no other handler."""
    vertex_groups.migrate_all()


@persistent
def _after_frame_change(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
    """A rendered frame waits for its whole map; a played one for a preview, where the face says so; else nobody waits.

    Rendering, this is the one place where the frame's values can be read: its depsgraph writes nothing back to the
    scene, and render_pre comes before the frame is set. What is tagged here is evaluated once more before the picture.
    """
    if slider_values.frame_updates_suppressed():
        return
    if compat.is_rendering(depsgraph):
        rendering.follow(scene, depsgraph)
        return
    if compat.is_render_running():
        return
    playing = compat.in_background() or any(
        window.screen.is_animation_playing for window in bpy.context.window_manager.windows
    )
    for face in _shown(depsgraph):
        if playing:
            _or_say(scene, face, waiting.play_frame, depsgraph)
        else:
            live.on_sliders_changed(face)


def _shown(depsgraph: bpy.types.Depsgraph | None) -> list[bpy.types.Object]:
    """The faces that this depsgraph shows."""
    return registry.faces() if depsgraph is None else registry.evaluated(depsgraph)


def _or_say(scene: bpy.types.Scene, face: bpy.types.Object, callback: FaceCallback, depsgraph: Any) -> None:
    """A handler has nobody to report to: the console hears of it, and the panel."""
    try:
        callback(face, depsgraph)
    except DnpmError as error:
        if live.set_problem(face, str(error)):
            log.warning("frame %d, %s: the map was not updated: %s", scene.frame_current, face.name, error)


@persistent
def _after_playback(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
    """Playback has stopped: now the whole map."""
    for face in _shown(depsgraph):
        live.on_sliders_changed(face)


@persistent
def _before_save(*_: object) -> None:
    """Pixels that are not packed would be lost. A worker that does not answer holds nobody up for long."""
    registry.forget()  # a face that was never shown is saved too
    for face in slider_values.faces():
        dragging.rest(face)
    looks.finish()
    faces = [face for face in slider_values.faces() if map_image.find_image(face) is not None]
    for face in waiting.finish(faces):
        why = map_state.of(face).problem or "the backend did not answer in time"
        log.warning("%s: saved with an older map, which is updated when the file is opened: %s", face.name, why)
    for face in faces:
        map_state.pack(face)


@persistent
def _before_render(*_: object) -> None:
    for face in slider_values.faces():
        dragging.rest(face)
    looks.finish()
    rendering.begin()


@persistent
def _after_render(*_: object) -> None:
    rendering.end()


HANDLERS = {
    "depsgraph_update_pre": _before_depsgraph_update,
    "depsgraph_update_post": _depsgraph_update,
    "undo_pre": _before_data_changes,
    "redo_pre": _before_data_changes,
    "load_pre": _before_data_changes,
    "undo_post": _after_undo,
    "redo_post": _after_undo,
    "load_post": _after_load,
    "frame_change_post": _after_frame_change,
    "animation_playback_post": _after_playback,
    "save_pre": _before_save,
    "render_init": _before_render,
    "render_complete": _after_render,
    "render_cancel": _after_render,
}
if hasattr(bpy.app.handlers, "blend_import_post"):  # 4.2 has none, and there an old group's name does no harm
    HANDLERS["blend_import_post"] = _after_import


def register() -> None:
    """Hang them in."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Take them out."""
    for name, handler in HANDLERS.items():
        found = getattr(bpy.app.handlers, name)
        if handler in found:
            found.remove(handler)
