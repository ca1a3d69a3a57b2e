"""What a face feels over time, from its settings and the keyframes upon them, as the bake of a sound wants it."""

from __future__ import annotations

from typing import Any

import bpy

from ....core.speech.emotions import AUTO, EMOTIONS, EmotionKey, key
from .. import compat, names
from .apply_curves import FrameTiming

_ANIMATED = ("emotion", "emotion_strength", *EMOTIONS)


def emotion_keys(face: bpy.types.Object, timing: FrameTiming) -> tuple[EmotionKey, ...]:
    """Keys in seconds of the sound; none for a face that stays neutral.

    Keyframes of the face's action are read, at every frame from the first to the last; drivers and NLA strips are not.
    """
    group = getattr(face, names.SPEECH)
    curves = _curves(face)
    if not curves:
        keys = [key(0.0, _strengths(group, {}, 0.0))]
    else:
        ends = [float(points[k].co[0]) for points in (c.keyframe_points for c in curves.values()) for k in (0, -1)]
        keys = []
        for frame in range(round(min(ends)), round(max(ends)) + 1):
            strengths = _strengths(group, curves, frame)
            moment = key((frame - timing.sound_frame) / timing.fps, strengths)
            if not keys or keys[-1].strengths != moment.strengths:
                keys.append(moment)
    return tuple(keys) if any(any(moment.strengths) for moment in keys) else ()


def _curves(face: bpy.types.Object) -> dict[str, bpy.types.FCurve]:
    """The keyed settings by their names."""
    data = face.animation_data
    if data is None or data.action is None:
        return {}
    paths = {f"{names.SPEECH}.{name}": name for name in _ANIMATED}
    found = {paths[curve.data_path]: curve for curve in compat.curves_of(data) if curve.data_path in paths}
    return {name: curve for name, curve in found.items() if len(curve.keyframe_points)}


def _strengths(group: Any, curves: dict[str, bpy.types.FCurve], frame: float) -> dict[str, float]:
    """{emotion: strength} at a frame of the scene."""

    def number(name: str) -> float:
        value = curves[name].evaluate(frame) if name in curves else getattr(group, name)
        return round(min(max(float(value), 0.0), 1.0), 4)

    items = group.bl_rna.properties["emotion"].enum_items
    chosen = group.emotion
    if "emotion" in curves:
        place = round(curves["emotion"].evaluate(frame))
        chosen = next((item.identifier for item in items if item.value == place), chosen)
    if chosen == "NEUTRAL":
        return {}
    if chosen == "MIXED":
        return {name: number(name) for name in EMOTIONS}
    return {AUTO if chosen == "AUTO" else chosen.lower(): number("emotion_strength")}
