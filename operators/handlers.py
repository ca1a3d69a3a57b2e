"""What must happen when Blender changes by itself: sliders moved, undo, loading, playback, rendering, saving."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..core.errors import DnpmError
from ..core.face_model.arkit import mirror_name
from .scene import compat, detail_image, live, names, state

_busy = False
_last: dict[int, dict[str, float]] = {}


@persistent
def _depsgraph_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """A slider was moved, by hand, by a driver or by another add-on; or a face was duplicated."""
    global _busy
    if _busy or compat.is_rendering(depsgraph):
        return
    touched = {
        update.id.original for update in depsgraph.updates if isinstance(update.id, bpy.types.Object | bpy.types.Key)
    }
    if not touched:
        return
    _busy = True
    try:
        for face in state.faces(scene):
            if face in touched or face.data.shape_keys in touched:
                live.own_data(face)
                _link_sides(face)
                live.notice(face)
    finally:
        _busy = False


def _link_sides(face: bpy.types.Object) -> None:
    """With linked sides, the side that was moved takes the other one along."""
    keys = face.data.shape_keys
    if keys is None:
        return
    now = {block.name: block.value for block in keys.key_blocks}
    before = _last.get(face.session_uid, now)
    if getattr(face, names.FACE).link_sides:
        for name, value in list(now.items()):
            other = mirror_name(name)
            moved = value != before.get(name, value)
            if moved and other != name and other in now and now[other] == before.get(other, now[other]) != value:
                keys.key_blocks[other].value = now[other] = value
    _last[face.session_uid] = now


@persistent
def _after_undo(scene: bpy.types.Scene, _: object = None) -> None:
    """Undo brings sliders and mesh back, not pixels."""
    _last.clear()
    for face in state.faces():
        live.restore(face)


@persistent
def _after_load(*_: object) -> None:
    _last.clear()
    live.forget()
    for face in state.faces():
        live.notice(face)


@persistent
def _after_frame_change(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
    """Scrubbing shows the frame's map; playback does where the face says so. Rendering has its own handler."""
    if bpy.app.background or compat.is_rendering(depsgraph) or bpy.app.is_job_running("RENDER"):
        return
    playing = any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)
    for face in state.faces(scene):
        if not playing or getattr(face, names.FACE).on_playback:
            live.notice(face)


@persistent
def _before_render(scene: bpy.types.Scene, _: object = None) -> None:
    """Every frame is rendered with its own whole map. Without a backend the frame keeps the last one, and says so."""
    for face in state.faces(scene):
        if live.follows(face) and getattr(face, names.FACE).live:
            try:
                live.update_now(face)
            except DnpmError as error:
                print(f"DNPM Face: frame {scene.frame_current}, {face.name}: the map was not updated: {error}")


@persistent
def _before_save(*_: object) -> None:
    """Pixels that are not packed would be lost."""
    for face in state.faces():
        if detail_image.has_map(face):
            detail_image.pack(face)


_HANDLERS = {
    "depsgraph_update_post": _depsgraph_update,
    "undo_post": _after_undo,
    "redo_post": _after_undo,
    "load_post": _after_load,
    "frame_change_post": _after_frame_change,
    "render_pre": _before_render,
    "save_pre": _before_save,
}


def register() -> None:
    """Hang them in."""
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Take them out."""
    for name, handler in _HANDLERS.items():
        found = getattr(bpy.app.handlers, name)
        if handler in found:
            found.remove(handler)
    _last.clear()
