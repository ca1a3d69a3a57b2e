"""The client's side of work that the worker does in steps: opened, taken further, ended; it never waits by itself.

A run is a request `kind`, then `kind_step` until one answers `done`, and `kind_end` when it is given up. Each is short,
so that neither the client's patience nor a face that is being moved suffers from long work. A worker that was replaced
knows no run: it is opened again. Needs numpy alone.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from ...errors import DnpmError
from ..types import UNKNOWN_TASK, BackendStatus, Pending, Reply

_ATTEMPTS = 3
_TICK_S = 0.02
_numbers = itertools.count(1)
Result = TypeVar("Result")


class Asker(Protocol):
    """What is needed of a `BackendClient`."""

    @property
    def status(self) -> BackendStatus: ...

    def submit(
        self, channel: str, kind: str, *, arrays: Mapping[str, np.ndarray] | None = None,
        params: Mapping[str, Any] | None = None, timeout: float | None = None,
    ) -> Pending: ...  # fmt: skip


class Run(Generic[Result]):
    """One piece of work under way. Subclasses say what the answers mean: `opened`, `stepped`, `made`."""

    share = 0.0
    """How much is done, 0 to 1."""

    def __init__(self, client: Asker, kind: str, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any]) -> None:
        """Raises DnpmError when an array or a parameter cannot be sent."""
        number = next(_numbers)
        self._client, self._kind, self._name, self._channel = (
            client,
            kind,
            f"{os.getpid()}-{number}",
            f"{kind} {number}",
        )
        self._arrays, self._params = dict(arrays), {**params, "run": self._name}
        self._attempts = 0
        self._over = False
        self._pending = self._open()

    def opened(self, reply: Reply) -> None:
        """The work was opened."""

    def stepped(self, reply: Reply) -> None:
        """A step was done, not the last one."""

    def made(self, reply: Reply) -> Result:
        """What the last step's answer holds."""
        raise NotImplementedError

    def advance(self) -> Result | None:
        """The result once it is there, else None; never waits. Raises DnpmError when it cannot be made."""
        if self._over:
            raise DnpmError("the work was given up")
        reply = self._pending.reply
        if reply is None:
            return None
        if reply.error is not None:
            if reply.error.startswith(UNKNOWN_TASK) and self._attempts < _ATTEMPTS:
                self._pending = self._open()  # The worker was replaced meanwhile.
                return None
            self._over = True
            raise DnpmError(reply.error)
        if reply.kind == self._kind:
            self.opened(reply)
        elif reply.params["done"]:
            self._over, self.share = True, 1.0
            return self.made(reply)
        else:
            self.stepped(reply)
        self._pending = self._client.submit(
            self._channel, f"{self._kind}_step", params={"run": self._name, "final": True}
        )
        return None

    def wait(self, progress: Callable[[float], None] | None = None) -> Result:
        """The result, waited for. progress: told the share done, may raise to stop. Raises DnpmError as `advance`."""
        try:
            while (result := self.advance()) is None:
                if progress is not None:
                    progress(self.share)
                self._pending.wait(_TICK_S if progress is not None else None)
                time.sleep(0)
        except BaseException:
            self.cancel()
            raise
        return result

    def cancel(self) -> None:
        """Give it up: what the worker is computing for it stops, also half way. May be called again."""
        if not self._over and self._client.status.state not in {"off", "failed"}:
            # On the same channel: a step under way is overtaken, and left.
            self._client.submit(self._channel, f"{self._kind}_end", params={"run": self._name})
        self._over = True

    def _open(self) -> Pending:
        self._attempts += 1
        self.share = 0.0
        return self._client.submit(self._channel, self._kind, arrays=self._arrays, params=self._params)
