"""Progress bars of the command line, by tqdm: on standard error, and only where that is a terminal.

Not for Blender's process, which has no tqdm; a function that Blender calls as well takes a callback instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def each(items: Iterable[Item], caption: str, total: int | None = None) -> Iterable[Item]:
    """The items, counted on a bar. total: how many, where the iterable has no length."""
    return tqdm(items, desc=caption, total=total, disable=None, leave=False)


@contextmanager
def share(caption: str) -> Iterator[Callable[[float], None]]:
    """A bar for work that tells how much of it is done: call what this gives with a number from 0 to 1."""
    with tqdm(total=100, desc=caption, unit="%", disable=None, leave=False, bar_format="{l_bar}{bar}|") as bar:

        def tell(done: float) -> None:
            bar.update(100 * done - bar.n)

        yield tell
