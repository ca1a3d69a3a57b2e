"""Rendered frames: every face in the picture shows the map of its own frame, or is named in the render's output.

A render reads its sliders from its own depsgraph, which holds every face that can reach the picture: the scene's own,
those of a background set, of instanced collections, of libraries. What is written to a linked face lasts for the
session. A face that cannot be followed is told once a render, and a Blender without a window ends with `leaving.CODE`.
"""

from __future__ import annotations

import bpy

from ...core import logs
from ...core.errors import DnpmError
from . import compat, leaving, session, settings
from .claims import Claims
from .detail import live
from .face import registry, slider_values

log = logs.logger(__name__)

_problems: dict[int, str] = {}
"""The faces that were not followed in this render, by session_uid, and what was told of each."""
_SHOWN = 12
"""Faces that a message on the screen names."""


def begin() -> None:
    """A render begins, of one frame or of many."""
    _problems.clear()
    registry.forget()
    if compat.in_background():
        # With a window this runs beside the artist's work, and faces that were seen have parts of their own already.
        for face in slider_values.faces():
            live.own_data(face)


def follow(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Bring all faces of a render's depsgraph up to the frame that it has just evaluated."""
    claims, failed = Claims(), False
    for face in registry.rendered(depsgraph):
        try:
            live.follow_frame(face, depsgraph, claims)
        except DnpmError as error:
            failed = True
            _tell(scene, face, str(error))
    if failed and not session.is_usable() and compat.in_background() and settings.current().stop_render:
        leaving.stop_render(scene, "the detail of its faces cannot be computed")


def failures() -> list[str]:
    """What was told in this render."""
    return list(_problems.values())


def end() -> None:
    """The render is over: what was told of its frames is told once more, where it is looked for."""
    if not _problems:
        return
    head = f"{len(_problems)} of the rendered faces did not show the map of every frame"
    log.warning("%s", "\n  ".join([f"{head}:", *failures()]))
    if not compat.in_background():
        lines = failures()[:_SHOWN]
        bpy.app.timers.register(lambda: _show(f"DNPM Face: {head}", lines), first_interval=0.1)


def _show(head: str, lines: list[str]) -> None:
    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        for line in lines:
            menu.layout.label(text=line)

    bpy.context.window_manager.popup_menu(draw, title=head, icon="ERROR")


def _tell(scene: bpy.types.Scene, face: bpy.types.Object, reason: str) -> None:
    live.set_problem(face, reason)
    leaving.with_failure()
    if face.session_uid not in _problems:
        linked = f" (linked from {face.library.name})" if face.library is not None else ""
        message = f"{face.name}{linked}, frame {scene.frame_current}: the map was not updated: {reason}"
        _problems[face.session_uid] = message
        log.warning("%s", message)
