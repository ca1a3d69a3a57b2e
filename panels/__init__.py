"""What an artist sees: sidebar, preferences, properties."""

from __future__ import annotations

from . import properties


def register() -> None:
    """Called by the front door."""
    properties.register()


def unregister() -> None:
    """The reverse."""
    properties.unregister()
