"""Time cells as they are written: timecodes, clock times, seconds, milliseconds, frame numbers.

Cells are split into numbers here; `clock.py` decides from the whole column what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..files.inputs import one_line
from .table import Column

UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "micros": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanos": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
"""Seconds per unit, for units named in titles and cells."""
_CLOCK = re.compile(
    r"(?:time|timecode|smpte|tc|timestamp|elapsed|elapsedtime|clock|t|audioposition)?"
    rf"(?:in)?({'|'.join(sorted(UNITS, key=len, reverse=True))})?"
)
_FRAME = re.compile(r"frame(?:s|number|no|nr|num|index|idx|id|count)?|index|idx")
_BARE = re.compile(r"[^a-z0-9]")
_DATE = re.compile(r"^\d{4}-\d\d?-\d\d?[T ]\s*")
_ZONE = re.compile(r"\s*(?:Z|[+-]\d\d:?\d\d)$")
_FIELDS = re.compile(r"(\d{1,9})[:;](\d{1,9})(?:[:;](\d{1,9}))?(?:[:;](\d{1,9}))?(?:[.,](\d{1,12}))?$")
_NUMBER = re.compile(r"([+-]?(?:\d{1,25}(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)\s*([a-z]*)$")
_EMPTY = ("", "nan", "null", "none", "n/a", "na", "-")


@dataclass(frozen=True)
class Stamps:
    """A column's cells as numbers, NaN where a cell is empty.

    parts: 1 for plain numbers, else the number of fields separated by colons; fields: (N, parts), the last including
    its fraction; fraction: (N,) the digits after the decimal point as an integer; digits: the largest number of them;
    drop: a semicolon, which marks drop-frame timecode; unit: seconds per unit, where the title or the cells name one.
    """

    title: str
    parts: int
    fields: np.ndarray
    fraction: np.ndarray
    digits: int
    drop: bool
    unit: float | None
    frames: bool
    """The title names frame numbers."""

    @property
    def given(self) -> np.ndarray:
        """(N,) bool: cells that are not empty."""
        return np.isfinite(self.fields[:, 0])


def kind_of(title: str) -> str | None:
    """ "clock" or "frame" for the title of a time column, else None."""
    bare = _BARE.sub("", title.lower())
    if _FRAME.fullmatch(bare):
        return "frame"
    return "clock" if bare and _CLOCK.fullmatch(bare) else None


def unit_of(title: str) -> float | None:
    """Seconds per unit named in a title (`timestamp_ms`, `time (s)`, `seconds`), or None."""
    match = _CLOCK.fullmatch(_BARE.sub("", title.lower()))
    return UNITS[match[1]] if match and match[1] else None


def stamps_of(column: Column, numbers: np.ndarray, place: str = "line") -> Stamps:
    """Raises DnpmError naming the row when a cell is not a time, or has another form than the cells before it."""
    count = len(column.cells)
    fields, fraction = np.full((count, 4), np.nan), np.zeros(count)
    parts = digits = 0
    drop, unit = False, unit_of(column.title)
    for row, cell in enumerate(column.cells):
        text = _ZONE.sub("", _DATE.sub("", cell.strip().strip("'\"").strip()))
        if text.lower() in _EMPTY:
            continue
        found = _parsed(text)
        if found is None or (parts and len(found.values) != parts):
            other = "" if found is None else " of the same form as those before"
            raise DnpmError(
                f"{place} {numbers[row]}: {one_line(cell, 40)!r} is not a time{other}; supported are seconds, "
                "milliseconds, frame numbers, HH:MM:SS.mmm and timecodes HH:MM:SS:FF"
            )
        parts = len(found.values)
        fields[row, :parts] = found.values
        fraction[row] = int(found.fraction or 0)
        digits = max(digits, len(found.fraction))
        drop = drop or found.drop
        unit = unit or found.unit
    return Stamps(
        column.title, parts, fields[:, : max(parts, 1)], fraction, digits, drop, unit, kind_of(column.title) == "frame"
    )


@dataclass(frozen=True)
class _Cell:
    values: tuple[float, ...]
    fraction: str = ""
    drop: bool = False
    unit: float | None = None


def _parsed(text: str) -> _Cell | None:
    match = _FIELDS.match(text)
    if match:
        values = [float(part) for part in match.groups()[:4] if part is not None]
        fraction = match[5] or ""
        if fraction:
            values[-1] += float(f"0.{fraction}")
        return _Cell(tuple(values), fraction, ";" in text)
    match = _NUMBER.match(text.lower())
    if match is None or (match[2] and match[2] not in UNITS):
        return None
    number = match[1].replace(",", ".")
    fraction = number.split("e")[0].partition(".")[2][:12]
    return _Cell((float(number),), fraction, unit=UNITS[match[2]] if match[2] else None)
