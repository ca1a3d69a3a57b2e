"""Expression tracks: ARKit values over time as CSV, by column names.

Two layouts are read: a `time` column in seconds, and Apple's Live Link Face (`Timecode` HH:MM:SS:FF.mmm at 60 fps,
`BlendShapeCount`, then 61 columns, of which the last nine are head and eye rotations). Columns are found by their
names, whatever their order and capitals.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from .arkit import ARKIT_NAMES

LIVE_LINK_RATE = 60.0


@dataclass(frozen=True)
class Track:
    """times (T,) float64 seconds, rising; expression (T, 52) float32 in ARKit's order; missing: names without a
    column, which are 0."""

    times: np.ndarray
    expression: np.ndarray
    missing: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Frames a second, from the median step."""
        return float(1.0 / np.median(np.diff(self.times)))


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
    columns = [place.get(name.lower()) for name in ARKIT_NAMES]
    if all(column is None for column in columns):
        raise DnpmError(f"{path}: none of its columns has an ARKit name (jawOpen, eyeBlinkLeft, …)")
    clock = next((key for key in ("time", "timecode") if key in place), None)
    if clock is None:
        raise DnpmError(f"{path}: has no column `time` (seconds) or `Timecode`")
    times, values = [], np.zeros((len(rows) - 1, len(ARKIT_NAMES)), np.float32)
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
    if not (np.diff(clock_times) > 0).all():
        bad = int(np.flatnonzero(np.diff(clock_times) <= 0)[0]) + 3
        raise DnpmError(f"{path}, line {bad}: its time is not after the line before")
    missing = tuple(n for n, column in zip(ARKIT_NAMES, columns, strict=True) if column is None)
    return Track(clock_times, values, missing)


def _seconds(text: str) -> float:
    """ "1.25", or Live Link's "17:03:45:41.123" (hours:minutes:seconds:frame.part of a frame, 60 frames a second)."""
    parts = text.strip().split(":")
    if len(parts) == 1:
        return float(parts[0])
    if len(parts) != 4:
        raise ValueError(f"{text!r} is neither seconds nor a timecode HH:MM:SS:FF.mmm")
    hours, minutes, seconds, frames = (float(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + frames / LIVE_LINK_RATE
