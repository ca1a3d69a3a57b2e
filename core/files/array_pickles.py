"""Pickles of arrays, read without ever running what they carry.

Some published face models hold lists and dictionaries as pickles: inside of .npy and .npz files, or as .pkl. They are
read by an unpickler that builds arrays of plain types itself and knows nothing else, so that a file that names any
other function is refused before anything of it is called. FLAME's .pkl was written by Python 2 and holds a sparse
matrix of SciPy and arrays wrapped by chumpy (https://github.com/mattloper/chumpy): both are taken for the numbers that
they hold, and neither package is needed.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DnpmError
from .inputs import brief, one_line, opened, reading, shown_path
from .pickles import BoundedUnpickler, check_key, leaves
from .sealed import Frozen, RefusedError, Stand

_MOST_LEAVES = 20_000_000


class _DType(metaclass=Frozen):
    """Stands for a numpy.dtype: plain numbers, text and objects, nothing with fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(
            r"[<>=|]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16)|O8?|[SU]\d{1,6})", code
        ):
            raise RefusedError(f"it has an array of {brief(code)}")
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, size, alignment, flags): only the order is ours to take.
        order = state[1] if isinstance(state, tuple) and len(state) >= 5 else None
        if not isinstance(order, str) or order not in "<>=|" or any(part is not None for part in state[2:5]):
            raise RefusedError("it has an array with fields")
        self.code = order + self.code.lstrip("<>=|")


class _Array(metaclass=Frozen):
    """Stands for a numpy.ndarray, so that numpy's own __setstate__ never sees the file."""

    state: tuple | None = None

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        if kind is not _NDARRAY:
            raise RefusedError("it rebuilds something that is not an array")

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def value(self, making: _Making) -> np.ndarray:
        if self.state is None:
            raise ValueError("an array without contents")
        _, shape, kind, fortran, data = self.state
        if not isinstance(kind, _DType):
            raise RefusedError("it has an array of an unknown type")
        dtype = np.dtype(kind.code)
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array of an impossible shape")
        if dtype.hasobject:
            if not isinstance(data, list) or len(data) != math.prod(shape):
                raise ValueError("an object array's list does not fit its shape")
            flat = np.empty(len(data), object)
            for k, value in enumerate(data):
                flat[k] = making.of(value)
        else:
            raw = np.frombuffer(_bytes(data), dtype)
            making.take(raw.nbytes)
            flat = raw.copy()
        return flat.reshape(shape, order="F" if fortran else "C")


class _Scalar(metaclass=Frozen):
    """Stands for a numpy scalar."""

    def __init__(self, kind: Any, data: Any) -> None:
        self.kind, self.data = kind, data

    def value(self, _: _Making) -> Any:
        data = _bytes(self.data)
        if not isinstance(self.kind, _DType) or not isinstance(data, bytes):
            raise RefusedError("it has a scalar of an unknown type")
        (value,) = np.frombuffer(data, np.dtype(self.kind.code))
        return value


class _Wrapped(metaclass=Frozen):
    """Stands for an object that is its dictionary of attributes."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def __new__(cls, *_: Any) -> _Wrapped:
        made = object.__new__(cls)
        made.state = {}
        return made

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise ValueError("an object without its attributes")
        self.state = state

    def value(self, making: _Making) -> Any:
        raise NotImplementedError


class _Chumpy(_Wrapped):
    """Stands for chumpy's Ch: a plain one holds its array as `x`; what else it remembers is for derivatives."""

    def value(self, making: _Making) -> Any:
        if "x" not in self.state:
            raise ValueError("a chumpy array without its numbers")
        return making.of(self.state["x"])


class _Columns(_Wrapped):
    """Stands for SciPy's csc_matrix; the dense (rows, columns) array is made of it."""

    is_by_row = False

    def value(self, making: _Making) -> np.ndarray:
        shape = self.state.get("_shape", self.state.get("shape"))
        starts, indices, data = (making.of(self.state.get(name)) for name in ("indptr", "indices", "data"))
        if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("a sparse matrix of an impossible shape")
        arrays = all(isinstance(part, np.ndarray) and part.ndim == 1 for part in (starts, indices, data))
        major, minor = shape if self.is_by_row else shape[::-1]
        if (
            not arrays
            or starts.dtype.kind not in "iu"
            or indices.dtype.kind not in "iu"
            or data.dtype.kind not in "fiu"
        ):
            raise ValueError("a sparse matrix that is not made of arrays")
        fits = len(starts) == major + 1 and len(indices) == len(data) == int(starts[-1]) and int(starts[0]) == 0
        counts = np.diff(starts.astype(np.int64))
        if not fits or counts.min(initial=0) < 0 or indices.min(initial=0) < 0 or indices.max(initial=-1) >= minor:
            raise ValueError("a sparse matrix that reaches beyond itself")
        making.take(math.prod(shape) * data.itemsize)
        dense = np.zeros((major, minor), data.dtype)
        np.add.at(dense, (np.repeat(np.arange(major), counts), indices), data)
        return dense if self.is_by_row else np.ascontiguousarray(dense.T)


class _Rows(_Columns):
    """Stands for SciPy's csr_matrix."""

    is_by_row = True


def _bytes(data: Any) -> Any:
    """Python 2 wrote bytes as text, which is read as Latin-1."""
    return data.encode("latin-1") if isinstance(data, str) else data


def _from_buffer(data: Any = None, kind: Any = None, shape: Any = None, order: Any = "C", *_: Any) -> _Array:
    """Stands for numpy's _frombuffer, by which protocol 5 writes arrays."""
    made = _Array(_NDARRAY, None, None)
    made.state = (1, shape, kind, order == "F", data)
    return made


def _rebuilt(kind: Any = None, base: Any = None, state: Any = None) -> Any:
    """Stands for `copyreg._reconstructor`, by which Python 2 wrote objects."""
    if kind not in (_Chumpy, _Columns, _Rows):
        raise RefusedError("it rebuilds something that is not an array")
    return kind()


def _members(values: Any = ()) -> frozenset[Any]:
    """Stands for `set`."""
    if not isinstance(values, list | tuple):
        raise ValueError("a set that is not made of a list")
    for value in values:
        check_key(value)
    return frozenset(values)


def _text_bytes(text: Any = None, encoding: Any = None) -> bytes:
    """Stands for `_codecs.encode`, by which Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedError(f"it wants to encode by {brief(encoding)}")
    return text.encode("latin-1")


_STANDS = (_Array, _Scalar, _Wrapped)


class _Making:
    """Puts arrays and scalars in the place of what stood for them; shared parts stay shared."""

    def __init__(self, size: int) -> None:
        """size: of the file; arrays that share their bytes in it may not take many times that."""
        self._seen: dict[int, Any] = {}
        self._left = 4 * size + (1 << 26)

    def of(self, value: Any) -> Any:
        if not isinstance(value, (*_STANDS, list, tuple, dict)):
            return value
        if id(value) in self._seen:
            return self._seen[id(value)]
        made: Any
        if isinstance(value, list):
            made = self._seen[id(value)] = []
            made.extend(self.of(v) for v in value)
        elif isinstance(value, dict):
            made = self._seen[id(value)] = {}
            made.update((self.of(k), self.of(v)) for k, v in value.items())
        elif isinstance(value, tuple):
            made = self._seen[id(value)] = tuple(self.of(v) for v in value)
        else:
            made = self._seen[id(value)] = value.value(self)
        return made

    def take(self, count: int) -> None:
        """Count bytes before they are made. Raises ValueError when all of them are too many."""
        self._left -= count
        if self._left < 0:
            raise ValueError("it makes several times more than the file holds")


_NDARRAY = "ndarray"
# What a pickle may name, and what stands for it here: numpy's own constructors trust the state that they are given, so
# that a crafted dtype makes them take bytes for pointers. None of numpy's is called with anything of the file.
_STANDS_FOR: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY, ("numpy", "dtype"): _DType, ("chumpy.ch", "Ch"): _Chumpy, ("chumpy", "Ch"): _Chumpy,
    ("copyreg", "_reconstructor"): Stand(_rebuilt), ("copy_reg", "_reconstructor"): Stand(_rebuilt),
    ("_codecs", "encode"): Stand(_text_bytes),
}  # fmt: skip
for _core in ("core", "_core"):
    _STANDS_FOR[f"numpy.{_core}.multiarray", "_reconstruct"] = _Array
    _STANDS_FOR[f"numpy.{_core}.multiarray", "scalar"] = _Scalar
    _STANDS_FOR[f"numpy.{_core}.numeric", "_frombuffer"] = Stand(_from_buffer)
for _kind, _stand in (("csc", _Columns), ("csr", _Rows)):
    for _module in (f"scipy.sparse.{_kind}", f"scipy.sparse._{_kind}", "scipy.sparse"):
        _STANDS_FOR[_module, f"{_kind}_matrix"] = _stand
for _module in ("builtins", "__builtin__"):
    _STANDS_FOR[_module, "object"] = "object"
    _STANDS_FOR[_module, "set"] = Stand(_members)


class _ArraysOnly(BoundedUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise RefusedError(f"it wants to call {one_line(module, 80)}.{one_line(name, 80)}")
        return _STANDS_FOR[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedError("it refers to data outside of the file")


def unpickled(stream: IO[bytes], size: int, what: str, remedy: str) -> Any:
    """A pickle of at most `size` bytes -> the lists, dictionaries and arrays in it.

    what: names it in errors. remedy: what to do about one that holds more. Raises DnpmError when it is damaged, or
    names anything but arrays.
    """
    unpickler = _ArraysOnly(stream, size)
    unpickler.encoding = "latin-1"  # type: ignore[attr-defined]
    try:
        value = _Making(size).of(unpickler.load())
        if leaves(value) > _MOST_LEAVES:
            raise ValueError(f"more than {_MOST_LEAVES:,} entries, shared ones counted each time")
    except RefusedError as error:
        raise DnpmError(
            f"{what} is a pickle that holds more than arrays ({error}) and is not opened, because it could run code; "
            f"{remedy}"
        ) from error
    except MemoryError as error:
        raise DnpmError(f"{what} is a pickle that takes more memory than there is; fetch the file again") from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DnpmError(
            f"{what} is a damaged pickle ({type(error).__name__}: {one_line(error)}); fetch the file again"
        ) from error
    return value


def load_pickle(path: Path, most: int) -> Any:
    """A .pkl file of at most `most` bytes. Raises DnpmError as `unpickled`, and when it cannot be read."""
    with opened(path, most) as file, reading(path, "fetch the file again"):
        size = file.seek(0, 2)
        file.seek(0)
        remedy = "save its arrays with numpy.savez where you trust it, and give that .npz"
        return unpickled(file, size, shown_path(path), remedy)
