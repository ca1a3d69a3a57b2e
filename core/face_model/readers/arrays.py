"""Reads .npy and .npz files without ever running what they carry.

Plain arrays are read by numpy with pickles forbidden. Some published face models hold lists and dictionaries as
pickled 0-d objects; those are read by an unpickler that builds arrays of plain types itself and knows nothing else, so
that a file that names any other function is refused before anything of it is called.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError


class _RefusedError(Exception):
    """A pickle wants more than arrays."""


class _DType:
    """Stands for a numpy.dtype while a pickle is read: plain numbers, text and objects, nothing with fields."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(
            r"[<>=|]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16)|O8?|[SU]\d+)", code
        ):
            raise _RefusedError(f"it has an array of {code!r}")
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, size, alignment, flags): only the order is ours to take.
        if len(state) < 5 or state[1] not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise _RefusedError("it has an array with fields")
        self.code = state[1] + self.code.lstrip("<>=|")


class _Array:
    """Stands for a numpy.ndarray while a pickle is read, so that numpy's own __setstate__ never sees the file."""

    state: tuple | None = None

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        if kind is not _NDARRAY:
            raise _RefusedError("it rebuilds something that is no array")

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def array(self, seen: dict[int, Any]) -> np.ndarray:
        if self.state is None:
            raise ValueError("an array without contents")
        _, shape, kind, fortran, data = self.state
        if not isinstance(kind, _DType):
            raise _RefusedError("it has an array of an unknown type")
        dtype = np.dtype(kind.code)
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


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise _RefusedError(f"it wants to call {module}.{name}")
        return _STANDS_FOR[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("it refers to data outside of the file")


class ArrayFile:
    """An .npz file whose arrays are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self._zip = zipfile.ZipFile(self.path)
        except OSError as error:
            raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
        except zipfile.BadZipFile as error:
            raise DnpmError(f"{path}: is no .npz file, or a truncated one") from error
        self.names = {name.removesuffix(".npy") for name in self._zip.namelist() if name.endswith(".npy")}

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def get(self, name: str) -> Any:
        """The array of that name (an object that was pickled comes as the list, dictionary or array that it was).

        Raises DnpmError when it is missing, damaged, or a pickle that holds more than arrays.
        """
        if name not in self.names:
            raise DnpmError(f"{self.path}: has no array {name!r}; it has {', '.join(sorted(self.names))}")
        try:
            data = self._zip.read(name + ".npy")
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise DnpmError(f"{self.path}: array {name!r} is damaged ({error}); fetch the file again") from error
        return read_array(data, f"{self.path}: array {name!r}")


def load_array(path: Path) -> np.ndarray:
    """A plain .npy file. Raises DnpmError when it is missing, damaged or not an array of numbers."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    return np.asarray(read_array(data, str(path)))


def read_array(data: bytes, what: str) -> Any:
    """The bytes of an .npy file -> the array, or the object that was pickled into it. `what` names it in errors."""
    stream = io.BytesIO(data)
    try:
        return np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise DnpmError(f"{what} is no array, or a truncated one ({error}); fetch the file again") from error
    try:
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, _ = header(stream)
        value = _real(_ArraysOnly(stream).load(), {})
    except _RefusedError as error:
        raise DnpmError(
            f"{what} is a pickle that holds more than arrays ({error}) and is not opened, because it could run code; "
            "save that array anew with numpy.save(..., allow_pickle=False) where you trust it"
        ) from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DnpmError(
            f"{what} is a damaged pickle ({type(error).__name__}: {error}); fetch the file again"
        ) from error
    return value.item() if shape == () and isinstance(value, np.ndarray) else value
