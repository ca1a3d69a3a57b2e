"""Stands for numpy's own functions in pickles: numbers become Python's, arrays are checked and dropped.

Layers of stylegan2-ada-pytorch and stylegan3 hold numpy numbers (`weight_gain = 1 / np.sqrt(...)`), those of StyleGAN3
small arrays as well. numpy would believe what a pickle says of types and sizes; here a type is a letter and a width,
and the bytes must be as many as it needs. Formats: numpy/core/src/multiarray/{scalartypes,descriptor,methods}.c.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

_KINDS = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
_DIMENSIONS_MAX = 32
_TYPES = (
    "bool", "bool_", "float16", "float32", "float64", "complex64", "complex128", "ndarray",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)  # fmt: skip
"""Classes of numpy that a network's settings may name; they stay names."""
NAMES = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
"""What `scalar` stands for."""


class Dtype:
    """Stands for `numpy.dtype`: numbers, and text or bytes of a fixed width. Raises ValueError on any other."""

    __slots__ = ("_is_complete", "kind", "order", "width")

    def __init__(self, name: Any = None, *_: Any) -> None:
        found = re.fullmatch(r"[<>|=]?([biufcSU])(\d{1,6})", name) if isinstance(name, str) else None
        if found is None or (found[1] in _KINDS and int(found[2]) not in _KINDS[found[1]]):
            raise ValueError("numpy values of a type that no network needs")
        self.kind, self.order, self._is_complete = found[1], "<", False
        self.width = int(found[2]) * (4 if self.kind == "U" else 1)

    def __setstate__(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) in range(5, 10) and not any(state[2:5])
        if self._is_complete or not plain or state[1] not in ("<", ">", "|", "="):
            raise ValueError("a numpy type that is described wrongly")
        self.order, self._is_complete = (">" if state[1] == ">" else "<"), True

    def numbers(self, data: Any, count: int) -> np.ndarray:
        """`count` values from exactly as many bytes as they need."""
        if not isinstance(data, bytes | bytearray) or len(data) != count * self.width:
            raise ValueError("numpy values that are not as many bytes as they say")
        letters = self.width // 4 if self.kind == "U" else self.width
        return np.frombuffer(data, f"{self.order}{self.kind}{letters}", count) if self.width else np.zeros(0, "S1")


class Array:
    """An array of a network's settings, of which nothing is needed."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("a numpy array that is described wrongly")
        _check_array(state[4], state[2], state[1])


def scalar(dtype: Any = None, data: Any = None) -> bool | int | float | complex | str | bytes:
    """Stands for `numpy.core.multiarray.scalar`."""
    if not isinstance(dtype, Dtype):
        raise ValueError("a numpy value without a type")
    values = dtype.numbers(data, 1)
    return values[0].item() if len(values) else ""


def reconstruct(*_: Any) -> Array:
    """Stands for `numpy.core.multiarray._reconstruct`: an array that its state will fill."""
    return Array()


def from_buffer(data: Any = None, dtype: Any = None, shape: Any = None, *_: Any) -> Array:
    """Stands for `numpy.core.numeric._frombuffer`, by which protocol 5 writes arrays."""
    _check_array(data, dtype, shape)
    return Array()


def stand_for(module: str, name: str) -> Any:
    """What stands for a name of numpy, old (numpy.core) or new (numpy._core); None for all that is not on the list."""
    place = module.replace("numpy._core", "numpy.core")
    if place == "numpy" and name in _TYPES:
        return f"numpy.{name}"
    return {
        ("numpy", "dtype"): Dtype, ("numpy.core.multiarray", "scalar"): scalar,
        ("numpy.core.multiarray", "_reconstruct"): reconstruct, ("numpy.core.numeric", "_frombuffer"): from_buffer,
    }.get((place, name))  # fmt: skip


def _check_array(data: Any, dtype: Any, shape: Any) -> None:
    sizes = isinstance(shape, tuple) and len(shape) <= _DIMENSIONS_MAX and all(type(n) is int and n >= 0 for n in shape)
    if not sizes or not isinstance(dtype, Dtype):
        raise ValueError("a numpy array that is described wrongly")
    dtype.numbers(data, math.prod(shape))
