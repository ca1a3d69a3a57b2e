"""Captures as delimited text (CSV, TSV): encoding, separator, decimal mark and damaged rows are detected."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Iterator

import numpy as np

from ..errors import DnpmError
from ..files.inputs import one_line
from .names import channel_of, is_read
from .stamps import kind_of
from .table import Column, NotACaptureError, Table

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_SEPARATORS = ",;\t|"
_TITLES_WITHIN = 30
"""Lines searched for the titles: some programs write a few lines about the recording first."""
_EMPTY = frozenset({"", "nan", "null", "none", "n/a", "na", "-"})
_MOST_DAMAGED = 0.5
_MOST_COLUMNS, _MOST_CHARACTERS, _MOST_ROWS = 4000, 100_000, 1_000_000
"""Per file, per line, per file: four hours at 60 frames per second are 864,000 rows."""
_LIVE_LINK_COUNT = 61


def decoded(data: bytes) -> str:
    """Text in the encoding given by its byte order mark or its zero bytes; else UTF-8, or Latin-1 if that fails.

    Raises DnpmError when it is not text.
    """
    mark, encoding = next((entry for entry in _MARKS if data.startswith(entry[0])), (b"", None))
    data = data[len(mark) :]
    if encoding is None:
        # Titles are ASCII: in UTF-16 every other byte is 0.
        begin = data[:4000]
        even, odd = begin[0::2].count(0), begin[1::2].count(0)
        if max(even, odd) > 0.4 * len(begin) / 2:
            encoding = "utf-16-le" if odd > even else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding in ("utf-16-le", "utf-16-be"):  # Truncated within a character.
            text = data.decode(encoding, "ignore")
        elif encoding is None:
            text = data.decode("latin-1")  # Other columns may have accents; ARKit names are ASCII.
        else:
            raise DnpmError(f"is not {encoding} text ({error.reason} at byte {error.start})") from error
    if "\0" in text:
        raise DnpmError("is not text (it contains zero bytes)")
    return text


class _Rows:
    """Collects the rows of a file."""

    def __init__(self, titles: list[str]) -> None:
        self.titles = titles
        self.channels = [k for k, title in enumerate(titles) if is_read(title)]
        self.places = [k for k, title in enumerate(titles) if kind_of(title) is not None]
        self.count = next((k for k, title in enumerate(titles) if title.lower() == "blendshapecount"), -1)
        self.stamps = [Column(titles[k]) for k in self.places]
        self.values: list[np.ndarray] = []
        self.numbers: list[int] = []
        self.sizes: list[int] = []
        self.damaged: list[int] = []

    def add(self, number: int, cells: list[str]) -> str:
        """Add a line, or return what is wrong with it."""
        if len(cells) < len(self.titles) or any(cells[len(self.titles) :]):
            row = np.full(len(self.channels), np.nan)
            if not (0 <= self.count == len(cells) - 1 and cells[self.count] == "0"):
                self.damaged.append(len(self.values))  # Otherwise a time and a count of 0: no face.
        else:
            row, wrong = self._values(cells)
            if wrong:
                return wrong
        self.values.append(row)
        self.numbers.append(number)
        size = cells[self.count] if 0 <= self.count < len(cells) else ""
        self.sizes.append(int(size) if size.isascii() and size.isdigit() and len(size) < 5 else -1)
        for column, place in zip(self.stamps, self.places, strict=True):
            column.cells.append(cells[place] if place < len(cells) else "")
        return ""

    def without_cut(self) -> int:
        """Remove a truncated last line, whose last number may be incomplete; return how many were removed."""
        if not self.damaged or self.damaged[-1] != len(self.values) - 1:
            return 0
        self.damaged.pop()
        self.values.pop()
        self.numbers.pop()
        self.sizes.pop()
        for column in self.stamps:
            column.cells.pop()
        return 1

    def table(self, cut: int) -> Table:
        cut += self.without_cut()
        if len(self.damaged) > _MOST_DAMAGED * len(self.values):
            raise DnpmError(
                f"line {self.numbers[self.damaged[0]]} and {len(self.damaged) - 1} more do not have one value for each "
                f"of the {len(self.titles)} names; are there decimal commas in a file that is separated by commas? "
                "Save it with semicolons"
            )
        values = np.array(self.values).reshape(len(self.values), len(self.channels))
        sizes = np.array(self.sizes)
        full = sizes[sizes > 0]
        if len(full):
            values[sizes == 0] = np.nan
        timecode = any(column.title.lower() == "timecode" for column in self.stamps)
        live_link = timecode and len(full) > 0 and bool(np.median(full) == _LIVE_LINK_COUNT)
        named = {*self.channels, *self.places}
        return Table(
            "Live Link Face CSV" if live_link else "CSV", [self.titles[k] for k in self.channels], values,
            np.array(self.numbers, np.int64), self.stamps, live_link=live_link, cut=cut,
            others=[title for k, title in enumerate(self.titles) if k not in named],
        )  # fmt: skip

    def _values(self, cells: list[str]) -> tuple[np.ndarray, str]:
        """The channels' values (NaN: missing), and what is wrong with them."""
        for mark in ".,":
            with contextlib.suppress(ValueError):
                return np.array([float(cells[k].replace(mark, ".")) for k in self.channels]), ""
        values = np.empty(len(self.channels))
        for k, place in enumerate(self.channels):
            number = _number(cells[place])
            if number is None:
                title = one_line(self.titles[place], 40)
                return values, f"{one_line(cells[place], 40)!r} is not a number (column {title})"
            values[k] = number
        return values, ""


def read_table(text: str) -> Table:
    """Raises DnpmError naming the line when the text is not a capture."""
    lines = _lines(text)
    separator, titles = _titles(lines)
    rows, problem = _Rows(titles), ""
    for number, line in lines:
        cells = _split(line, separator)
        if not any(cells):
            continue
        if problem:
            raise DnpmError(problem)
        if len(rows.values) == _MOST_ROWS:
            raise DnpmError(f"has more than {_MOST_ROWS:,} rows: split it")
        wrong = rows.add(number, cells)
        problem = f"line {number}: {wrong}" if wrong else ""  # Allowed in the last line only, which may be truncated.
    return rows.table(int(bool(problem)))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Non-empty lines with their numbers, from 1."""
    end = "\n" if "\n" in text else "\r"
    number, seen = 1, 0
    for match in re.finditer(r"[^\r\n]+", text):
        number += text.count(end, seen, match.start())
        seen = match.start()
        if match.end() - seen > _MOST_CHARACTERS:
            raise DnpmError(f"line {number}: has {match.end() - seen:,} characters, too many for a capture")
        yield number, match[0]


def _split(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except csv.Error as error:
        raise DnpmError(f"is not delimited text ({one_line(error)})") from error


def _titles(lines: Iterator[tuple[int, str]]) -> tuple[str, list[str]]:
    """The separator, and the first line in which it separates ARKit names."""
    first: list[str] | None = None
    for k, (_, line) in enumerate(lines):
        if k >= _TITLES_WITHIN:
            break
        splits = [(separator, _split(line, separator)) for separator in _SEPARATORS]
        if max(len(cells) for _, cells in splits) > _MOST_COLUMNS:
            raise DnpmError(f"has more than {_MOST_COLUMNS} columns")
        known = [sum(channel_of(cell) is not None for cell in cells) for _, cells in splits]
        if max(known) > 0:
            return splits[known.index(max(known))]
        first = first or max((cells for _, cells in splits), key=len)
    if first is None:
        raise DnpmError("is empty; a line of column names and at least two frames are needed")
    if sum(_number(cell) is not None for cell in first) > len(first) / 2:
        raise DnpmError("has no line of column names: add one above the numbers (jawOpen, eyeBlinkLeft, …)")
    raise NotACaptureError("none of its columns has an ARKit name (jawOpen, eyeBlinkLeft, …)")


def _number(cell: str) -> float | None:
    """A cell, also with a decimal comma or a percent sign; NaN where it is empty. None where it is not a number."""
    if cell.lower() in _EMPTY:
        return float("nan")
    try:
        return float(cell.removesuffix("%").replace(",", "."))
    except ValueError:
        return None
