"""What the client tells its callers: its state, its answers, its limits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Generic, Literal

from ..errors import DnpmError
from .requests import Answer, Request

UNKNOWN_TASK = "no such task"
"""Begins the error of a step whose task the worker does not have."""

State = Literal["off", "starting", "ready", "busy", "failed"]


@dataclass(frozen=True)
class BackendStatus:
    """The backend at one moment, for a status line."""

    state: State = "off"
    """off: not started, or stopped. starting: the process is on its way (seconds). ready: waits for work. busy:
    computes. failed: given up; `message` says why and what to do, `BackendClient.start` tries again."""
    device: str = ""
    """The device in use as torch names it ("cuda", "mps", "xpu", "cpu"); empty until the backend is ready."""
    device_name: str = ""
    """The device as people name it ("NVIDIA GeForce RTX 4070"); empty until the backend is ready."""
    device_note: str = ""
    """What to do for a graphics card, when PyTorch was built without support for any; empty otherwise."""
    lacking: tuple[str, ...] = ()
    """Packages that the worker's Python does not have (`needs.py`); empty until the backend is ready."""
    torch_version: str = ""
    python: str = ""
    """Path of the Python that runs the worker."""
    weights_name: str = ""
    """Name of the detail weights, from their card."""
    pid: int | None = None
    """Process id of the worker, while there is one."""
    last_ms: float | None = None
    """Milliseconds that the worker took for its last answer."""
    message: str = ""
    """Why it failed and what to do; while starting or after a restart, what is going on."""
    restarts: int = 0
    """How often a dead or hung worker has been replaced since `start`."""


@dataclass(frozen=True)
class Reply(Generic[Answer]):
    """The answer to one request."""

    ticket: int
    channel: str
    request: Request[Answer]
    """What was asked."""
    result: Answer | None = None
    """What came back, its arrays the caller's own copies; None with an error."""
    ms: float = 0.0
    """Milliseconds that the worker took."""
    error: str | None = None
    """What went wrong and what to do, for the user."""
    stale: bool = False
    """A newer request of the channel is already on its way: show this answer, so that the face moves while a slider is
    dragged, but do nothing costly with it. (Answers that are of no use at all are dropped, and never returned.)"""

    @property
    def answer(self) -> Answer:
        """What came back. Raises DnpmError when that is an error."""
        if self.result is None:
            raise DnpmError(self.error or f"the backend gave no answer to {self.request.KIND}")
        return self.result


class Pending(Generic[Answer]):
    """An answer that is on its way, to be looked at from a timer: `BackendClient.submit`."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._reply: Reply[Answer] | None = None

    def deliver(self, reply: Reply[Answer]) -> None:
        """The answer is there; from the client's thread."""
        self._reply = reply
        self._done.set()

    @property
    def reply(self) -> Reply[Answer] | None:
        """The answer, None as long as there is none. Never waits."""
        return self._reply

    def wait(self, timeout: float | None = None) -> Reply[Answer] | None:
        """The answer once it is there; None when it did not come in time (seconds), or never will: overtaken."""
        self._done.wait(timeout)
        return self._reply


@dataclass(frozen=True)
class Limits:
    """Patience with the worker, in seconds."""

    start_s: float = 180.0
    """From starting the process to its handshake. A first import of torch from a slow disk takes a minute."""
    request_s: float = 120.0
    """For one request; a worker that takes longer counts as hung, and is replaced."""
    restarts: int = 3
    """More restarts than this within `window_s` and the backend gives up."""
    window_s: float = 60.0
