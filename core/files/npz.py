"""Reads .npy and .npz files without ever running what they carry.

Plain arrays are read by numpy with pickles forbidden. Some published face models hold lists and dictionaries as
pickled 0-d objects; those are read by an unpickler that builds arrays of plain types itself and knows nothing else, so
that a file that names any other function is refused before anything of it is called.
"""

from __future__ import annotations

import math
import re
import tokenize
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DnpmError
from .inputs import DAMAGE, brief, one_line, opened, reading, reason_of, shown_path
from .pickles import BoundedUnpickler, leaves
from .zip_file import ZipInput

_MOST_BYTES = 1_800_000_000
"""Of one array: the core of FaceScape's model (52 expressions, 50 identities) has 821 MB in single precision."""
_MOST_LEAVES = 20_000_000
_CHUNK = 1 << 24


class _RefusedError(Exception):
    """A pickle wants more than arrays."""


class _DType:
    """Stands for a numpy.dtype while a pickle is read: plain numbers, text and objects, nothing with fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(
            r"[<>=|]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16)|O8?|[SU]\d{1,6})", code
        ):
            raise _RefusedError(f"it has an array of {brief(code)}")
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, size, alignment, flags): only the order is ours to take.
        order = state[1] if isinstance(state, tuple) and len(state) >= 5 else None
        if not isinstance(order, str) or order not in "<>=|" or any(part is not None for part in state[2:5]):
            raise _RefusedError("it has an array with fields")
        self.code = order + self.code.lstrip("<>=|")


class _Array:
    """Stands for a numpy.ndarray while a pickle is read, so that numpy's own __setstate__ never sees the file."""

    state: tuple | None = None

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        if kind is not _NDARRAY:
            raise _RefusedError("it rebuilds something that is not an array")

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def array(self, seen: dict[int, Any]) -> np.ndarray:
        if self.state is None:
            raise ValueError("an array without contents")
        _, shape, kind, fortran, data = self.state
        if not isinstance(kind, _DType):
            raise _RefusedError("it has an array of an unknown type")
        dtype = np.dtype(kind.code)
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array of an impossible shape")
        if dtype.hasobject:
            if not isinstance(data, list) or len(data) != math.prod(shape):
                raise ValueError("an object array's list does not fit its shape")
            flat = np.empty(len(data), object)
            for k, value in enumerate(data):
                flat[k] = _real(value, seen)
        else:
            flat = np.frombuffer(data, dtype).copy()
        return flat.reshape(shape, order="F" if fortran else "C")


class _Scalar:
    """Stands for a numpy scalar."""

    def __init__(self, kind: Any, data: Any) -> None:
        self.kind, self.data = kind, data

    def value(self) -> Any:
        if not isinstance(self.kind, _DType) or not isinstance(self.data, bytes):
            raise _RefusedError("it has a scalar of an unknown type")
        (value,) = np.frombuffer(self.data, np.dtype(self.kind.code))
        return value


def _real(value: Any, seen: dict[int, Any]) -> Any:
    """What was pickled, with arrays and scalars in the place of what stood for them; shared parts stay shared."""
    if not isinstance(value, (_Array, _Scalar, list, tuple, dict)):
        return value
    if id(value) in seen:
        return seen[id(value)]
    real: Any
    if isinstance(value, list):
        real = seen[id(value)] = []
        real.extend(_real(v, seen) for v in value)
    elif isinstance(value, dict):
        real = seen[id(value)] = {}
        real.update((_real(k, seen), _real(v, seen)) for k, v in value.items())
    elif isinstance(value, tuple):
        real = seen[id(value)] = tuple(_real(v, seen) for v in value)
    else:
        real = seen[id(value)] = value.array(seen) if isinstance(value, _Array) else value.value()
    return real


_NDARRAY = "ndarray"
# What a pickle may name, and what stands for it here: numpy's own constructors trust the state that they are given, so
# that a crafted dtype makes them take bytes for pointers. None of numpy's is called with anything of the file.
_STANDS_FOR: dict[tuple[str, str], Any] = {("numpy", "ndarray"): _NDARRAY, ("numpy", "dtype"): _DType}
for _core in ("core", "_core"):
    _STANDS_FOR[f"numpy.{_core}.multiarray", "_reconstruct"] = _Array
    _STANDS_FOR[f"numpy.{_core}.multiarray", "scalar"] = _Scalar


class _ArraysOnly(BoundedUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise _RefusedError(f"it wants to call {one_line(module, 80)}.{one_line(name, 80)}")
        return _STANDS_FOR[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("it refers to data outside of the file")


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
    try:
        value = _real(_ArraysOnly(stream, size).load(), {})
        if leaves(value) > _MOST_LEAVES:
            raise ValueError(f"more than {_MOST_LEAVES:,} entries, shared ones counted each time")
    except _RefusedError as error:
        raise DnpmError(
            f"{what} is a pickle that holds more than arrays ({error}) and is not opened, because it could run code; "
            "save that array again with numpy.save(..., allow_pickle=False) where you trust it"
        ) from error
    except MemoryError as error:
        raise DnpmError(f"{what} is a pickle that takes more memory than there is; fetch the file again") from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DnpmError(
            f"{what} is a damaged pickle ({type(error).__name__}: {one_line(error)}); fetch the file again"
        ) from error
    return value.item() if shape == () and isinstance(value, np.ndarray) else value
