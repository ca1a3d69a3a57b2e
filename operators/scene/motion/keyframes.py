"""Many keyframes at once into an action: a new one, or a layer over what moves the data block already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ....core.errors import DnpmError
from .. import compat

GROUP = "DNPM"
_LINEAR = 1
"""Interpolation of a keyframe as `foreach_set` takes it."""


@dataclass(frozen=True)
class Curve:
    """One property over time: frames (T,), rising, and values (T,)."""

    path: str
    frames: np.ndarray
    values: np.ndarray
    index: int = 0


@dataclass(frozen=True)
class Written:
    """What was made, and what takes it back."""

    action: bpy.types.Action
    keys: int
    undo: Callable[[], None]


def write(owner: bpy.types.ID, name: str, curves: Sequence[Curve], *, layered: bool) -> Written:
    """Key the curves, straight lines between keys, in a new action of `owner` (an object, a block of shape keys).

    Not layered the action takes the place of the former one, which stays in the file. Layered it becomes the uppermost
    NLA strip; an action that moves the owner already is pushed down below it. Raises DnpmError with all as it was.
    """
    data = owner.animation_data_create()
    if data.use_tweak_mode:
        raise DnpmError(f"{owner.name}: a strip of its NLA is being tweaked: leave tweak mode (Tab in the NLA) first")
    before, slot = data.action, compat.slot_of(data)
    protected = before is not None and before.library is None and before.use_fake_user
    tracks: list[bpy.types.NlaTrack] = []
    action = bpy.data.actions.new(name)

    def undo() -> None:
        for track in reversed(tracks):
            data.nla_tracks.remove(track)
        compat.assign(data, before, slot)
        if before is not None and before.library is None:
            before.use_fake_user = protected
        bpy.data.actions.remove(action)

    try:
        compat.assign_new(data, action, owner)
        for curve in curves:
            _fill(compat.new_curve(action, owner, curve.path, curve.index, GROUP), curve)
        if layered:
            made = compat.slot_of(data)
            compat.assign(data, None, None)
            if before is not None:
                _strip(data, tracks, before, slot, before.name, float(before.frame_range[0]), over=False)
            over = len(data.nla_tracks) > 0
            _strip(data, tracks, action, made, name, float(action.frame_range[0]), over=over)
        elif before is not None and before.library is None:
            before.use_fake_user = True
        owner.update_tag()
    except BaseException:
        undo()
        raise
    return Written(action, sum(len(curve.frames) for curve in curves), undo)


def _fill(target: bpy.types.FCurve, curve: Curve) -> None:
    count = len(curve.frames)
    points = np.empty((count, 2), np.float32)
    points[:, 0], points[:, 1] = curve.frames, curve.values
    target.keyframe_points.add(count)
    target.keyframe_points.foreach_set("co", points.ravel())
    target.keyframe_points.foreach_set("interpolation", np.full(count, _LINEAR, np.int32))
    target.update()


def _strip(
    data: bpy.types.AnimData,
    tracks: list[bpy.types.NlaTrack],
    action: bpy.types.Action,
    slot: object,
    name: str,
    start: float,
    *,
    over: bool,
) -> None:
    track = data.nla_tracks.new()
    tracks.append(track)
    track.name = name
    strip = track.strips.new(name, int(start), action)
    compat.assign_strip_slot(strip, slot)
    strip.frame_start, strip.frame_end = start, start + (strip.action_frame_end - strip.action_frame_start)
    strip.blend_type = "REPLACE"
    # Held before and after, it would hide what lies below it there.
    strip.extrapolation = "NOTHING" if over else "HOLD"


def driven(owner: bpy.types.Object | bpy.types.Key, paths: set[str]) -> list[str]:
    """Those of the paths that a driver moves: it wins over keyframes."""
    data = owner.animation_data
    return [] if data is None else [curve.data_path for curve in data.drivers if curve.data_path in paths]
