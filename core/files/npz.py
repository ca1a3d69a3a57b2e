"""Reads .npy and .npz files without ever running what they carry.

Plain arrays are read by numpy with pickles forbidden. Some published face models hold lists and dictionaries as
pickled 0-d objects; those are read by `array_pickles`, which refuses all that is not an array.
"""

from __future__ import annotations

import math
import tokenize
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DnpmError
from .array_pickles import unpickled
from .inputs import DAMAGE, brief, one_line, opened, reading, reason_of, shown_path
from .zip_file import ZipInput

_MOST_BYTES = 1_800_000_000
"""Of one array: the core of FaceScape's model (52 expressions, 50 identities) has 821 MB in single precision."""
_CHUNK = 1 << 24


class ArrayFile:
    """An .npz file whose arrays are read when they are asked for; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._zip = ZipInput(self.path, "an .npz file", 2 * _MOST_BYTES)
        self._sizes = {n.removesuffix(".npy"): size for n, size in self._zip.sizes.items() if n.endswith(".npy")}
        self.names = set(self._sizes)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def get(self, name: str) -> Any:
        """The array of that name (an object that was pickled comes as the list, dictionary or array that it was).

        Raises DnpmError when it is missing, damaged, too large, or a pickle that holds more than arrays.
        """
        if name not in self.names:
            known = one_line(", ".join(sorted(self.names)[:20]))
            raise DnpmError(f"{shown_path(self.path)}: has no array {name!r}; it has {known}")
        with self._zip.open(name + ".npy") as stream:
            return _read(stream, self._sizes[name], f"{shown_path(self.path)}: array {name!r}", self.path)


def load_array(path: Path) -> np.ndarray:
    """A plain .npy file. Raises DnpmError when it is missing, damaged, too large or not an array of numbers."""
    with opened(path, _MOST_BYTES) as file:
        size = file.seek(0, 2)
        file.seek(0)
        return np.asarray(_read(file, size, shown_path(path), path))


def load_dictionary(path: Path) -> dict[str, Any]:
    """An .npy file into which one dictionary was pickled. Raises DnpmError as `load_array`, and when it holds none."""
    with opened(path, _MOST_BYTES) as file:
        size = file.seek(0, 2)
        file.seek(0)
        value = _read(file, size, shown_path(path), path)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DnpmError(f"{shown_path(path)}: holds {brief(value)}, not a dictionary of arrays")
    return value


def _read(stream: IO[bytes], size: int, what: str, path: Path) -> Any:
    """An .npy stream of `size` bytes -> the array, or the object that was pickled into it. `what` names it in errors.

    The header's shape and type are compared with the size before any room is made.
    """
    with reading(path, "fetch the file again"):
        try:
            shape, fortran, dtype, begin = _header(stream)
        except (*DAMAGE, tokenize.TokenError, MemoryError) as error:
            raise DnpmError(f"{what} is not an array, or a truncated one ({reason_of(error)})") from error
        if dtype.hasobject:
            return _unpickled(stream, size - begin, shape, what)
        if dtype.kind not in "biufcSU" or not dtype.itemsize:
            raise DnpmError(f"{what} has the type {one_line(dtype, 60)}; only arrays of plain numbers are read")
        count = math.prod(shape)
        if count * dtype.itemsize > min(size - begin, _MOST_BYTES):
            raise DnpmError(
                f"{what} says that it is {dtype} {brief(shape)}, but holds {size - begin:,} bytes (at most "
                f"{_MOST_BYTES:,} are read): it is truncated, damaged or too large"
            )
        array = np.empty(count, dtype)
        into, at = array.view(np.uint8) if count else np.empty(0, np.uint8), 0
        while at < len(into):
            piece = stream.read(min(_CHUNK, len(into) - at))
            if not piece:
                raise DnpmError(f"{what} is truncated")
            into[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)
        return array.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether in Fortran's order, type, and where the numbers begin."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format version {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Files of Python 2 are read, with a warning that says nothing to a user.
        shape, fortran, dtype = readers[version](stream)
    if not all(type(n) is int and 0 <= n < 2**48 for n in shape) or len(shape) > 16:
        raise ValueError(f"the impossible shape {brief(shape)}")
    if math.prod(n or 1 for n in shape) >= 2**48:
        raise ValueError(f"the impossible shape {brief(shape)}")
    return shape, bool(fortran), dtype, stream.tell()


def _unpickled(stream: IO[bytes], size: int, shape: tuple[int, ...], what: str) -> Any:
    remedy = "save that array again with numpy.save(..., allow_pickle=False) where you trust it"
    value = unpickled(stream, size, what, remedy)
    return value.item() if shape == () and isinstance(value, np.ndarray) else value
