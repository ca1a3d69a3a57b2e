"""A coarser mesh while sliders are dragged, and for a new face's first picture: subdividing and displacing the whole
one takes longer than a hand waits.

Only the viewport's level of subdivision changes, and only where an evaluation was too slow. `resting_level` of the face
remembers what the artist has set. It stands in the undo step that Blender takes when the slider is let go, and in what
Blender saves by itself; so `rest` is called wherever such a state comes back, and before anything is saved or rendered.
The same holds for shape keys that an identity slider leaves behind (`identity.apply`).
"""

from __future__ import annotations

import time

import bpy

from .. import compat, names, settings
from ..face import identity

TARGET_MS = 40.0
"""An evaluation that is no slower stays as it is; drawing comes on top."""
FINER = 4.0
"""So many times more faces, and time, has a level than the one below it."""
DRAG_S = 1.5
"""Changes that follow each other so quickly are a drag; a typed value, or one click, is not. The slowest step is
quicker."""
REST_S = 0.35
"""Sliders that rested so long, and twice as long as the last step took, are let go."""

_began = 0.0
_evaluation_ms = 0.0
_step_s = 0.0


def evaluation_begins() -> None:
    """Before Blender evaluates its scene."""
    global _began
    _began = time.perf_counter()


def evaluation_ends() -> None:
    """After it."""
    global _evaluation_ms
    if _began:
        _evaluation_ms = (time.perf_counter() - _began) * 1e3


def light_level(level: int, evaluation_ms: float) -> int:
    """The finest level whose evaluation should take at most TARGET_MS, where this level's took `evaluation_ms`."""
    while level > 0 and evaluation_ms > TARGET_MS:
        level, evaluation_ms = level - 1, evaluation_ms / FINER
    return level


def is_drag(since_last_s: float) -> bool:
    """Whether a slider that moves now, so long after the last change, is dragged, and may make the face lighter."""
    return 0.0 < since_last_s < DRAG_S and settings.current().lighter_drag and not compat.in_background()


def lighten(obj: bpy.types.Object, since_last_s: float) -> bool:
    """A slider of this face has moved, so long after the last change (0: it has not). Makes the mesh coarser if this is
    a drag and too slow. Returns whether the mesh is coarser now than at rest."""
    global _step_s
    face, modifier = getattr(obj, names.FACE), _subdivision(obj)
    if modifier is None or obj.library is not None or compat.in_background():
        return False
    if 0.0 < since_last_s < DRAG_S:
        _step_s = since_last_s
    was_light = _is_coarse(obj)
    if not (is_drag(since_last_s) and modifier.show_viewport):
        return was_light
    level = light_level(modifier.levels, _evaluation_ms)
    if level < modifier.levels and not _is_animated(obj):
        if not was_light:
            face.resting_level = modifier.levels
        modifier.levels = level
        return True
    return was_light


def lighten_new(obj: bpy.types.Object) -> bool:
    """A face that was just made is shown at its coarsest first: subdividing it takes as long as everything else, and
    its map is flat until the backend has answered. Returns whether it is coarser now."""
    modifier = _subdivision(obj)
    if modifier is None or compat.in_background() or not settings.current().lighter_drag or modifier.levels == 0:
        return False
    getattr(obj, names.FACE).resting_level = modifier.levels
    modifier.levels = 0
    return True


def is_over(resting_s: float) -> bool:
    """Whether a drag whose sliders have rested for so long has ended."""
    return resting_s >= max(REST_S, 2 * _step_s)


def rest(obj: bpy.types.Object) -> None:
    """Give the face the level that the artist has set back, and all its shape keys the shape of its identity."""
    face = getattr(obj, names.FACE)
    if obj.library is not None:
        return
    identity.catch_up(obj)
    if not _is_coarse(obj):
        return
    modifier = _subdivision(obj)
    # Who has set a finer level meanwhile wanted it.
    if modifier is not None and modifier.levels < face.resting_level:
        modifier.levels = face.resting_level
    face.resting_level = -1


def is_light(obj: bpy.types.Object) -> bool:
    """Whether the mesh is coarser than the artist has set, or some of its shape keys were left behind."""
    return _is_coarse(obj) or identity.is_behind(obj)


def _is_coarse(obj: bpy.types.Object) -> bool:
    return getattr(obj, names.FACE).resting_level >= 0


def _subdivision(obj: bpy.types.Object) -> bpy.types.SubsurfModifier | None:
    modifier = obj.modifiers.get(names.SUBDIVISION)
    return modifier if isinstance(modifier, bpy.types.SubsurfModifier) else None


def _is_animated(obj: bpy.types.Object) -> bool:
    """Whether something else than the artist's hand sets the level."""
    path = f'modifiers["{names.SUBDIVISION}"].levels'
    data = obj.animation_data
    if data is None:
        return False
    return any(driver.data_path == path for driver in data.drivers) or any(
        curve.data_path == path for curve in compat.curves_of(data)
    )
