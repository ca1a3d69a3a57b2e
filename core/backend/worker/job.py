"""One request as its handler sees it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np


class Cancelled(Exception):  # noqa: N818 -- no error
    """The answer that is being made is of no use any more."""


class Job:
    """One request, for its handler: what came, and `check`, to be called between long steps."""

    def __init__(self, kind: str, arrays: dict[str, np.ndarray], params: Mapping[str, Any], cancelled: threading.Event):
        self.kind, self.arrays, self.params, self._cancelled = kind, arrays, params, cancelled

    def check(self) -> None:
        """Raises Cancelled when the client does not want the answer any more."""
        if self._cancelled.is_set():
            raise Cancelled
