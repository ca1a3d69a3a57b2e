"""Expression tracks: ARKit values over time as CSV, by column names.

Two layouts are read and written: a `time` column in seconds, and Apple's Live Link Face (`Timecode` HH:MM:SS:FF.mmm at
60 fps, `BlendShapeCount`, then 61 columns, of which the last nine are head and eye rotations in radians). Columns are
found by their names, whatever their order and capitals.
"""

from __future__ import annotations

import contextlib
import csv
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from .arkit import ARKIT_NAMES

LIVE_LINK_RATE = 60.0
ROTATION_NAMES: tuple[str, ...] = (
    "headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch",
    "rightEyeRoll",
)  # fmt: skip
"""Live Link Face's last nine columns."""
_DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class Track:
    """times (T,) float64 seconds, rising; expression (T, 52) float32 in ARKit's order; missing: names without a
    column, which are 0; rotations: (T, 9) float32 radians in the order of ROTATION_NAMES, None where the file has none.
    """

    times: np.ndarray
    expression: np.ndarray
    missing: tuple[str, ...] = ()
    rotations: np.ndarray | None = None
    clocked: bool = False
    """Its times are a time of day (a `Timecode` column), not seconds from the sound's begin."""

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
        clock_times += _DAY_S * np.cumsum(np.diff(clock_times, prepend=clock_times[0]) < -_DAY_S / 2)
    if not (np.diff(clock_times) > 0).all():
        bad = int(np.flatnonzero(np.diff(clock_times) <= 0)[0]) + 3
        raise DnpmError(f"{path}, line {bad}: its time is not after the line before")
    missing = tuple(n for n, column in zip(ARKIT_NAMES, columns, strict=False) if column is None)
    turned = any(column is not None for column in columns[len(ARKIT_NAMES) :])
    rotations = values[:, len(ARKIT_NAMES) :].copy() if turned else None
    return Track(clock_times, values[:, : len(ARKIT_NAMES)], missing, rotations, clock == "timecode")


def write_track(path: Path, track: Track) -> None:
    """The layout with a `time` column in seconds, ARKit's order, six decimals; rotations follow where there are any.

    Written beside its place and renamed. Raises DnpmError when it cannot be written.
    """
    names = ["time", *ARKIT_NAMES, *(ROTATION_NAMES if track.rotations is not None else ())]
    lines = [",".join(names)]
    for time, row in zip(track.times, _rows(track, track.rotations is not None), strict=True):
        lines.append(f"{time:.6f}," + ",".join(f"{value:.6f}" for value in row))
    _write(Path(path), lines)


def write_live_link(path: Path, track: Track) -> None:
    """Apple's Live Link Face layout: names with capitals, the right before the left for jaw and mouth, 61 columns.

    The timecode counts 60 frames a second, with thousandths of a frame: any frame rate and start comes back. Rotations
    that the track lacks are written as 0. Raises DnpmError when it cannot be written.
    """
    order = live_link_order()
    titles = [name[0].upper() + name[1:] for name in (*(ARKIT_NAMES[k] for k in order), *ROTATION_NAMES)]
    lines = [",".join(["Timecode", "BlendShapeCount", *titles])]
    picks = [*order, *range(len(ARKIT_NAMES), len(ARKIT_NAMES) + len(ROTATION_NAMES))]
    for time, row in zip(track.times, _rows(track, True), strict=True):
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


def _rows(track: Track, rotations: bool) -> np.ndarray:
    """(T, 52) or (T, 61)."""
    if not rotations:
        return track.expression
    turns = track.rotations
    if turns is None:
        turns = np.zeros((len(track.times), len(ROTATION_NAMES)), np.float32)
    return np.concatenate([track.expression, turns], 1)


def _write(path: Path, lines: list[str]) -> None:
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise DnpmError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):  # It is gone when all went well; in a folder that is none it never was.
            beside.unlink()


def _timecode(seconds: float) -> str:
    # In thousandths of a frame, so that nothing rounds up to a frame 60.
    thousandths = round(seconds % _DAY_S * LIVE_LINK_RATE * 1000)
    frames, part = divmod(thousandths, 1000)
    whole, frame = divmod(frames, int(LIVE_LINK_RATE))
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}.{part:03d}"


def _seconds(text: str) -> float:
    """ "1.25", or Live Link's "17:03:45:41.123" (hours:minutes:seconds:frame.part of a frame, 60 frames a second)."""
    parts = text.strip().split(":")
    if len(parts) == 1:
        return float(parts[0])
    if len(parts) != 4:
        raise ValueError(f"{text!r} is neither seconds nor a timecode HH:MM:SS:FF.mmm")
    hours, minutes, seconds, frames = (float(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + frames / LIVE_LINK_RATE
