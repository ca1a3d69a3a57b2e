"""JSON from files: bounded in size, depth and digits before it is parsed, and taken apart by type.

Python's parser believes what it reads: nesting ends in a RecursionError, an integer of 5,000 digits in a ValueError of
its own, one of 400 in an OverflowError where it first becomes a float, `Infinity` in whatever is computed with it.
"""

from __future__ import annotations

import json
import math
import os
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np

from ..errors import DnpmError
from .inputs import brief, one_line, read_bytes, shown_path

MOST_BYTES = 32_000_000
"""An empty list of three characters takes 64 bytes in memory: this many characters take less than a gigabyte."""
MOST_DEPTH = 40
_MOST_DIGITS = 20
_LARGEST = sys.float_info.max
_BLOCK = 4_000_000
_Kind = TypeVar("_Kind")


def read(path: str | os.PathLike[str], again: str = "", most: int = MOST_BYTES, *, constants: bool = False) -> Any:
    """A file's JSON value. `again`: what to do about a wrong file; constants: whether NaN and Infinity are allowed.

    Raises DnpmError, naming the file, when it cannot be read, is larger than `most` bytes, or `parse` refuses it.
    """
    return parse(read_bytes(path, most, again), shown_path(path), again, constants=constants)


def parse(text: str | bytes, source: str, again: str = "", *, constants: bool = False) -> Any:
    """JSON text (UTF-8, a byte order mark is passed over) -> its value. `source` names it in messages.

    Raises DnpmError when it is not JSON, is nested deeper than 40 levels, or holds an integer of more than 20 digits,
    a number beyond the range of doubles or, unless `constants`, NaN or Infinity.
    """
    end = f"; {again}" if again else ""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    try:
        words = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DnpmError(f"{source}: is not valid JSON (not UTF-8 text, at byte {error.start}){end}") from error
    if _depth(data) > MOST_DEPTH:
        raise DnpmError(f"{source}: is nested deeper than {MOST_DEPTH} levels{end}")
    try:
        return json.loads(
            words, parse_int=_whole, parse_float=_finite, parse_constant=float if constants else _constant
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DnpmError(f"{source}: {place}: is not valid JSON ({error.msg}){end}") from error
    except (ValueError, RecursionError) as error:
        raise DnpmError(f"{source}: is not valid JSON ({one_line(error)}){end}") from error


def to_dataclass(kind: type[_Kind], values: object, what: str) -> _Kind:
    """A JSON object -> a dataclass: every entry of a known name and of the declared type, lists become tuples where
    these are declared. Entries without a default must be there.

    Raises DnpmError that names `what` and the entry. Ranges are the dataclass's own affair.
    """
    if not isinstance(values, Mapping):
        raise DnpmError(f"{what}: must be a JSON object, is {brief(values)}")
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise DnpmError(f"{what}: unknown entries {one_line(', '.join(unknown), 100)}; made by a newer DNPM Face?")
    missing = [n for n, f in known.items() if n not in values and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise DnpmError(f"{what}: lacks {', '.join(missing)}")
    return kind(**{name: _typed(hints[name], value, f"{what}: {name}") for name, value in values.items()})


def is_number(value: object, low: float = -_LARGEST, high: float = _LARGEST) -> bool:
    """Whether a JSON value is a number from `low` to `high`, by default any finite one."""
    # An integer is compared as it is: one of 400 digits cannot become a float.
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(low <= value <= high)


def is_whole(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether a JSON value is an integer from `low` to `high`."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_names(value: object) -> bool:
    """Whether a JSON value is a list of texts."""
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def array(value: object, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """Nested lists of numbers -> float64 of that shape (None: any length). Raises DnpmError that names `what`."""
    try:
        found = np.asarray(value)
    except (ValueError, OverflowError) as error:  # ragged, or an integer that no type holds
        raise DnpmError(f"{what}: must be numbers of the shape {_shape(shape)} ({one_line(error)})") from error
    fits = found.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, found.shape, strict=True))
    if not fits or (found.dtype.kind not in "iuf" and found.size):
        raise DnpmError(f"{what}: must be numbers of the shape {_shape(shape)}, is {brief(value)}")
    numbers = found.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise DnpmError(f"{what}: holds numbers that are not finite")
    return numbers


def _typed(hint: Any, value: Any, what: str) -> Any:
    """A JSON value, checked against an annotation: bool, int, float, str, Any, tuple, list, dict, and unions."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (hint,) = (kind for kind in inner if kind is not type(None))
        return _typed(hint, value, what)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [inner[0]] * len(value) if inner[-1] is ... else list(inner)
        if len(kinds) != len(value):
            raise DnpmError(f"{what} must have {len(kinds)} entries, has {len(value)}")
        return tuple(_typed(kind, entry, what) for kind, entry in zip(kinds, value, strict=True))
    if origin is list and isinstance(value, list):
        return [_typed(inner[0], entry, what) for entry in value]
    if origin is dict and isinstance(value, dict):
        return {key: _typed(inner[1], entry, f"{what}.{one_line(key, 40)}") for key, entry in value.items()}
    fits = {bool: isinstance(value, bool), str: isinstance(value, str), int: is_whole(value), float: is_number(value)}
    if not fits.get(hint, False):
        names = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}
        raise DnpmError(f"{what} must be {names.get(hint, 'a list' if origin in (tuple, list) else 'an object')}, "
                        f"is {brief(value)}")  # fmt: skip
    return value


def _depth(data: bytes) -> int:
    """The deepest nesting of lists and objects, brackets in texts not counted; more than there is in damaged JSON."""
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return 0
    # Without its escapes, a quote opens or closes a text.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    deepest = level = quotes = 0
    for start in range(0, len(plain), _BLOCK):
        codes = np.frombuffer(plain, np.uint8, min(_BLOCK, len(plain) - start), start)
        counted = quotes + np.cumsum(codes == ord('"'), dtype=np.int32)
        steps = ((codes == ord("[")) | (codes == ord("{"))).astype(np.int32)
        steps -= (codes == ord("]")) | (codes == ord("}"))
        levels = level + np.cumsum(np.where(counted % 2 == 0, steps, 0), dtype=np.int64)
        deepest, level, quotes = max(deepest, int(levels.max())), int(levels[-1]), int(counted[-1]) % 2
    return deepest


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {one_line(text, 20)} is beyond the range of double precision")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def _shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("n" if n is None else str(n) for n in shape) + ")"
