"""Expression tracks: ARKit values over time as CSV, by column names.

Two layouts are read and written: a `time` column in seconds, and Apple's Live Link Face (`Timecode` HH:MM:SS:FF.mmm at
60 fps, `BlendShapeCount`, then 61 columns, of which the last nine are head and eye rotations in radians). Columns are
found by their names, whatever their order and capitals.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from .track import DAY_S, ROTATION_NAMES, Track
from .write import LIVE_LINK_RATE


def read_track(path: Path) -> Track:
    """Read a CSV. Raises DnpmError naming the line when it is no track: no time, no ARKit column, not a number."""
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DnpmError(f"{path}: is no CSV text ({error})") from error
    if len(rows) < 3:
        raise DnpmError(f"{path}: holds no track; a line of column names and two frames at least are needed")
    names = [cell.strip().lower() for cell in rows[0]]
    place = {name: k for k, name in enumerate(names)}
    columns = [place.get(name.lower()) for name in (*ARKIT_NAMES, *ROTATION_NAMES)]
    if all(column is None for column in columns[: len(ARKIT_NAMES)]):
        raise DnpmError(f"{path}: none of its columns has an ARKit name (jawOpen, eyeBlinkLeft, …)")
    clock = next((key for key in ("time", "timecode") if key in place), None)
    if clock is None:
        raise DnpmError(f"{path}: has no column `time` (seconds) or `Timecode`")
    times, values = [], np.zeros((len(rows) - 1, len(columns)), np.float32)
    for i, row in enumerate(rows[1:]):
        if len(row) < len(names):
            raise DnpmError(f"{path}, line {i + 2}: {len(row)} values for {len(names)} columns")
        try:
            times.append(_seconds(row[place[clock]]))
            for k, column in enumerate(columns):
                if column is not None:
                    values[i, k] = float(row[column])
        except ValueError as error:
            raise DnpmError(f"{path}, line {i + 2}: {error}") from error
    clock_times = np.array(times)
    if not (np.isfinite(values).all() and np.isfinite(clock_times).all()):
        raise DnpmError(f"{path}: holds numbers that are not finite")
    if clock == "timecode":  # A take across midnight begins anew at 0.
        clock_times += DAY_S * np.cumsum(np.diff(clock_times, prepend=clock_times[0]) < -DAY_S / 2)
    if not (np.diff(clock_times) > 0).all():
        bad = int(np.flatnonzero(np.diff(clock_times) <= 0)[0]) + 3
        raise DnpmError(f"{path}, line {bad}: its time is not after the line before")
    missing = tuple(n for n, column in zip(ARKIT_NAMES, columns, strict=False) if column is None)
    turned = any(column is not None for column in columns[len(ARKIT_NAMES) :])
    rotations = values[:, len(ARKIT_NAMES) :].copy() if turned else None
    return Track(clock_times, values[:, : len(ARKIT_NAMES)], missing, rotations, clock == "timecode")


def _seconds(text: str) -> float:
    """ "1.25", or Live Link's "17:03:45:41.123" (hours:minutes:seconds:frame.part of a frame, 60 frames a second)."""
    parts = text.strip().split(":")
    if len(parts) == 1:
        return float(parts[0])
    if len(parts) != 4:
        raise ValueError(f"{text!r} is neither seconds nor a timecode HH:MM:SS:FF.mmm")
    hours, minutes, seconds, frames = (float(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + frames / LIVE_LINK_RATE
