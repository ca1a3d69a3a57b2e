"""The one backend of this Blender process: started when first needed, ended when Blender or the extension ends."""

from __future__ import annotations

import atexit
from collections.abc import Mapping

import bpy

from ...core.backend import needs
from ...core.backend.client.client import BackendClient
from ...core.backend.types import BackendStatus
from ...core.errors import DnpmError
from . import settings

_client: BackendClient | None = None
_closed = False
_last_status = BackendStatus()


def client() -> BackendClient:
    """The client, made from the settings when there is none yet; it may still be off."""
    global _client
    if _client is None:
        chosen = settings.current()
        _client = BackendClient(
            python=chosen.python or None,
            device=chosen.device,
            weights=chosen.weights or None,
            face_model=chosen.face_model or None,
            threads=chosen.threads,
        )
    return _client


def status() -> BackendStatus:
    """How the backend is; asking starts nothing."""
    return _client.status if _client is not None else BackendStatus()


def status_changed() -> bool:
    """Whether the status line reads differently than at the last such question."""
    global _last_status
    now = status()
    changed, _last_status = now != _last_status, now
    return changed


def is_usable() -> bool:
    """False after it has failed: then only Restart, or changed preferences, try again."""
    return not _closed and status().state != "failed"


def missing(action: str, modules: Mapping[str, str]) -> str:
    """What the worker's Python has not, and what to do, where an action needs these modules (`needs.py`); empty while
    nothing is known to be missing."""
    now = status()
    text = needs.advice(action, modules, now.lacking, now.python)
    return f"{text}. Then press Restart beside the status line" if text else ""


def missing_in_short(modules: Mapping[str, str]) -> str:
    """The same for a panel; the tooltip of the grey button, and the preferences, say in which Python."""
    text = needs.short_advice(modules, status().lacking)
    return f"{text} (in the backend's Python), then Restart above" if text else ""


def ready_client() -> BackendClient:
    """The client, started."""
    asked = client()
    if asked.status.state == "off":
        asked.start()
    return asked


def usable_client() -> BackendClient:
    """The client, started. Raises DnpmError that says why there is none."""
    if not is_usable():
        raise DnpmError(status().message or "the backend is switched off")
    return ready_client()


def use(replacement: BackendClient | None) -> None:
    """Put another client in place (tests), or none: the old one is stopped."""
    global _client
    if _client is not None:
        _client.stop()
    _client = replacement


def restart() -> None:
    """Stop, take the preferences as they are now, start."""
    stop()
    ready_client()


def stop() -> None:
    """End the worker; the next need starts a new one."""
    use(None)


def redraw() -> None:
    """Show a new status: the sidebars are drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                for region in area.regions:
                    if region.type in {"UI", "WINDOW"} and (area.type != "VIEW_3D" or region.type == "UI"):
                        region.tag_redraw()


def open_session() -> None:
    """At register."""
    global _closed
    _closed = False
    atexit.register(stop)


def close_session() -> None:
    """At unregister."""
    global _closed
    _closed = True
    stop()
    atexit.unregister(stop)
