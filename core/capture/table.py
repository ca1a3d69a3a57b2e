"""What the readers of files hand on: named columns of numbers, a row a frame, and whatever is said about time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import DnpmError


class NotACaptureError(DnpmError):
    """The file may be sound, but it is something else than a capture: a transcript, say."""


@dataclass
class Column:
    """A column of times or frame numbers: its title, and its cells as they are written ("" where one is empty)."""

    title: str
    cells: list[str] = field(default_factory=list)


@dataclass
class Table:
    """A file's rows before anything is decided about them.

    values: (N, C) float64 under `titles`, each a channel that `names.channel_of` knows, NaN where there is no value;
    numbers: (N,) for messages, where a row stands in the file, counted in `unit`s; stamps: the columns of time; rate:
    frames a second as the file states it under `rate_title`.
    """

    form: str
    titles: list[str]
    values: np.ndarray
    numbers: np.ndarray
    stamps: list[Column] = field(default_factory=list)
    unit: str = "line"
    rate: float | None = None
    rate_title: str = ""
    live_link: bool = False
    """Its columns are Live Link Face's: a timecode, and a count of 61 values."""
    cut: int = 0
    """Rows that broke off at the file's end, and were left out."""
    others: list[str] = field(default_factory=list)
    """Titles of columns that are not handed on."""
    notes: list[str] = field(default_factory=list)
