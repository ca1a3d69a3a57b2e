"""Expressions over frames as keyframes of a face's board."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model import board, tongue
from ....core.face_model.arkit import ARKIT_NAMES, TIP_UP
from ....core.face_model.keys import thinned
from ..face import models
from ..motion import keyframes
from . import posing


def curves_of(
    armature: bpy.types.Object, frames: np.ndarray, expression: np.ndarray, tolerance: float, *, layered: bool,
    names: set[str],
) -> list[keyframes.Curve]:  # fmt: skip
    """Curves of the controls that move any of `names`, for (T, 52) or (T, 53) (`board.channels_of`) at frames (T,),
    rising.

    What rests all the time gets one key; in a layer none. Two curves and more make an expression: each may be off by a
    third of `tolerance`.
    """
    channels = board.channels_of(expression)
    chosen = [one for one in channels if one in board.channels_with(names) and one[0] in posing.bones_of(armature)]
    values = np.stack([channels[one] for one in chosen], 1) if chosen else np.zeros((len(frames), 0))
    kept = thinned(frames, values, tolerance / 3)
    made = []
    for k, one in enumerate(chosen):
        column = kept[:, k]
        if not values[:, k].any():
            # What both directions have in common mostly rests: a key of it would only be in the way.
            if layered or one[1].startswith("both"):
                continue
            column = np.arange(len(frames)) == 0
        path, index = posing.path_of(one)
        made.append(keyframes.Curve(path, frames[column], values[column, k], index))
    return made


def key_board(
    face: bpy.types.Object, label: str, frames: np.ndarray, expression: np.ndarray, tolerance: float, *,
    layered: bool, missing: tuple[str, ...] = (), tip_up: np.ndarray | None = None,
) -> keyframes.Written:  # fmt: skip
    """Keyframes of the face's board for (T, 52) at frames (T,), and tongueTipUp (T,) where it has that control; else a
    little of tongueOut stands for it. Raises DnpmError as `keyframes.write`, and for a face
    without a board."""
    armature = posing.drives(face)
    if armature is None:
        raise DnpmError(f"{face.name}: no face board moves it: press Add Face Board, or choose Shape Keys")
    wanted = set(ARKIT_NAMES) & set(models.model_of(face).expression_names) - set(missing)
    if tip_up is not None and posing.TIP in posing.bones_of(armature):
        wanted.add(TIP_UP)
        expression = np.concatenate([expression, tip_up[:, None]], 1)
    elif tip_up is not None:
        expression = tongue.arkit_alone(expression, tip_up)
    curves = curves_of(armature, frames, expression, tolerance, layered=layered, names=wanted)
    if not curves:
        raise DnpmError(f"{face.name}: nothing moves in this: no keyframe was made")
    if not layered:
        posing.rest(armature)
    return keyframes.write(armature, f"{label} board", curves, layered=layered)


def key_now(face: bpy.types.Object) -> int:
    """A keyframe of every control at the current frame; how many channels that are."""
    armature = posing.drives(face)
    assert armature is not None
    count = 0
    for one in board.channels_of(np.zeros((1, len(ARKIT_NAMES) + 1))):
        if one[0] in posing.bones_of(armature):
            path, index = posing.path_of(one)
            index = index if one[1] in "xy" else -1
            count += bool(armature.keyframe_insert(path, index=index, group=keyframes.GROUP))
    return count
