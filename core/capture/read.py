"""Any capture file to a track, and what was decided on the way.

`read_capture` is the one reader: the operator, `dnpm capture`, `dnpm data speech --captures` and evaluation use it.
Text with separators and JSON are read (`text.py`, `json_forms.py`); both hand on a `Table`, which `interpreted` turns
into a `Capture`. A reader of another kind of file, of videos say, makes a Table with its rate and goes the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import inputs, jsonfile
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from .clock import clock_of
from .json_forms import read_json
from .names import columns_of
from .table import NotACaptureError, Table
from .text import decoded, read_table
from .track import Track
from .values import bridged, in_radians, lost_rows, scale_of

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
MOST_BYTES, MOST_JSON_BYTES = 120_000_000, 64_000_000
"""Three quarters of an hour of Live Link Face; five minutes of MediaPipe's results, which repeat every name."""
_MOST_JSON_PARTS = 3_000_000
_LINES = re.compile(r"\s*\{[^\n]*\}[ \t\r]*\n\s*\{")
_EXPRESSIONS = len(ARKIT_NAMES)
_SHOWN, _FEW = 5, 10


@dataclass(frozen=True)
class Capture:
    """A track, and how it was read.

    fps: frames a second, fps_from: where they are from; channels: how many of the 52 the file has; value_range: the
    least and the greatest value; bridged: what was left out or filled, with counts; notes: what else was decided.
    """

    source: str
    form: str
    track: Track
    fps: float
    fps_from: str
    channels: int
    value_range: tuple[float, float]
    bridged: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]

    @property
    def gaps(self) -> int:
        """Rows that were bridged, left out or put in order, and frames that are missing."""
        return sum(count for count, _ in self.bridged)

    @property
    def seconds(self) -> float:
        """How long it lasts, the last frame included."""
        return float(self.track.times[-1] - self.track.times[0]) + 1 / self.fps

    def summary(self) -> dict[str, Any]:
        """What `dnpm capture --json` prints."""
        return {
            "frames": len(self.track.times), "fps": round(self.fps, 3), "fps_from": self.fps_from,
            "channels": self.channels, "seconds": round(self.seconds, 4),
            "value_range": [round(value, 6) for value in self.value_range], "gaps": self.gaps,
        }  # fmt: skip

    def line(self) -> str:
        """The same in one line, with what was decided."""
        low, high = self.value_range
        gaps = ", ".join(f"{count} {what}" for count, what in self.bridged)
        parts = [
            f"{len(self.track.times)} frames at {self.fps:.5g} a second ({self.fps_from})", f"{self.seconds:.2f} s",
            f"{self.channels} of {_EXPRESSIONS} channels", f"values {low:.3g} to {high:.3g}",
            f"gaps: {gaps or 'none'}", *self.notes,
        ]  # fmt: skip
        return f"{self.source}: {self.form}; " + "; ".join(parts)

    def from_zero(self) -> Track:
        """Its track, counted from the first frame if its times are a time of day."""
        track = self.track
        return replace(track, times=track.times - track.times[0], clocked=False) if track.clocked else track


def read_capture(path: str | Path, fps: float | None = None, scale: float | None = None) -> Capture:
    """Read a file. fps: the rate, where the file leaves it open; scale: the value that is a full expression.

    Raises DnpmError that names the file, and the line where there is one, when it is no capture, when rate, order or
    scale cannot be told, or when they contradict what is given here.
    """
    for name, value in (("the rate that is given", fps), ("the scale that is given", scale)):
        if value is not None and not (np.isfinite(value) and 0 < value <= 1e6):
            raise DnpmError(f"{name}, {value:g}, must be above 0")
    name = inputs.shown_path(path)
    data = inputs.read_bytes(path, MOST_BYTES)
    with inputs.reading(path):
        try:
            return interpreted(_table(data, name), name, fps, scale)
        except NotACaptureError as error:  # A folder's other files are told by this class.
            raise NotACaptureError(f"{name}: {error}") from error


def read_open(path: str | Path, fps: float | None = None, scale: float | None = None) -> Capture:
    """As `read_capture`, of several files: what is given serves those that leave it open, and not the others."""
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
    """The captures of a folder by name, one a name (CSV before the others), read as by `read_open`: path and capture,
    or the reason why a file that is something else (a transcript, phones) is left out. wanted: which paths to look at.

    Raises DnpmError on a capture that cannot be read.
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
    if text.count("{") + text.count("[") > _MOST_JSON_PARTS:  # Each takes 64 bytes and more, however short it is.
        raise DnpmError(f"has more than {_MOST_JSON_PARTS:,} lists and objects: cut it in parts")
    if _LINES.match(text):  # JSON Lines: a frame a line.
        text = "[" + ",".join(line for line in text.splitlines() if line.strip()) + "]"
    return read_json(jsonfile.parse(text, name, constants=True))


def interpreted(table: Table, source: str, fps: float | None = None, scale: float | None = None) -> Capture:
    """Decide about a table's times, names and values. Raises DnpmError as `read_capture`, without the file's name."""
    if len(table.values) < 2:
        raise DnpmError(f"holds no track; two frames at least are needed, it has {len(table.values)}")
    if np.isinf(table.values).any():
        bad = int(np.flatnonzero(np.isinf(table.values).any(1))[0])
        raise DnpmError(f"{table.unit} {table.numbers[bad]}: holds numbers that are not finite")
    columns = columns_of(table.titles)
    if not columns.present[:_EXPRESSIONS].any():
        raise NotACaptureError("none of its columns has an ARKit name (jawOpen, eyeBlinkLeft, …)")
    unknown = [*columns.unknown, *columns_of(table.others).unknown]
    known = int(columns.present[:_EXPRESSIONS].sum())
    if known < _FEW and len(unknown) >= max(_FEW, 3 * known):  # FACS names of older Audio2Face, with one in common
        others = ", ".join(unknown[:_SHOWN])
        raise NotACaptureError(f"only {known} of its {known + len(unknown)} names are ARKit's; there are {others}, …")
    clock = clock_of(table, _same(table.values), fps)
    values = columns.gathered(table.values[clock.rows])
    there = values[:, columns.present]
    lost = ~np.isfinite(there).any(1) | lost_rows(there, there.shape[1])
    values[lost] = np.nan
    if lost.all():
        raise DnpmError("holds no face in any of its frames")
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
        notes.append(f"not understood: {', '.join(unknown[:_SHOWN])}{more}")
    inside = values[:, :_EXPRESSIONS][:, present[:_EXPRESSIONS]]
    counts = (
        (int(lost.sum()), "without a face"), (partly, "with empty values"), (clock.repeated, "repeated"),
        (clock.moved, "out of order"), (clock.missing, "missing"), (table.cut, "cut off"),
    )  # fmt: skip
    track = Track(
        clock.times, values[:, :_EXPRESSIONS].astype(np.float32),
        tuple(name for name, there in zip(ARKIT_NAMES, present, strict=False) if not there), rotations, clock.clocked,
    )  # fmt: skip
    return Capture(
        source, table.form, track, clock.fps, clock.how, int(present[:_EXPRESSIONS].sum()),
        (float(inside.min()), float(inside.max())), tuple(entry for entry in counts if entry[0]),
        tuple(note for note in notes if note),
    )  # fmt: skip


def _same(values: np.ndarray) -> np.ndarray:
    """(N,) bool: rows with the same values as the row before, empty ones included."""
    before, after = values[:-1], values[1:]
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.r_[False, equal.all(1)]
