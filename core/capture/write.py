"""Our own files: a CSV with a column `time`, and Live Link Face's CSV.

The latter is what Unreal's Live Link Face importer, Faceit and others read: `Timecode` HH:MM:SS:FF.fff,
`BlendShapeCount`, 52 values, then nine rotations of the head and the eyes in radians.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..face_model.arkit import ARKIT_NAMES, TIP_UP
from ..face_model.tongue import arkit_alone
from ..files.writing import write_text
from .track import DAY_S, ROTATION_NAMES, CurveTrack

LIVE_LINK_RATE = 60.0
"""Frames per second that our timecodes count."""


def write_track(path: Path, track: CurveTrack) -> None:
    """The layout with a `time` column in seconds, ARKit's order, six decimals; rotations follow where there are any,
    and the tongue's tip.

    Written beside its place and renamed. Raises DnpmError when it cannot be written.
    """
    rows = _rows(track, track.rotations is not None)
    names = ["time", *ARKIT_NAMES, *(ROTATION_NAMES if track.rotations is not None else ())]
    if track.tip_up is not None:
        names, rows = [*names, TIP_UP], np.concatenate([rows, track.tip_up[:, None]], 1)
    lines = [",".join(names)]
    for time, row in zip(track.times, rows, strict=True):
        lines.append(f"{time:.6f}," + ",".join(f"{value:.6f}" for value in row))
    _write(Path(path), lines)


def write_live_link(path: Path, track: CurveTrack) -> None:
    """Apple's Live Link Face layout: names with capitals, the right before the left for jaw and mouth, 61 columns.

    The timecode counts 60 frames per second with thousandths of a frame, so any frame rate is preserved. It starts at
    the track's own time; a clip within one second is shifted across a second boundary, from which a reader can infer
    the count. Rotations that the track lacks are written as 0. A tongue's tip that is up, for which the layout has no
    column, becomes a little of tongueOut. Raises DnpmError when it cannot be written.
    """
    times = np.asarray(track.times, np.float64)
    if np.floor(times[0]) == np.floor(times[-1]) and len(times) > 1:
        times = times - times[len(times) // 2] + np.ceil(times[-1]) + 1
    order = live_link_order()
    titles = [name[0].upper() + name[1:] for name in (*(ARKIT_NAMES[k] for k in order), *ROTATION_NAMES)]
    lines = [",".join(["Timecode", "BlendShapeCount", *titles])]
    picks = [*order, *range(len(ARKIT_NAMES), len(ARKIT_NAMES) + len(ROTATION_NAMES))]
    if track.tip_up is not None:
        track = replace(track, expression=arkit_alone(track.expression, track.tip_up))
    for time, row in zip(times, _rows(track, True), strict=True):
        lines.append(f"{_timecode(float(time))},{len(titles)}," + ",".join(f"{value:.6f}" for value in row[picks]))
    _write(Path(path), lines)


def live_link_order() -> list[int]:
    """Places in ARKIT_NAMES in the order of Live Link Face's columns: jawRight before jawLeft, mouthRight before
    mouthLeft."""
    order = list(range(len(ARKIT_NAMES)))
    for part in ("jaw", "mouth"):
        left, right = ARKIT_NAMES.index(f"{part}Left"), ARKIT_NAMES.index(f"{part}Right")
        order[left], order[right] = right, left
    return order


def _rows(track: CurveTrack, rotations: bool) -> np.ndarray:
    """(T, 52) or (T, 61)."""
    if not rotations:
        return track.expression
    turns = track.rotations
    if turns is None:
        turns = np.zeros((len(track.times), len(ROTATION_NAMES)), np.float32)
    return np.concatenate([track.expression, turns], 1)


def _write(path: Path, lines: list[str]) -> None:
    write_text(path, "\n".join(lines) + "\n", make_folder=True)


def _timecode(seconds: float) -> str:
    # In thousandths of a frame, so that nothing rounds up to a frame 60.
    thousandths = round(seconds % DAY_S * LIVE_LINK_RATE * 1000)
    frames, part = divmod(thousandths, 1000)
    whole, frame = divmod(frames, int(LIVE_LINK_RATE))
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}.{part:03d}"
