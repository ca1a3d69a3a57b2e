"""ARKit values over frames, into a face's shape keys; turns of its head, into what is to turn."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass

import bpy
import numpy as np

from ....core.backend.requests import Curves
from ....core.capture.track import ROTATION_NAMES
from ....core.errors import DnpmError
from ....core.face_model import tongue
from ....core.face_model.arkit import ARKIT_NAMES, TIP_UP
from ....core.face_model.keys import thinned
from ....core.face_model.model import FaceModel
from .. import compat, names
from ..board import board_keys, posing
from ..face import identity, slider_values
from . import head, keyframes, sounds

REST_S = 0.15
"""Between two sounds the face comes to rest in so many seconds, and leaves it in as many."""


@dataclass(frozen=True)
class FrameTiming:
    """Which moments of a sound the scene's frames are."""

    frame: int
    """The first that is keyed."""
    first: float
    """Seconds into the sound at that frame: below a frame's length."""
    fps: float
    sound_frame: float
    """Where the sound itself begins."""

    @classmethod
    def of(cls, face: bpy.types.Object, scene: bpy.types.Scene, source: sounds.Source) -> FrameTiming:
        """As the face's settings and the scene say."""
        group = getattr(face, names.SPEECH)
        fps = sounds.fps_of(scene)
        start = source.frame
        if start is None:
            start = float({"SCENE": scene.frame_start, "CURRENT": scene.frame_current}.get(group.start, group.frame))
        begin = start + group.offset * fps
        frame = math.ceil(begin - 1e-4)
        return cls(frame, max(0.0, (frame - begin) / fps), fps, start)


def check(face: bpy.types.Object, model: FaceModel) -> None:
    """Raises DnpmError when the face cannot be animated: shape keys gone, none of ARKit's, or its NLA being tweaked."""
    slider_values.expression_vector(face, model)
    if not set(ARKIT_NAMES) & set(model.expression_names):
        raise DnpmError(f"{face.name}: its face model {model.name} has none of ARKit's expressions")
    data = slider_values.shape_keys(face).animation_data
    if data is not None and data.use_tweak_mode:
        raise DnpmError(f"{face.name}: a strip of its NLA is being tweaked: leave tweak mode (Tab in the NLA) first")


def path_of(name: str) -> str:
    """The data path of an expression's value in the block of shape keys."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def driven(face: bpy.types.Object, model: FaceModel, into: str = "BOARD") -> list[str]:
    """Expressions that a driver moves, and keyframes `into` the face's board or its shape keys (KEYS) do not."""
    found = set(keyframes.driven(slider_values.shape_keys(face), {path_of(name) for name in model.expression_names}))
    # The board's own drivers carry what is keyed there.
    board = set() if into == "KEYS" and posing.drives(face) is not None else set(posing.driven_by(face))
    return [name for name in model.expression_names if path_of(name) in found and name not in board]


def animated(face: bpy.types.Object, model: FaceModel) -> list[str]:
    """Expressions that a curve of the assigned action or a driver moves."""
    data = slider_values.shape_keys(face).animation_data
    moved = set() if data is None else {curve.data_path for curve in compat.curves_of(data)}
    by_drivers = set(driven(face, model))
    return [name for name in model.expression_names if path_of(name) in moved or name in by_drivers]


def joined(
    timings: list[FrameTiming], parts: list[Curves]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:  # fmt: skip
    """Several sounds as one: frames (T,), expression (T, 52), rotations (T, 9) or None, tongueTipUp (T,) or None.

    Between them the face comes to rest within REST_S, and the head goes on to where the next has it; where two are
    heard at once the larger value counts, and the later's head.
    """
    if len(parts) == 1:
        one = parts[0]
        return timings[0].frame + np.arange(len(one.times)), one.expression, one.rotations, one.tip_up
    spans = [(timing.frame, timing.frame + len(part.times)) for timing, part in zip(timings, parts, strict=True)]
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    frames, rest = np.arange(first, last), max(1, round(REST_S * timings[0].fps))
    whole = np.zeros((len(frames), len(ARKIT_NAMES) + 1), np.float32)
    fade = np.linspace(1, 0, rest + 1, dtype=np.float32)[1:, None]
    rotations = None if parts[0].rotations is None else np.zeros((len(frames), len(ROTATION_NAMES)), np.float32)
    known = np.zeros(len(frames), bool)
    for (begin, end), part in zip(spans, parts, strict=True):
        tip = np.zeros(len(part.times), np.float32) if part.tip_up is None else part.tip_up
        values = np.concatenate([part.expression, tip[:, None]], 1)
        values = np.concatenate([values[:1] * fade[::-1], values, values[-1:] * fade])
        low, high = begin - rest - first, end + rest - first
        inside = slice(max(0, -low), len(values) - max(0, high - len(frames)))
        place = slice(max(0, low), min(high, len(frames)))
        whole[place] = np.maximum(whole[place], values[inside])
        if rotations is not None and part.rotations is not None:
            rotations[begin - first : end - first] = part.rotations
            known[begin - first : end - first] = True
    if rotations is not None:
        for k in range(rotations.shape[1]):
            rotations[:, k] = np.interp(frames, frames[known], rotations[known, k])
    tip_up = whole[:, -1] if any(part.tip_up is not None for part in parts) else None
    return frames, whole[:, :-1], rotations, tip_up


def key_expression(
    face: bpy.types.Object, model: FaceModel, label: str, frames: np.ndarray, expression: np.ndarray,
    tolerance: float, *, layered: bool, missing: tuple[str, ...] = (), into: str = "BOARD",
    tip_up: np.ndarray | None = None,
) -> keyframes.Written:  # fmt: skip
    """Keyframes for (T, 52) values in ARKit's order at frames (T,), rising: of the shape keys (`into` KEYS), or of the
    face board where one moves the face (BOARD).

    What rests at 0 all the time gets one key; in a layer none, so that what lies below moves it on. `missing`: columns
    that hold nothing. tip_up: tongueTipUp (T,), which goes to its shape key where the face has one, or can be given
    one; else a little of tongueOut stands for it. Raises DnpmError as `keyframes.write`.
    """
    on_board = into == "BOARD" and posing.drives(face) is not None
    if on_board:
        return board_keys.key_board(
            face, label, frames, expression, tolerance, layered=layered, missing=missing, tip_up=tip_up
        )
    if tip_up is not None and not identity.has_tip_up(face):
        expression, tip_up = tongue.arkit_alone(expression, tip_up), None
    kept = thinned(frames, expression, tolerance)
    curves = []
    for k, name in enumerate(ARKIT_NAMES):
        if name not in model.expression_index or name in missing:
            continue
        column = kept[:, k]
        if not expression[:, k].any():
            if layered:
                continue
            column = np.arange(len(frames)) == 0
        curves.append(keyframes.Curve(path_of(name), frames[column], expression[column, k]))
    if tip_up is not None and (tip_up.any() or not layered):
        column = thinned(frames, tip_up[:, None], tolerance)[:, 0] if tip_up.any() else np.arange(len(frames)) == 0
        curves.append(keyframes.Curve(path_of(TIP_UP), frames[column], tip_up[column]))
    if not curves:
        raise DnpmError(f"{face.name}: nothing moves in this: no keyframe was made")
    return keyframes.write(slider_values.shape_keys(face), label, curves, layered=layered)


def key_head(
    face: bpy.types.Object, scene: bpy.types.Scene, target: str, label: str, frames: np.ndarray, rotations: np.ndarray,
    tolerance: float, undo: ExitStack, armature: bpy.types.Object | None = None, bone: str = "",
) -> None:  # fmt: skip
    """Let the target (NONE, OBJECT, EMPTY or BONE) turn by (T, 9) radians; what takes it back goes onto `undo`.

    Raises DnpmError as `head.key_object` and `head.key_bone`.
    """
    label = f"{label} head"
    if target == "OBJECT":
        undo.callback(head.key_object(face, label, frames, rotations, tolerance).undo)
    elif target == "EMPTY":
        empty, remove = head.empty_for(face, scene)
        undo.callback(remove)
        undo.callback(head.key_object(empty, label, frames, rotations, tolerance).undo)
    elif target == "BONE":
        if armature is None:
            raise DnpmError("choose the armature whose bone is to turn")
        undo.callback(head.key_bone(armature, bone, label, frames, rotations, tolerance).undo)
