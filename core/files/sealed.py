"""What a pickle may name or hold, but not change, and how reading one ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RefusedError(Exception):
    """The pickle wants more than tensors and plain containers."""


class DamagedError(Exception):
    """The pickle contradicts itself."""


class Frozen(type):
    """Classes that a pickle can name, but not change: its BUILD instruction sets attributes on whatever it is given."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise RefusedError(f"it sets {name} on a class")


class Sealed:
    """Instances that a pickle can hold, but not change once they were checked."""

    __slots__ = ()

    def __setstate__(self, _: Any) -> None:
        raise RefusedError("it changes what it was given")


class Stand(Sealed):
    """A function of ours in the place of one that the pickle names."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)
