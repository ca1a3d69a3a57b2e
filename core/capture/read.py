"""Reads any capture file into a track, and reports what was decided.

`read_capture` is the one reader: the operator, `dnpm capture`, `dnpm data speech --captures` and evaluation use it.
Delimited text (`text.py`) and JSON (`json_forms.py`) become a `Table`, which `interpreted` turns into a `Capture`. A
reader for another kind of file, such as videos, builds a Table with its rate and does the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..files import inputs, json_file
from .clock import clock_of
from .json_forms import read_json
from .names import columns_of
from .table import NotACaptureError, Table
from .text import decoded, read_table
from .track import CurveTrack
from .values import bridged, in_radians, lost_rows, scale_of

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
MOST_BYTES, MOST_JSON_BYTES = 120_000_000, 64_000_000
"""45 minutes of Live Link Face; five minutes of MediaPipe results, which repeat every name in every frame."""
_MOST_JSON_PARTS = 3_000_000
_LINES = re.compile(r"\s*\{[^\n]*\}[ \t\r]*\n\s*\{")
_EXPRESSIONS = len(ARKIT_NAMES)
_SHOWN, _FEW = 5, 10


@dataclass(frozen=True)
class Capture:
    """A track, and how it was read.

    fps: frames per second; fps_from: where the rate comes from; channels: how many of the 52 expressions the file has;
    value_range: the smallest and largest value; bridged: counts of rows that were filled or left out; notes: other
    decisions.
    """

    source: str
    form: str
    track: CurveTrack
    fps: float
    fps_from: str
    channels: int
    value_range: tuple[float, float]
    bridged: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]

    @property
    def gaps(self) -> int:
        """The number of rows that were filled, left out or reordered, and of missing frames."""
        return sum(count for count, _ in self.bridged)

    @property
    def seconds(self) -> float:
        """Duration, including the last frame."""
        return float(self.track.times[-1] - self.track.times[0]) + 1 / self.fps

    def summary(self) -> dict[str, Any]:
        """What `dnpm capture --json` prints."""
        return {
            "frames": len(self.track.times), "fps": round(float(self.fps), 3), "fps_from": self.fps_from,
            "channels": self.channels, "seconds": round(self.seconds, 4),
            "value_range": [round(value, 6) for value in self.value_range], "gaps": self.gaps,
        }  # fmt: skip

    def line(self) -> str:
        """One line of text with all decisions."""
        low, high = self.value_range
        gaps = ", ".join(f"{count} {what}" for count, what in self.bridged)
        parts = [
            f"{len(self.track.times)} frames at {self.fps:.5g} fps ({self.fps_from})", f"{self.seconds:.2f} s",
            f"{self.channels} of {_EXPRESSIONS} channels", f"values {low:.3g} to {high:.3g}",
            f"gaps: {gaps or 'none'}", *self.notes,
        ]  # fmt: skip
        return f"{self.source}: {self.form}; " + "; ".join(parts)

    def from_zero(self) -> CurveTrack:
        """The track, with times counted from the first frame if they are a time of day."""
        track = self.track
        return replace(track, times=track.times - track.times[0], clocked=False) if track.clocked else track


def read_capture(path: str | Path, fps: float | None = None, scale: float | None = None) -> Capture:
    """Read a file. fps, scale: the frame rate and the value of a full expression, where the file leaves them open.

    Raises DnpmError naming the file, and the line if there is one, when the file is not a capture, when its rate, order
    or scale cannot be determined, or when they contradict the given ones. NotACaptureError is a subclass.
    """
    for name, value in (("the given rate", fps), ("the given scale", scale)):
        if value is not None and not (np.isfinite(value) and 0 < value <= 1e6):
            raise DnpmError(f"{name}, {value:g}, must be above 0")
    name = inputs.shown_path(path)
    data = inputs.read_bytes(path, MOST_BYTES)
    with inputs.reading(path):
        try:
            return interpreted(_table(data, name), name, fps, scale)
        except NotACaptureError as error:  # `read_folder` skips these files.
            raise NotACaptureError(f"{name}: {error}") from error


def read_open(path: str | Path, fps: float | None = None, scale: float | None = None) -> Capture:
    """As `read_capture`, for several files: fps and scale apply only to files that leave them open."""
    try:
        return read_capture(path)
    except NotACaptureError:
        raise
    except DnpmError:
        if fps is None and scale is None:
            raise
        return read_capture(path, fps, scale)


def read_folder(
    folder: Path, fps: float | None = None, scale: float | None = None, wanted: Callable[[Path], bool] | None = None
) -> Iterator[tuple[Path, Capture | str]]:
    """The captures of a folder, sorted, one per name (CSV preferred), read by `read_open`: the path and the capture, or
    the reason for skipping a file that is not a capture (a transcript, phones). wanted: selects the paths to read.

    Raises DnpmError when a capture cannot be read.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    paths.sort(key=lambda path: (path.stem, SUFFIXES.index(path.suffix.lower())))
    done = ""
    for path in paths:
        if path.stem == done or (wanted is not None and not wanted(path)):
            continue
        try:
            yield path, read_open(path, fps, scale)
            done = path.stem
        except NotACaptureError as error:
            if path.suffix.lower() == SUFFIXES[0]:
                raise
            yield path, str(error)


def _table(data: bytes, name: str) -> Table:
    text = decoded(data)
    if not text[:1000].lstrip().startswith(("{", "[")):
        return read_table(text)
    if len(data) > MOST_JSON_BYTES:
        raise DnpmError(f"has {len(data) / 1e6:.0f} MB; at most {MOST_JSON_BYTES / 1e6:.0f} MB of JSON are read")
    if text.count("{") + text.count("[") > _MOST_JSON_PARTS:  # Each takes at least 64 bytes in memory.
        raise DnpmError(f"has more than {_MOST_JSON_PARTS:,} lists and objects: split it")
    if _LINES.match(text):  # JSON Lines: one frame per line.
        text = "[" + ",".join(line for line in text.splitlines() if line.strip()) + "]"
    return read_json(json_file.parse(text, name, constants=True))


def interpreted(table: Table, source: str, fps: float | None = None, scale: float | None = None) -> Capture:
    """Interpret a table's names, times and values. Raises DnpmError as `read_capture`, without the file's name."""
    if len(table.values) < 2:
        raise DnpmError(f"has {len(table.values)} frames; at least two frames are needed")
    if np.isinf(table.values).any():
        bad = int(np.flatnonzero(np.isinf(table.values).any(1))[0])
        raise DnpmError(f"{table.unit} {table.numbers[bad]}: has values that are not finite")
    columns = columns_of(table.titles)
    if not columns.present[:_EXPRESSIONS].any():
        raise NotACaptureError("none of its columns has an ARKit name (jawOpen, eyeBlinkLeft, …)")
    unknown = [*columns.unknown, *columns_of(table.others).unknown]
    known = int(columns.present[:_EXPRESSIONS].sum())
    if known < _FEW and len(unknown) >= max(_FEW, 3 * known):  # FACS names of older Audio2Face versions share one name
        others = ", ".join(unknown[:_SHOWN])
        raise NotACaptureError(
            f"only {known} of its {known + len(unknown)} names are ARKit names; the others are {others}, …"
        )
    clock = clock_of(table, _same(table.values), fps)
    values = columns.gathered(table.values[clock.rows])
    there = values[:, columns.present]
    lost = ~np.isfinite(there).any(1) | lost_rows(there, there.shape[1])
    values[lost] = np.nan
    if lost.all():
        raise DnpmError("has no face in any frame")
    partly = int((~np.isfinite(values).all(1) & ~lost).sum())
    unit, note = scale_of(values[:, :_EXPRESSIONS], scale)
    values[:, :_EXPRESSIONS] /= unit
    notes = [note, *clock.notes, *table.notes]
    rotations = None
    if columns.present[_EXPRESSIONS:].any():
        values[:, _EXPRESSIONS:], note = in_radians(values[:, _EXPRESSIONS:])
        notes.append(note)
    values, held = bridged(clock.times, values)
    present = columns.present & held
    if columns.present[_EXPRESSIONS:].any():
        rotations = values[:, _EXPRESSIONS:].astype(np.float32)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        notes.append(f"unrecognised: {', '.join(unknown[:_SHOWN])}{more}")
    tip_up = None
    if columns.tip_up is not None:
        column, _ = bridged(clock.times, table.values[clock.rows][:, [columns.tip_up]] / unit)
        tip_up = column[:, 0].astype(np.float32)
    inside = values[:, :_EXPRESSIONS][:, present[:_EXPRESSIONS]]
    counts = (
        (int(lost.sum()), "without a face"), (partly, "with empty values"), (clock.repeated, "repeated"),
        (clock.moved, "out of order"), (clock.missing, "missing"), (table.cut, "truncated"),
    )  # fmt: skip
    track = CurveTrack(
        clock.times, values[:, :_EXPRESSIONS].astype(np.float32),
        tuple(name for name, there in zip(ARKIT_NAMES, present, strict=False) if not there), rotations, clock.clocked,
        tip_up,
    )  # fmt: skip
    return Capture(
        source, table.form, track, clock.fps, clock.how, int(present[:_EXPRESSIONS].sum()),
        (float(inside.min()), float(inside.max())), tuple(entry for entry in counts if entry[0]),
        tuple(note for note in notes if note),
    )  # fmt: skip


def _same(values: np.ndarray) -> np.ndarray:
    """(N,) bool: rows whose values (including missing ones) equal those of the previous row."""
    before, after = values[:-1], values[1:]
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.r_[False, equal.all(1)]
