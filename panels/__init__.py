"""What an artist sees: sidebar, preferences, properties."""

from __future__ import annotations

from . import preferences, properties, sidebar

_PARTS = (properties, preferences, sidebar)


def register() -> None:
    """Called by the front door."""
    for part in _PARTS:
        part.register()


def unregister() -> None:
    """The reverse."""
    for part in reversed(_PARTS):
        part.unregister()
