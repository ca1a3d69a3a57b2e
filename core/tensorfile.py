"""Reads and writes safetensors files with numpy alone, because Blender's process has no safetensors package.

Format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, "__metadata__":
{str: str}}, then the tensors' bytes (https://huggingface.co/docs/safetensors). Nothing in such a file is ever run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .errors import DnpmError

_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"), "U8": np.dtype("u1"),
    "U16": np.dtype("<u2"), "BOOL": np.dtype("?"),
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_MAX_HEADER = 100_000_000


def load(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return (tensors, metadata) of a safetensors file; the arrays are read-only views of one buffer.

    Raises DnpmError when the file is missing, truncated, not of the format, or holds a number that is not finite.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        dtype, shape, begin = _entry(path, name, entry, len(data) - start)
        count = int(np.prod(shape, dtype=np.int64))
        tensors[name] = np.frombuffer(data, dtype, count, start + begin).reshape(shape)
        if dtype.kind == "f" and not _finite(tensors[name]):
            raise DnpmError(f"{path}: tensor {name!r} holds numbers that are not finite; fetch or build the file again")
    return tensors, metadata


def open_mapped(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return (tensors, metadata) as `load` does, but memory-mapped read-only: what is not looked at is never read.

    Raises DnpmError when the file is missing, truncated or not of the format; numbers are not looked at.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            head = start + file.read(min(int.from_bytes(start, "little"), _MAX_HEADER))
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    header, begin = _header(path, head)
    metadata = header.pop("__metadata__", {})
    tensors: dict[str, np.ndarray] = {}
    for name, entry in header.items():
        dtype, shape, offset = _entry(path, name, entry, size - begin)
        # An empty block cannot be mapped.
        empty = 0 in shape
        tensors[name] = np.zeros(shape, dtype) if empty else np.memmap(path, dtype, "r", begin + offset, shape)
    return tensors, metadata


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return a safetensors file's metadata without reading its tensors. Raises DnpmError as `load` does."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            head = start + file.read(min(int.from_bytes(start, "little"), _MAX_HEADER))
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    return _header(path, head)[0].get("__metadata__", {})


def save(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside its place, then rename it there: a stop half way leaves the old file whole."""
    path = Path(path)
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
    # Not tempfile's mkstemp: its files are for their owner alone, and so would be the finished one.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for array in arrays.values():
                file.write(array.tobytes())
        beside.replace(path)
    except OSError as error:
        raise DnpmError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):  # It is gone when all went well; in a folder that is none it never was.
            beside.unlink()


def sha256(path: str | os.PathLike[str]) -> str:
    """The file's SHA-256 in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(path: Path, data: bytes) -> tuple[dict, int]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > _MAX_HEADER or 8 + length > len(data):
        raise DnpmError(f"{path}: not a safetensors file, or truncated; fetch or build it again")
    try:
        header = json.loads(data[8 : 8 + length])
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
    except ValueError as error:
        raise DnpmError(f"{path}: not a safetensors file ({error}); fetch or build it again") from error
    return header, 8 + length


def _entry(path: Path, name: str, entry: dict, room: int) -> tuple[np.dtype, tuple[int, ...], int]:
    """A tensor's dtype, shape and first byte after the header, checked against the `room` bytes that are there."""
    try:
        dtype, shape = _DTYPES[entry["dtype"]], tuple(int(n) for n in entry["shape"])
        begin, end = (int(n) for n in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise DnpmError(f"{path}: tensor {name!r} is described wrongly; fetch or build the file again") from error
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if min(shape, default=0) < 0 or begin < 0 or end - begin != size or end > room:
        raise DnpmError(f"{path}: truncated or damaged at tensor {name!r}; fetch or build the file again")
    return dtype, shape, begin


def _finite(array: np.ndarray) -> bool:
    # A sum is finite only if every number is (overflow apart, so in double): no temporary the size of the file.
    return bool(np.isfinite(array.sum(dtype=np.float64))) or bool(np.isfinite(array).all())
