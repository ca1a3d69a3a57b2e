"""Progress of the command line, on standard error: tqdm's bars in a terminal.

Elsewhere `each` and `share` show nothing; `Progress`, for hours of work, writes a line now and then. Not for Blender's
process, which has no tqdm; a function that Blender calls as well takes a callback instead.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LINE_SECONDS = 10.0
"""Between two lines of a `Progress` that has no terminal."""


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


class Progress:
    """Use it as a context manager. name: stands before every line; total and what `update` is given are in `unit`."""

    def __init__(self, name: str, total: float, done: float = 0, unit: str = "steps", shown: bool = True) -> None:
        """done: what an earlier run did, which counts neither as work nor as time. shown: False writes nothing."""
        self.name, self.total, self.unit, self.shown = name, total, unit, shown
        self._first, self._started = done, time.monotonic()
        self._said = self._started
        self._bar: Any = None
        if shown and sys.stderr.isatty():
            tqdm.set_lock(threading.RLock())  # Its own lock is a semaphore between processes.
            form = "{desc}: {percentage:3.0f}%|{bar:20}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}{postfix}]"
            self._bar = tqdm(
                total=total, initial=done, desc=name, unit=unit, file=sys.stderr, dynamic_ncols=True, bar_format=form
            )

    def rate(self, done: float) -> float:
        """Units a second since this run began; 0 before any time has passed."""
        spent = time.monotonic() - self._started
        return (done - self._first) / spent if spent > 0 else 0.0

    def due(self, done: float) -> bool:
        """Whether `update` would show something: then the text is worth making."""
        return self.shown and (
            self._bar is not None or done >= self.total or time.monotonic() - self._said > LINE_SECONDS
        )

    def update(self, done: float, text: str = "") -> None:
        """So much is done. text: figures beside it."""
        if not self.due(done):
            return
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(done - self._bar.n)
            return
        self._said, rate = time.monotonic(), self.rate(done)
        parts = [f"{self.name}: {done:.0f}/{self.total:.0f} {self.unit}", *([text] if text else [])]
        if rate > 0:
            parts += [f"{rate:.3g} {self.unit}/s", f"{max(0.0, self.total - done) / rate / 60:.0f} min left"]
        print(", ".join(parts), file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        if not self.shown:
            return
        line = f"{self.name}: {text}"
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
