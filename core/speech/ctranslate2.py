"""Reads CTranslate2's model.bin (format versions 5 and 6), numbers alone: nothing in such a file is ever run.

The layout, little-endian (CTranslate2, src/models/model.cc; this reader is written from the format):

    u32 format version, text specification's name, u32 its revision, u32 number of variables
    each variable: text name, u8 rank, u32 x rank dimensions, u8 type (0 float32, 1 int8, 2 int16, 3 int32, 4 float16,
                   5 bfloat16), u32 bytes, the numbers
    u32 number of aliases, each: text alias, text variable
    text: u16 length with its closing zero, UTF-8
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..files.inputs import read_bytes, reason_of, shown_path

_VERSIONS = (5, 6)
_TYPES: dict[int, str] = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_MOST_VARIABLES, _MOST_RANK = 100_000, 8
MOST_BYTES = 1_000_000_000
"""Whisper base has 75 MB."""


@dataclass(frozen=True)
class Model:
    """What a file holds: the specification's name ("WhisperSpec") and its variables by name, aliases included."""

    specification: str
    revision: int
    variables: dict[str, np.ndarray]


def read(path: Path) -> Model:
    """Read a model.bin. Raises DnpmError when it is missing, truncated, of another format, or not finite."""
    return parse(read_bytes(path, MOST_BYTES), shown_path(path))


def parse(data: bytes, name: str) -> Model:
    """The file's bytes; name: in messages."""
    reader = _Reader(data)
    try:
        version = reader.number("I")
        if version not in _VERSIONS:
            raise ValueError(f"format version {version}, known are {_VERSIONS}")
        specification, revision = reader.text(), reader.number("I")
        variables: dict[str, np.ndarray] = {}
        for _ in range(reader.count()):
            variable, array = reader.variable()
            variables[variable] = array
        for _ in range(reader.count()):
            alias, target = reader.text(), reader.text()
            variables[alias] = variables[target]
        if reader.place != len(data):
            raise ValueError(f"{len(data) - reader.place} bytes too many")
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise DnpmError(
            f"{name}: is not a CTranslate2 model, or damaged ({reason_of(error)}); install its package again"
        ) from error
    for variable, array in variables.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DnpmError(f"{name}: {variable} holds numbers that are not finite; install its package again")
    return Model(specification, revision, variables)


class _Reader:
    """Goes through the bytes; every size is checked before it is believed."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from("<" + kind, self.data, self.place)
        self.place += struct.calcsize("<" + kind)
        return int(value)

    def count(self) -> int:
        value = self.number("I")
        if value > _MOST_VARIABLES:
            raise ValueError(f"{value} variables")
        return value

    def text(self) -> str:
        raw = self._bytes(self.number("H"))
        return raw.rstrip(b"\0").decode()

    def variable(self) -> tuple[str, np.ndarray]:
        name, rank = self.text(), self.number("B")
        if rank > _MOST_RANK:
            raise ValueError(f"{name} has {rank} dimensions")
        shape = [self.number("I") for _ in range(rank)]
        kind, size = self.number("B"), self.number("I")
        if kind not in _TYPES:
            raise ValueError(f"{name} has the unknown type {kind}")
        dtype = np.dtype(_TYPES[kind])
        # Python's own integers: a product of sizes made up to overflow stays as large as it is.
        wanted = dtype.itemsize
        for n in shape:
            wanted *= n
        if wanted != size:
            raise ValueError(f"{name} has {size} bytes for the shape {tuple(shape)}")
        return name, np.frombuffer(self._bytes(size), dtype).reshape(shape)

    def _bytes(self, size: int) -> bytes:
        if self.place + size > len(self.data):
            raise ValueError("it ends early")
        self.place += size
        return self.data[self.place - size : self.place]
