"""Properties of faces that are kept in the .blend, by subject."""

from __future__ import annotations

from ..scene import registration
from . import controls, face, identity_sliders, live_capture, photo, preset_pickers, sequence, speech

_PARTS = (face, identity_sliders, controls, sequence, speech, live_capture, photo, preset_pickers)
_STEPS = tuple((part.register, part.unregister) for part in _PARTS)


def register() -> None:
    """Every group, on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
