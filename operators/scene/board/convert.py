"""Keyframes of expressions as keyframes of the board, and back."""

from __future__ import annotations

from collections.abc import Generator

import bpy
import numpy as np

from ....core.errors import DnpmError
from .. import compat
from ..detail import baked
from ..face import models, slider_values
from ..motion import apply_curves, keyframes
from . import board_keys, boards, drivers, posing


def range_of_keys(face: bpy.types.Object) -> tuple[int, int] | None:
    """First and last frame of what moves the face's expressions themselves, action and NLA; None when nothing does."""
    return _range(slider_values.shape_keys(face).animation_data)


def range_of_board(face: bpy.types.Object) -> tuple[int, int] | None:
    """The same of its board."""
    armature = posing.board_of(face)
    return None if armature is None else _range(armature.animation_data)


def _range(data: bpy.types.AnimData | None) -> tuple[int, int] | None:
    if data is None:
        return None
    ends = [float(curve.keyframe_points[k].co[0]) for curve in compat.curves_of(data) for k in (0, -1)
            if len(curve.keyframe_points)]  # fmt: skip
    for track in data.nla_tracks:
        ends += [end for strip in track.strips for end in (strip.frame_start, strip.frame_end)]
    return (int(np.floor(min(ends))), int(np.ceil(max(ends)))) if ends else None


def sampled(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range
) -> Generator[float, None, tuple[np.ndarray, np.ndarray]]:
    """What the face does at these frames, whatever moves it: (T,) and (T, 53), the tongue's tip last. Yields the share
    done."""
    model, uid, name = models.model_of(face), face.session_uid, face.name

    def read(graph: bpy.types.Depsgraph) -> np.ndarray:
        face = slider_values.still_there(uid, name)
        values = posing.arkit_of(slider_values.expression_vector(face, model, graph), model.expression_index)
        return np.append(values, np.float32(slider_values.tip_up(face, graph)))

    found = yield from baked.through(face, scene, frames, read)
    return np.array(list(found)), np.stack(list(found.values()))


def keys_to_board(
    face: bpy.types.Object, scene: bpy.types.Scene, tolerance: float
) -> Generator[float, None, keyframes.Written]:
    """The keyframes of the expressions, of action and NLA, as a new action of the board. The old ones stay, and move
    the face again when the board does not. Raises DnpmError when there are none."""
    if posing.board_of(face) is None:
        raise DnpmError(f"{face.name}: has no face board: press Add Face Board")
    span = range_of_keys(face)
    if span is None:
        raise DnpmError(f"{face.name}: no keyframes or strips move its expressions")
    uid, name = face.session_uid, face.name
    # Drivers win over keyframes: while these are looked at the board does not move the face.
    drivers.mute(face, muted=True)
    try:
        frames, expression = yield from sampled(face, scene, range(span[0], span[1] + 1))
    finally:
        found = slider_values.find(uid)
        if found is not None:
            drivers.mute(found, muted=posing.drives(found) is None)
    face = slider_values.still_there(uid, name)
    written = board_keys.key_board(
        face, face.name, frames, expression[:, :-1], tolerance, layered=False, tip_up=expression[:, -1]
    )
    boards.refresh(face)
    return written


def board_to_keys(
    face: bpy.types.Object, scene: bpy.types.Scene, tolerance: float, *, remove: bool
) -> Generator[float, None, keyframes.Written]:
    """What the face does by its board, its eyes' target and its jaw's bone, as a new action of the expressions.

    `remove`: without the board afterwards; else it is only switched off. Raises DnpmError without keyframes.
    """
    span = range_of_board(face)
    if span is None:
        raise DnpmError(f"{face.name}: no keyframes or strips move its face board")
    uid, name = face.session_uid, face.name
    frames, expression = yield from sampled(face, scene, range(span[0], span[1] + 1))
    face = slider_values.still_there(uid, name)
    written = apply_curves.key_expression(
        face,
        models.model_of(face),
        name,
        frames,
        expression[:, :-1],
        tolerance,
        layered=False,
        into="KEYS",
        tip_up=expression[:, -1],
    )
    if remove:
        boards.remove(face, keep=True)
    else:
        boards.switch(face, on=False)
    return written
