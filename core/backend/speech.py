"""The client's side of `speech_handlers.py`: one sound to curves, without ever waiting. Needs numpy alone.

job = SpeechJob(client, path="a.wav", fps=24)
while (curves := job.advance()) is None: ...         # from a timer; `job.share` says how far it is
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import DnpmError
from .types import BackendStatus, Pending

_UNKNOWN = "no such run"
_ATTEMPTS = 3
_TICK_S = 0.02
_numbers = itertools.count(1)


class Asker(Protocol):
    """What is needed of a `BackendClient`."""

    @property
    def status(self) -> BackendStatus: ...

    def submit(
        self, channel: str, kind: str, *, arrays: Mapping[str, np.ndarray] | None = None,
        params: Mapping[str, Any] | None = None, timeout: float | None = None,
    ) -> Pending: ...  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """times (T,) float64 seconds; expression (T, 52) float32 in ARKit's order; rotations (T, 9) float32 radians in the
    order of `tracks.ROTATION_NAMES`, or None; weights: the name of those that made them."""

    times: np.ndarray
    expression: np.ndarray
    rotations: np.ndarray | None
    weights: str


class SpeechJob:
    """One sound under way. Each request is a second of work at most, so that neither the client's patience nor a face
    that is being moved suffers from a long sound."""

    def __init__(
        self,
        client: Asker,
        *,
        path: str | os.PathLike[str] | None = None,
        samples: np.ndarray | None = None,
        **params: Any,
    ) -> None:
        """path, or samples with `rate`; params: those of the request `speech` (fps, first, begin, seconds, speaker,
        controls, weights, encoder). Raises DnpmError when a parameter cannot be sent."""
        number = next(_numbers)
        self.share, self.seconds, self.weights = 0.0, 0.0, ""
        self._client, self._name, self._channel = client, f"{os.getpid()}-{number}", f"speech {number}"
        self._arrays = {} if samples is None else {"samples": samples}
        self._params = params | ({} if path is None else {"path": os.fspath(path)}) | {"run": self._name}
        self._attempts = 0
        self._over = False
        self._pending = self._open()

    def advance(self) -> Curves | None:
        """The curves once they are there, else None; never waits. Raises DnpmError when they cannot be made."""
        if self._over:
            raise DnpmError("the sound was given up")
        reply = self._pending.reply
        if reply is None:
            return None
        if reply.error is not None:
            if reply.error.startswith(_UNKNOWN) and self._attempts < _ATTEMPTS:
                self._pending = self._open()  # The worker was replaced meanwhile.
                return None
            self._over = True
            raise DnpmError(reply.error)
        if reply.kind == "speech":
            self.seconds, self.weights = float(reply.params["seconds"]), str(reply.params["weights"])
        elif reply.params["done"]:
            self._over, self.share = True, 1.0
            return Curves(
                reply.arrays["times"], reply.arrays["expression"], reply.arrays.get("rotations"), self.weights
            )
        else:
            self.share = float(reply.params["share"])
        self._pending = self._client.submit(self._channel, "speech_step", params={"run": self._name, "final": True})
        return None

    def wait(self, progress: Callable[[float], None] | None = None) -> Curves:
        """The curves, waited for. progress: told the share done, may raise to stop. Raises DnpmError as `advance`."""
        try:
            while (curves := self.advance()) is None:
                if progress is not None:
                    progress(self.share)
                self._pending.wait(_TICK_S if progress is not None else None)
                time.sleep(0)
        except BaseException:
            self.cancel()
            raise
        return curves

    def cancel(self) -> None:
        """Give it up: what the worker is computing for it stops, also half way. May be called again."""
        if not self._over and self._client.status.state not in {"off", "failed"}:
            # On the same channel: a step under way is overtaken, and left.
            self._client.submit(self._channel, "speech_end", params={"run": self._name})
        self._over = True

    def _open(self) -> Pending:
        self._attempts += 1
        self.share = 0.0
        return self._client.submit(self._channel, "speech", arrays=self._arrays, params=self._params)
