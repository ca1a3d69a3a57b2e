"""Small pictures of presets: found beside their files, shown as icons, drawn by the worker where there is none yet.

A picture lies beside its preset and has its name: a JPEG for those that ship, a PNG for those an artist saved. The
worker draws while Blender goes on: one after the other, from a timer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import bpy
import bpy.utils.previews

from ...core import logs
from ...core.backend.portrait_requests import PortraitAnswer, PortraitRequest
from ...core.backend.types import Pending
from ...core.errors import DnpmError
from ...core.face_model import presets
from ...core.files import png
from ...core.files.inputs import read_text
from . import compat, session

log = logs.logger(__name__)

NEUTRAL = "USER"
"""The icon of a preset without a picture."""
_SUFFIXES = (".png", ".jpg")
_TICK_S, _PATIENCE_S = 0.3, 180.0
_icons: bpy.utils.previews.ImagePreviewCollection | None = None


@dataclass
class _Drawing:
    """A picture that the worker was asked for."""

    preset: Path
    then: Callable[[], None]
    pending: Pending[PortraitAnswer]
    since: float


_waiting: dict[Path, Callable[[], None]] = {}
_drawing: _Drawing | None = None


def picture_of(preset: Path) -> Path | None:
    """The picture beside a preset's file; None where there is none."""
    return next((file for file in map(preset.with_suffix, _SUFFIXES) if file.is_file()), None)


def icon_of(preset: Path) -> int | str:
    """What an EnumProperty's item takes: the number of the picture's icon, or the neutral icon's name."""
    picture = picture_of(preset)
    if _icons is None or picture is None:
        return NEUTRAL
    try:
        key = f"{picture} {picture.stat().st_mtime_ns}"  # A picture that was drawn anew is another one.
    except OSError:
        return NEUTRAL
    if key not in _icons:
        _icons.load(key, str(picture), "IMAGE")
    return _icons[key].icon_id


def remove(preset: Path) -> None:
    """Delete the picture that was drawn for a preset."""
    with suppress(OSError):
        preset.with_suffix(".png").unlink(missing_ok=True)


def is_drawing() -> bool:
    """Whether pictures are on their way."""
    return bool(_waiting) or _drawing is not None


def draw(preset: Path, then: Callable[[], None]) -> None:
    """Ask for a picture of a preset that was saved; `then` is called when it is there.

    Nothing happens without a window (see `draw_now`), or while the backend cannot be used: the neutral icon stays, and
    Draw Missing Pictures asks again.
    """
    if compat.in_background() or not session.is_usable():
        return
    _waiting[preset] = then
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_S)


def draw_now(preset: Path) -> None:
    """The same, and wait for it. Raises DnpmError when it cannot be read, drawn or written."""
    _write(preset, session.usable_client().call(_request(preset)).answer)


def _request(preset: Path) -> PortraitRequest:
    return PortraitRequest(preset=read_text(preset, presets.MAX_BYTES, "give a preset"))


def _write(preset: Path, answer: PortraitAnswer) -> None:
    if preset.is_file():  # It may have been deleted meanwhile.
        png.write(preset.with_suffix(".png"), answer.picture)


def _tick() -> float | None:
    """Take what has come, ask for the next; None when nothing is left."""
    global _drawing
    try:
        if _drawing is not None:
            reply = _drawing.pending.reply
            if reply is not None:
                drawn, _drawing = _drawing, None
                _write(drawn.preset, reply.answer)
                drawn.then()
            elif time.monotonic() - _drawing.since > _PATIENCE_S:  # The backend was restarted, and forgot it.
                _drawing = None
        if _drawing is None and _waiting:
            preset = next(iter(_waiting))
            then = _waiting.pop(preset)
            pending = session.usable_client().submit(f"picture {preset}", _request(preset))
            _drawing = _Drawing(preset, then, pending, time.monotonic())
    except DnpmError as error:
        log.info("a preset's picture: %s", error)
        session.redraw()
    if is_drawing():
        return _TICK_S
    session.redraw()
    return None


def register() -> None:
    """Make room for the icons."""
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    """Forget the icons, and what was asked."""
    global _icons, _drawing
    _waiting.clear()
    _drawing = None
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
        _icons = None
