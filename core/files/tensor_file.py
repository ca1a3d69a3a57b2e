"""Reads and writes safetensors files with numpy alone, because Blender's process has no safetensors package.

Format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, "__metadata__":
{str: str}}, then the tensors' bytes (https://huggingface.co/docs/safetensors). Nothing in such a file is ever run, and
nothing that its header says is believed before it was compared with the file's size.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ..errors import DnpmError
from . import json_file, writing
from .inputs import brief, one_line, opened, shown_path

_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"), "U8": np.dtype("u1"),
    "U16": np.dtype("<u2"), "BOOL": np.dtype("?"),
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_AGAIN = "fetch or build the file again"
_MAX_HEADER, _MAX_RANK = json_file.MOST_BYTES, 16
_MAPPED_FROM = 1 << 30
"""Bytes from which on `load` maps a file into memory in place of reading it."""
_CHUNK = 1 << 24
_EXPONENT_16 = np.uint16(0x7C00)


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies: numbers of `dtype` and `shape` from byte `begin` of the file on."""

    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return (tensors, metadata) of a safetensors file; the arrays are read-only views of one buffer, which of a file
    of more than a gigabyte is the file itself, memory-mapped.

    Raises DnpmError when the file is missing, not a regular file, truncated, not of the format, or holds a number that
    is not finite.
    """
    with opened(path) as file:
        entries, metadata, size = _read_header(path, file)
        if size >= _MAPPED_FROM:
            for name, entry in entries.items():
                _check_finite(path, name, _finite_in(file, entry))
            return _mapped(file, entries), metadata
        file.seek(0)
        data = file.read(size)
    if len(data) != size:
        raise DnpmError(f"{shown_path(path)}: truncated while it was read; {_AGAIN}")
    tensors = _views(data, entries)
    for name, array in tensors.items():
        _check_finite(path, name, array.dtype.kind != "f" or _finite(array))
    return tensors, metadata


def open_mapped(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return (tensors, metadata) as `load` does, but memory-mapped read-only: what is not looked at is never read.

    Raises DnpmError as `load` does; but numbers are not looked at.
    """
    with opened(path) as file:
        entries, metadata, _ = _read_header(path, file)
        return _mapped(file, entries), metadata


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return a safetensors file's metadata without reading its tensors. Raises DnpmError as `load` does."""
    with opened(path) as file:
        return _read_header(path, file)[1]


def metadata_json(path: str | os.PathLike[str], metadata: Mapping[str, str], key: str, again: str = _AGAIN) -> Any:
    """The JSON value that an entry of a file's metadata holds. Raises DnpmError when it is missing or is not JSON."""
    if key not in metadata:
        raise DnpmError(f"{shown_path(path)}: its metadata lacks {key!r}; {again}")
    return json_file.parse(metadata[key], f"{shown_path(path)}: its metadata's {key!r}", again)


def save(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside its place, then rename it there: a stop half way leaves the old file whole.

    Folders that are missing are made. Raises DnpmError when it cannot be written.
    """
    with writing.writing(path, make_folder=True) as beside, beside.open("xb") as file:
        write(file, tensors, metadata)


def write(file: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write the format to an open file. Raises OSError."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    for name, array in arrays.items():
        # numpy makes a (1,) of a () here: the shape is the caller's.
        shape = list(np.shape(tensors[name]))
        header[name] = {"dtype": _NAMES[array.dtype], "shape": shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for array in arrays.values():
        file.write(array.tobytes())


def sha256(path: str | os.PathLike[str]) -> str:
    """The file's SHA-256 in hex. Raises DnpmError when it is not a regular file, or cannot be read."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_header(path: str | os.PathLike[str], file: BinaryIO) -> tuple[dict[str, _Entry], dict[str, str], int]:
    """An opened file's tensors by name, its metadata, and its size in bytes."""
    name, size = shown_path(path), os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(_MAX_HEADER, size - 8):
        raise DnpmError(f"{name}: not a safetensors file, or truncated; {_AGAIN}")
    header = json_file.parse(file.read(length), f"{name}: the header", _AGAIN)
    if not isinstance(header, dict):
        raise DnpmError(f"{name}: not a safetensors file (the header is not a JSON object); {_AGAIN}")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise DnpmError(f"{name}: the header's __metadata__ must map names to texts, is {brief(metadata)}; {_AGAIN}")
    entries = {key: _entry(name, key, value, 8 + length, size) for key, value in header.items()}
    at = 0
    for key, entry in sorted(entries.items(), key=lambda item: item[1].begin):
        if entry.count and entry.begin < at:
            raise DnpmError(f"{name}: tensor {one_line(key, 60)!r} overlaps another one; {_AGAIN}")
        at = max(at, entry.begin + entry.count * entry.dtype.itemsize)
    return entries, metadata, size


def _entry(name: str, key: str, value: object, start: int, size: int) -> _Entry:
    """A tensor's description, checked against the file's size; `start`: where the tensors' bytes begin."""
    tensor = f"{name}: tensor {one_line(key, 60)!r}"
    if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= value.keys():
        raise DnpmError(f"{tensor} is described wrongly; {_AGAIN}")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise DnpmError(f"{tensor} has the type {brief(dtype)}, known are {', '.join(_DTYPES)}; {_AGAIN}")
    if not isinstance(shape, list) or len(shape) > _MAX_RANK or not all(json_file.is_whole(n, 0) for n in shape):
        raise DnpmError(f"{tensor} must have a shape of at most {_MAX_RANK} sizes, has {brief(shape)}; {_AGAIN}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(json_file.is_whole(n, 0) for n in offsets):
        raise DnpmError(f"{tensor} must have two data_offsets, has {brief(offsets)}; {_AGAIN}")
    entry = _Entry(_DTYPES[dtype], tuple(shape), start + offsets[0])
    # Python's own integers: a product of sizes that is made up to overflow stays as large as it is.
    if offsets[1] - offsets[0] != entry.count * entry.dtype.itemsize or start + offsets[1] > size:
        raise DnpmError(f"{name}: truncated or damaged at tensor {one_line(key, 60)!r}; {_AGAIN}")
    if math.prod(n or 1 for n in shape) >= 2**48:  # Beside a size of 0 nothing else bounds the others.
        raise DnpmError(f"{tensor} has the impossible shape {brief(shape)}; {_AGAIN}")
    return entry


def _views(data: bytes | mmap.mmap, entries: Mapping[str, _Entry]) -> dict[str, np.ndarray]:
    return {
        name: np.frombuffer(data, e.dtype, e.count, e.begin).reshape(e.shape) if e.count else np.zeros(e.shape, e.dtype)
        for name, e in entries.items()
    }


def _mapped(file: BinaryIO, entries: Mapping[str, _Entry]) -> dict[str, np.ndarray]:
    """One mapping for all tensors; it ends with the last of the arrays."""
    return _views(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), entries)


def _check_finite(path: str | os.PathLike[str], name: str, finite: bool) -> None:
    if not finite:
        raise DnpmError(
            f"{shown_path(path)}: tensor {one_line(name, 60)!r} holds numbers that are not finite; {_AGAIN}"
        )


def _finite(array: np.ndarray) -> bool:
    # A sum is finite only if every number is (overflow apart, so in double): no temporary the size of the file.
    if array.dtype == np.float16 and array.flags.c_contiguous:
        # Processors add these slowly. One is infinite or no number if all bits of its exponent are set.
        bits = array.reshape(-1).view(np.uint16)
        pieces = (bits[at : at + _CHUNK] for at in range(0, len(bits), _CHUNK))
        return not any(((piece & _EXPONENT_16) == _EXPONENT_16).any() for piece in pieces)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum(dtype=np.float64))) or bool(np.isfinite(array).all())


def _finite_in(file: BinaryIO, entry: _Entry) -> bool:
    """The same of a tensor that is not in memory, read a piece at a time."""
    if entry.dtype.kind != "f":
        return True
    file.seek(entry.begin)
    left = entry.count * entry.dtype.itemsize
    while left:
        piece = file.read(min(left, _CHUNK))
        if not piece or not _finite(np.frombuffer(piece, entry.dtype)):
            return False
        left -= len(piece)
    return True
