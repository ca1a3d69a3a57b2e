"""Reads .npy and .npz files without ever running what they carry.

Plain arrays are read by numpy with pickles forbidden. Some published face models hold lists and dictionaries as
pickled 0-d objects; those are read by an unpickler that knows numpy's array constructors and nothing else, so that a
file that names any other function is refused before anything of it is called.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError

# What a pickle may name: how numpy (1 and 2) rebuilds arrays, types and scalars. None of them runs given code.
_ALLOWED = {
    (module, name)
    for module, name in (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    )
}


class _RefusedError(Exception):
    """A pickle wants more than arrays."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _RefusedError(f"it wants to call {module}.{name}")
        return super().find_class(module, name)

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
        value = _ArraysOnly(stream).load()
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
