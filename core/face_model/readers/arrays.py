"""What a file's arrays must be before a head is made of them, each wrong one named in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...files.inputs import brief, one_line

_FARTHEST = 1e6


def named(file: Mapping[str, Any], name: str, what: str) -> Any:
    """The entry of that name. Raises DnpmError that lists what there is."""
    if name not in file:
        known = one_line(", ".join(sorted(file)[:20]))
        raise DnpmError(f"{what}: has no {name!r}; it has {known}")
    return file[name]


def floats(value: Any, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """float32 of that shape, where None is any size. Raises DnpmError on others, and on numbers that are not finite."""
    array = value if isinstance(value, np.ndarray) else np.zeros(0)
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "fiu" or not fits:
        shown = f"{array.dtype} {array.shape}" if array is value else brief(value)
        raise DnpmError(f"{what} must be numbers of shape {wanted}, is {shown}")
    if array.size and not max(array.max(), -array.min()) <= _FARTHEST:  # NaN fails as well
        raise DnpmError(f"{what} holds numbers that are not finite, or beyond all measure; fetch the file again")
    return np.ascontiguousarray(array, np.float32)


def indices(value: Any, count: int, what: str) -> np.ndarray:
    """Whole numbers from 0 to count - 1, of any shape, as int64. Raises DnpmError."""
    array = value if isinstance(value, np.ndarray) else np.zeros(0)
    # Some writers keep indices as floats.
    if array.dtype.kind == "f" and array.size and np.array_equal(array, np.round(np.nan_to_num(array))):
        array = array.astype(np.int64) if np.abs(array).max() < 2**53 else array
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0 or array.max() >= count:
        shown = f"{array.dtype} {array.shape}" if isinstance(value, np.ndarray) else brief(value)
        raise DnpmError(f"{what} must be whole numbers from 0 to {count - 1}, is {shown}")
    return array.astype(np.int64)


def polygons(value: Any, count: int, what: str) -> np.ndarray:
    """(F, 3 or 4) vertex numbers -> (F, 4) int32 with -1 for a triangle's fourth. Raises DnpmError."""
    table = indices(value, count, what)
    if table.ndim != 2 or table.shape[1] not in (3, 4):
        raise DnpmError(f"{what} must be polygons of 3 or 4 corners, is {table.shape}")
    faces = np.full((len(table), 4), -1, np.int32)
    faces[:, : table.shape[1]] = table
    return faces


def texts(value: Any, what: str) -> list[str]:
    """A list or array of texts. Raises DnpmError."""
    values = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(values, list | tuple) or not all(isinstance(text, str) and text.isprintable() for text in values):
        raise DnpmError(f"{what} must be a list of names, is {brief(value)}")
    return [str(text) for text in values]
