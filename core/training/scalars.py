"""Figures of a training over its steps: a CSV file, and the same as TensorBoard reads them.

TensorBoard's event files are records (length, its checksum, bytes, their checksum) of protocol buffers of which four
fields are needed here; writing them takes a page, and spares a package that brings grpc and a web server with it.
Format: tensorflow/core/util/event.proto, tensorflow/core/lib/io/record_writer.h; checksums are masked CRC-32C.
"""

from __future__ import annotations

import csv
import io
import math
import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import DnpmError
from ..files import writing
from ..files.inputs import read_text, reading

CSV = "log.csv"
_MOST_LOG = 100_000_000


class ScalarLog:
    """Writes both; use it as a context manager. Columns are what the first call of `write` names."""

    def __init__(self, folder: Path, step: int) -> None:
        """step: where training stands. What the CSV has beyond it, of a run that was stopped hard, is taken out.

        Raises DnpmError when the folder cannot be written.
        """
        self._path = folder / CSV
        self._columns: list[str] = []
        writing.folder(folder)
        if self._path.is_file():
            self._columns = _shorten(self._path, step)
        # One file a run, as TensorBoard expects it: it puts them together by step.
        self._events = folder / f"events.out.tfevents.{int(time.time())}.{os.getpid()}.dnpm"
        writing.append_bytes(self._events, _record(_text(3, b"brain.Event:2")))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of a step; nan is left empty. Raises DnpmError when they have other names than the CSV's columns, or
        cannot be written."""
        if not self._columns:
            self._columns = ["step", *values]
            writing.append_text(self._path, _rows([self._columns]))
        if unknown := [name for name in values if name not in self._columns]:
            raise DnpmError(f"{self._path}: has no column {', '.join(unknown)}; use another folder, or delete the file")
        given = {name: f"{value:.6g}" for name, value in values.items() if not math.isnan(value)}
        writing.append_text(self._path, _rows([[step, *(given.get(c, "") for c in self._columns[1:])]]))
        events = b""
        for name, value in values.items():
            if math.isnan(value):
                continue
            summary = _text(1, _text(1, name.encode()) + struct.pack("<Bf", 2 << 3 | 5, value))
            events += _record(struct.pack("<B", 2 << 3) + _varint(step) + _text(5, summary))
        writing.append_bytes(self._events, events)

    def __enter__(self) -> ScalarLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Everything is on disk already."""


def crc32c(data: bytes) -> int:
    """CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _shorten(path: Path, step: int) -> list[str]:
    """Take out the rows beyond `step`; the columns' names."""
    again = "use another folder, or delete it"
    with reading(path, again):
        try:
            rows = list(csv.reader(io.StringIO(read_text(path, _MOST_LOG, again), newline="")))
        except csv.Error as error:
            raise DnpmError(f"is not a CSV file ({error})") from error
    if not rows or rows[0][:1] != ["step"]:
        raise DnpmError(f"{path}: is not the log of a training; {again}")
    with reading(path, again):
        kept = rows[:1] + [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) <= step]
    writing.write_text(path, _rows(kept))
    return rows[0]


def _rows(rows: list[list[Any]]) -> str:
    """As CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _record(event: bytes) -> bytes:
    body = struct.pack("<Bd", 1 << 3 | 1, time.time()) + event
    length = struct.pack("<Q", len(body))
    return length + _checksum(length) + body + _checksum(body)


def _checksum(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _text(field: int, content: bytes) -> bytes:
    return struct.pack("<B", field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
