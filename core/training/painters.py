"""Samples that several processes make and a folder keeps: memory-mapped arrays that grow, and what was done already.

Used for the teacher's maps (`detail/cache.py`), for pairs of photos (`photo/pairs.py`), and for coefficients
(`detail/linear.py`). A second run makes what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import DnpmError
from ..files import json_file
from ..files.writing import folder as made_folder
from ..files.writing import grow, write_text
from ..processes import spread
from ..progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def claim(note: Path, recipe: Mapping[str, Any], what: str) -> None:
    """Write down by which recipe the files beside a note are made, in a folder that is made where it is missing.

    what: they are, in the plural. Raises DnpmError when they were made by another recipe.
    """
    made_folder(note.parent)
    if note.is_file() and json_file.read(note, "delete it, or use another folder") != recipe:
        raise DnpmError(f"{note}: these {what} were made by another recipe; use another folder, or delete this one")
    write_text(note, json.dumps(recipe))


def open_grown(path: Path, shape: tuple[int, ...], dtype: type) -> np.memmap:
    """A memory-mapped array that may grow in its first dimension."""
    grow(path, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.memmap(path, dtype, "r+", shape=shape)


def paint(
    name: str, unit: str, each: int, function: Callable[[Item], Result], items: Sequence[Item], processes: int,
    start: Callable[..., None], arguments: tuple[Any, ...],
) -> Iterator[Result]:  # fmt: skip
    """function(item) of every item in several processes, each of which calls start(*arguments) first; in the order in
    which they are done. How far it is, is shown: `each` item makes so many of `unit`.

    Raises what a function raises, and DnpmError when a process dies.
    """
    with Progress(name, each * len(items), unit=unit, shown=bool(items)) as bar:
        for k, (_, result) in enumerate(spread(function, items, processes, start, arguments, nice=3) if items else ()):
            yield result
            bar.update(each * (k + 1))
