"""Dataclasses that cross between client and worker: arrays through shared memory, all else as JSON.

    @dataclass(frozen=True, kw_only=True)
    class Circle(Message):
        radius: float = 1.0
        points: np.ndarray | None = None

    arrays, params = Circle(points=p).pack()        # {"points": p}, {}
    Circle.unpack(arrays, params)                   # refuses what a Circle does not have, lacks, or has another type

A field may be a number, a text, a truth value, an array, another dataclass, a tuple or a mapping of these, or None
where its type says so. An array inside of a nested dataclass travels under its path, "pictures.0.pixels". What stands
at its default is not sent. Needs numpy alone.
"""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, Self, Union

import numpy as np

from ..errors import DnpmError
from ..files.inputs import brief

Arrays = dict[str, np.ndarray]
Params = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Message:
    """Base of all that crosses."""

    @classmethod
    def label(cls) -> str:
        """What errors call it."""
        return cls.__name__

    def pack(self) -> tuple[Arrays, Params]:
        """Its arrays by their paths, not copied, and its other values as JSON values."""
        arrays: Arrays = {}
        return arrays, _packed_fields(self, "", arrays)

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any]) -> Self:
        """What `pack` took apart. Raises DnpmError, one line, on a field that is unknown, missing or of another
        type; and what the dataclass's own checks raise."""
        left = dict(arrays)
        made = _unpacked_fields(cls, cls.label(), "", params, left)
        if left:
            raise DnpmError(f"{cls.label()}: does not take the arrays {', '.join(sorted(left))}")
        return typing.cast("Self", made)


def _packed_fields(message: Any, path: str, arrays: Arrays) -> Params:
    params: Params = {}
    for field in fields(message):
        value = getattr(message, field.name)
        if isinstance(value, np.ndarray):
            arrays[path + field.name] = value
        elif value is None:
            continue  # A field that may be None has that for its default, or is an array that is not there.
        elif value is not field.default and value != field.default:
            params[field.name] = _packed(value, path + field.name, arrays)
    return params


def _packed(value: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError(f"{path}: an array must be a field of a dataclass")
    if is_dataclass(value):
        return _packed_fields(value, f"{path}.", arrays)
    if isinstance(value, (list, tuple)):
        return [_packed(item, f"{path}.{k}", arrays) for k, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {name: _packed(item, f"{path}.{name}", arrays) for name, item in value.items()}
    return value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """Types of a dataclass's fields, by name."""
    return typing.get_type_hints(cls)


def _unpacked_fields(cls: type, label: str, path: str, params: object, arrays: Arrays) -> Any:
    """`cls` from the parameters at this path, and its arrays, which are taken out of `arrays`."""
    where = f"{label}: {path[:-1]}" if path else label
    if not isinstance(params, Mapping):
        raise DnpmError(f"{where} must be an object, is {brief(params)}")
    known = {field.name: field for field in fields(cls)}
    if unknown := set(params) - set(known):
        raise DnpmError(f"{where}: does not know the parameters {', '.join(sorted(map(str, unknown)))}")
    given: dict[str, Any] = {}
    for name, field in known.items():
        hint = _hints(cls)[name]
        if np.ndarray in (hint, *typing.get_args(hint)):
            if name in params:
                raise DnpmError(f"{label}: the parameter {path}{name} must be an array")
            if path + name in arrays:
                given[name] = arrays.pop(path + name)
            elif types.NoneType in typing.get_args(hint):
                given[name] = None
            else:
                raise DnpmError(f"{label}: the array {path}{name} is missing")
        elif name in params:
            given[name] = _unpacked(hint, label, path + name, params[name], arrays)
        elif _is_required(field):
            raise DnpmError(f"{label}: the parameter {path}{name} is missing")
    return cls(**given)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _unpacked(hint: Any, label: str, path: str, value: Any, arrays: Arrays) -> Any:
    """A JSON value as this type. Raises DnpmError when it is of another."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (part for part in parts if part is not types.NoneType)
        return _unpacked(hint, label, path, value, arrays)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _unpacked_fields(hint, label, f"{path}.", value, arrays)
    if origin is tuple:
        return _unpacked_tuple(parts, label, path, value, arrays)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise DnpmError(f"{label}: {path} must be an object, is {brief(value)}")
        return {name: _unpacked(parts[1], label, f"{path}.{name}", item, arrays) for name, item in value.items()}
    kind, wanted = _KINDS[hint]
    right = isinstance(value, kind) and (hint is bool or not isinstance(value, bool))
    if not right or (isinstance(value, float) and not math.isfinite(value)):
        raise DnpmError(f"{label}: {path} {brief(value)} is not a valid {wanted}")
    return float(value) if hint is float else value


def _unpacked_tuple(parts: tuple[Any, ...], label: str, path: str, value: Any, arrays: Arrays) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise DnpmError(f"{label}: {path} must be a list, is {brief(value)}")
    if parts[1:] == (Ellipsis,):
        parts = parts[:1] * len(value)
    if len(value) != len(parts):
        raise DnpmError(f"{label}: {path} must be a list of {len(parts)}, is {brief(value)}")
    pairs = enumerate(zip(parts, value, strict=True))
    return tuple(_unpacked(part, label, f"{path}.{k}", item, arrays) for k, (part, item) in pairs)


_KINDS: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "truth value"),
    int: ((int,), "whole number"),
    float: ((int, float), "number"),
    str: ((str,), "text"),
}
"""Type of a field -> what JSON makes of it, and what errors call it."""
