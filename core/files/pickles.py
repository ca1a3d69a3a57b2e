"""Pickles taken apart within bounds: instructions, memory, and keys that are cheap to hash.

Which names a pickle may use is the affair of a subclass (`find_class`). What is bounded here is what plain containers
can do without any name: an index that makes the memo take gigabytes, a tuple that holds itself twice at each of sixty
levels and becomes a dictionary's key, whose hash then takes years, lengths of strings that are not in the file.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import IO, Any

MOST_STEPS = 3_000_000
"""Instructions of one file; the largest published checkpoints take some ten thousand."""
_SCALARS = (str, bytes, int, float, bool, type(None))
_LARGEST_KEY = 2**60


class Budget:
    """What is left to spend while one file is read; pickles within a pickle share it."""

    def __init__(self, size: int) -> None:
        """size: bytes of the file."""
        self.steps, self.bytes = MOST_STEPS, 4 * size + (1 << 26)

    def step(self) -> None:
        """Count an instruction. Raises UnpicklingError when there were too many."""
        self.steps -= 1
        if self.steps < 0:
            raise pickle.UnpicklingError(f"it has more than {MOST_STEPS:,} instructions")

    def take(self, made: object) -> None:
        """Count what a call made. Raises UnpicklingError when all of it takes several times the file's size."""
        self.bytes -= sys.getsizeof(made)
        if self.bytes < 0:
            raise pickle.UnpicklingError("it makes several times more than the file holds")


class BoundedUnpickler(pickle._Unpickler):
    """Python's own unpickler in Python, whose memo is a dictionary, with every instruction counted.

    size: bytes that the stream can still give, which no length may exceed. Raises what pickle raises, nearly anything.
    """

    def __init__(self, file: IO[bytes], size: int, budget: Budget | None = None) -> None:
        super().__init__(file)
        self.size, self.budget = size, budget or Budget(size)

    def find_class(self, module: str, name: str) -> Any:
        """No name at all, unless a subclass knows better."""
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """No data outside of the file."""
        raise pickle.UnpicklingError("it refers to data outside of the file")


def check_key(key: object) -> None:
    """Raises UnpicklingError unless a key or member is a number or text of its own."""
    if type(key) not in _SCALARS or (isinstance(key, int) and abs(key) > _LARGEST_KEY):
        raise pickle.UnpicklingError("it has a key that is not a plain number or text")


def leaves(value: object, seen: dict[int, int] | None = None) -> int:
    """Entries of nested lists, tuples and dictionaries as they would be written out, shared ones counted each time.

    Raises RecursionError when they are nested too deeply, or hold themselves.
    """
    seen = {} if seen is None else seen
    if not isinstance(value, list | tuple | dict):
        return 1
    if id(value) not in seen:
        parts = value.values() if isinstance(value, dict) else value
        seen[id(value)] = 1 + sum(leaves(part, seen) for part in parts)
    return seen[id(value)]


_Run = Callable[[Any], None]


def _counted(run: _Run) -> _Run:
    def counted(self: BoundedUnpickler) -> None:
        self.budget.step()
        run(self)

    return counted


def _calling(run: _Run) -> _Run:
    """For instructions that leave the result of a call on the stack."""

    def calling(self: BoundedUnpickler) -> None:
        self.budget.step()
        run(self)
        self.budget.take(self.stack[-1])  # type: ignore[attr-defined]

    return calling


def _keyed(run: _Run, first: Callable[[list], list]) -> _Run:
    """For instructions that put pairs into a dictionary, or members into a set: `first` picks the keys."""

    def keyed(self: BoundedUnpickler) -> None:
        self.budget.step()
        for key in first(self.stack):  # type: ignore[attr-defined]
            check_key(key)
        run(self)

    return keyed


def _sized(run: _Run) -> _Run:
    """For the one instruction that makes room before it reads."""

    def sized(self: BoundedUnpickler) -> None:
        self.budget.step()
        length = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]
        if length > self.size:
            raise pickle.UnpicklingError("it is longer than its file")
        self.append(bytearray(self.read(length)))  # type: ignore[attr-defined]

    return sized


_own: dict[int, _Run] = {code: _counted(run) for code, run in pickle._Unpickler.dispatch.items()}
for _codes, _wrap in (
    ((pickle.REDUCE, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.OBJ, pickle.INST), _calling),
    ((pickle.SETITEMS, pickle.DICT), lambda run: _keyed(run, lambda stack: stack[::2])),
    ((pickle.SETITEM,), lambda run: _keyed(run, lambda stack: stack[-2:-1])),
    ((pickle.ADDITEMS, pickle.FROZENSET), lambda run: _keyed(run, lambda stack: stack)),
    ((pickle.BYTEARRAY8,), _sized),
):
    for _code in _codes:
        _own[_code[0]] = _wrap(pickle._Unpickler.dispatch[_code[0]])
BoundedUnpickler.dispatch = _own
