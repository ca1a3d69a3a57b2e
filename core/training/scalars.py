"""Figures of a training over its steps: a CSV file, and TensorBoard's log beside it where that package is installed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import logs
from ..errors import DnpmError
from ..files import writing
from ..files.inputs import read_text, reading

log = logs.logger(__name__)

CSV = "log.csv"
_MOST_LOG = 100_000_000
_told: list[str] = []
"""What was said of TensorBoard already."""


class ScalarLog:
    """Writes both; use it as a context manager. The CSV gets a column for every name that `write` was given."""

    def __init__(self, folder: Path, step: int) -> None:
        """step: where training stands. What the log has beyond it, of a run that was stopped hard, is taken out.

        Raises DnpmError when the folder cannot be written.
        """
        self._path = folder / CSV
        self._columns: list[str] = []
        writing.folder(folder)
        if self._path.is_file():
            self._columns = _shorten(self._path, step)
        self._begin, self._opened = step, False
        self._events: Any = None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of a step; nan is left empty. Raises DnpmError when they cannot be written."""
        if new := [name for name in values if name not in self._columns]:
            self._widen(new)
        given = {name: f"{value:.6g}" for name, value in values.items() if not math.isnan(value)}
        writing.append_text(self._path, _text([[step, *(given.get(c, "") for c in self._columns[1:])]]))
        if not self._opened:  # After the CSV: a folder that cannot be written is named by the file one knows.
            self._events, self._opened = _event_writer(self._path.parent, self._begin), True
        if self._events is not None:
            try:  # What cannot be written is said of the CSV beside it: an event file's name tells a person nothing.
                for name, value in values.items():
                    if not math.isnan(value):
                        self._events.add_scalar(name, value, step)
            except OSError as error:
                raise writing.cannot_write(self._path, error) from error

    def __enter__(self) -> ScalarLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """The CSV is on disk already; TensorBoard's writer has some rows in memory."""
        if self._events is not None:
            try:
                self._events.close()
            except OSError as error:
                if value is None:
                    raise writing.cannot_write(self._path, error) from error

    def _widen(self, new: list[str]) -> None:
        """Add columns; rows before have nothing in them."""
        old = _rows(self._path)[1:] if self._columns else []
        self._columns = [*(self._columns or ["step"]), *new]
        width = len(self._columns)
        writing.write_text(self._path, _text([self._columns, *(row + [""] * (width - len(row)) for row in old)]))


def read_log(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Column -> its (step, value) points. Raises DnpmError when the file is not the log of a training."""
    header, *rows = _rows(path)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in header[1:]}
    with reading(path, "use another folder, or delete it"):
        for row in rows:
            for name, value in zip(header[1:], row[1:], strict=True):
                if value:
                    found[name].append((int(row[0]), float(value)))
    return found


def _event_writer(folder: Path, step: int) -> Any:
    """TensorBoard's writer; None without the package, which is said once."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        if not _told:
            _told.append("missing")
            log.info("figures go to %s alone: TensorBoard's log needs `pip install tensorboard`", CSV)
        return None
    try:
        # Events from `purge_step` on, of a run that was stopped hard, are hidden by TensorBoard.
        return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
    except OSError as error:
        raise writing.cannot_write(folder, error) from error


def _rows(path: Path) -> list[list[str]]:
    again = "use another folder, or delete it"
    with reading(path, again):
        try:
            rows = list(csv.reader(io.StringIO(read_text(path, _MOST_LOG, again), newline="")))
        except csv.Error as error:
            raise DnpmError(f"is not a CSV file ({error})") from error
    if not rows or rows[0][:1] != ["step"]:
        raise DnpmError(f"{path}: is not the log of a training; {again}")
    return rows


def _shorten(path: Path, step: int) -> list[str]:
    """Take out the rows beyond `step`; the columns' names."""
    rows = _rows(path)
    with reading(path, "use another folder, or delete it"):
        kept = rows[:1] + [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) <= step]
    writing.write_text(path, _text(kept))
    return rows[0]


def _text(rows: list[list[Any]]) -> str:
    """As CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
