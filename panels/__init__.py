"""What an artist sees: sidebar, preferences."""

from __future__ import annotations

from ..operators.scene import registration
from . import board, controls, export, live_capture, own_heads, photo, preferences, presets, sequence, sidebar, speech

_PARTS = (preferences, sidebar, presets, board, own_heads, controls, sequence, speech, live_capture, photo, export)
_STEPS = tuple((part.register, part.unregister) for part in _PARTS)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
