"""One request as its handler sees it, beside the request itself."""

from __future__ import annotations

import threading


class Cancelled(Exception):  # noqa: N818 -- no error
    """The answer that is being made is of no use any more."""


class Job:
    """For the handler of one request: `check`, to be called between long steps."""

    def __init__(self, cancelled: threading.Event) -> None:
        self._cancelled = cancelled

    def check(self) -> None:
        """Raises Cancelled when the client does not want the answer any more."""
        if self._cancelled.is_set():
            raise Cancelled
