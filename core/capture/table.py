"""What the file readers return: named columns of numbers, one row per frame, and the time columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import DnpmError


class NotACaptureError(DnpmError):
    """The file may be valid, but is not a capture: a transcript, for example."""


@dataclass
class Column:
    """A column of times or frame numbers: its title and its cells as text ("" where empty)."""

    title: str
    cells: list[str] = field(default_factory=list)


@dataclass
class Table:
    """The rows of a file before they are interpreted.

    values: (N, C) float64 under `titles`, each one that `names.is_read`, NaN where there is no value;
    numbers: (N,) line or frame numbers for messages, counted in `unit`s; stamps: the time columns; rate: frames per
    second stated by the file under `rate_title`.
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
    """The columns are those of Live Link Face: a timecode and a count of 61 values."""
    cut: int = 0
    """Truncated rows at the end of the file, which were left out."""
    others: list[str] = field(default_factory=list)
    """Titles of the columns that were not read."""
    notes: list[str] = field(default_factory=list)
