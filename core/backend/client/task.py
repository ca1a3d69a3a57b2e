"""The client's side of work that the worker does in steps: opened, taken further, ended; it never waits by itself.

A task is a request that opens it, then steps until one answers with the result, and an end when it is given up. Each is
short, so that neither the client's patience nor a face that is being moved suffers from long work. A worker that was
replaced knows no task: it is opened again. Needs numpy alone.

    task = SpeechTask(client, SpeechOpen(path="a.wav", fps=24))
    while (curves := task.advance()) is None: ...        # from a timer; `task.share` says how far it is
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from ...errors import DnpmError
from ..messages import Message
from ..requests import (
    Answer,
    Curves,
    PhotoEnd,
    PhotoFace,
    PhotoOpen,
    PhotoOpened,
    PhotoStep,
    PhotoStepped,
    Request,
    SpeechEnd,
    SpeechOpen,
    SpeechOpened,
    SpeechStep,
    SpeechStepped,
)
from ..transfer_requests import TransferEnd, TransferFace, TransferOpen, TransferOpened, TransferStep, TransferStepped
from ..types import UNKNOWN_TASK, BackendStatus, Pending

_ATTEMPTS = 3
STEP_S = 900.0
"""For one step before the worker counts as hung. A photo's fit takes seconds; on a slow machine that is busy it took
more than the two minutes of a single request. Whoever does not want to wait can cancel."""
_TICK_S = 0.02
_numbers = itertools.count(1)
Opened = TypeVar("Opened", bound=Message)
Stepped = TypeVar("Stepped", bound=Message)
Result = TypeVar("Result")


def new_name() -> str:
    """A name for a task that no other client of the worker uses."""
    return f"{os.getpid()}-{next(_numbers)}"


class Asker(Protocol):
    """What is needed of a `BackendClient`."""

    @property
    def status(self) -> BackendStatus: ...

    def submit(self, channel: str, request: Request[Answer], *, timeout: float | None = None) -> Pending[Answer]: ...


class Task(Generic[Opened, Stepped, Result]):
    """One piece of work under way. Subclasses say what the answers mean: `opened`, `stepped`."""

    share = 0.0
    """How much is done, 0 to 1."""

    def __init__(
        self, client: Asker, opening: Request[Opened], step: Request[Stepped], end: Request[Any], name: str
    ) -> None:
        """The requests carry the task's name. Raises DnpmError when one cannot be sent."""
        self._client, self._opening, self._step, self._end = client, opening, step, end
        self._channel = f"{opening.KIND} {name}"
        self._attempts = 0
        self._over = False
        self._is_open = False
        self._pending = self._open()

    def opened(self, answer: Opened) -> None:
        """The work was opened."""
        raise NotImplementedError

    def stepped(self, answer: Stepped) -> Result | None:
        """A step was done: the result when it was the last one."""
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
        if not self._is_open:
            self._is_open = True
            self.opened(reply.answer)
        elif (result := self.stepped(reply.answer)) is not None:
            self._over, self.share = True, 1.0
            return result
        self._pending = self._client.submit(self._channel, self._step, timeout=STEP_S)
        return None

    def wait(self, progress: Callable[[float], None] | None = None) -> Result:
        """The result, waited for. progress: given the share done, may raise to stop. Raises DnpmError as `advance`."""
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
            self._client.submit(self._channel, self._end)
        self._over = True

    def _open(self) -> Pending[Any]:
        self._attempts += 1
        self.share, self._is_open = 0.0, False
        return self._client.submit(self._channel, self._opening, timeout=STEP_S)


class SpeechTask(Task[SpeechOpened, SpeechStepped, Curves]):
    """One sound under way."""

    def __init__(self, client: Asker, sound: SpeechOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self.seconds = 0.0
        """Of sound, once it is open."""
        name = new_name()
        super().__init__(
            client, replace(sound, task=name), SpeechStep(task=name, final=True), SpeechEnd(task=name), name
        )

    def opened(self, answer: SpeechOpened) -> None:
        """See `Task`."""
        self.seconds = answer.seconds

    def stepped(self, answer: SpeechStepped) -> Curves | None:
        """See `Task`."""
        self.share = answer.share
        return answer.curves


class PhotoTask(Task[PhotoOpened, PhotoStepped, PhotoFace]):
    """One person's photos under way."""

    stage = "reading"
    """What is being done."""

    def __init__(self, client: Asker, photos: PhotoOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self._steps, self._stages = 0, 1
        name = new_name()
        super().__init__(
            client, replace(photos, task=name), PhotoStep(task=name, final=True), PhotoEnd(task=name), name
        )

    def opened(self, answer: PhotoOpened) -> None:
        """See `Task`."""
        self._stages, self._steps = answer.stages, 0
        self.stage = "landmarks"

    def stepped(self, answer: PhotoStepped) -> PhotoFace | None:
        """See `Task`."""
        self._steps += 1
        self.share, self.stage = self._steps / self._stages, answer.stage
        return answer.face


class TransferTask(Task[TransferOpened, TransferStepped, TransferFace]):
    """The face model on its way onto one mesh."""

    stage = "taking the mesh"
    """What is being done."""

    def __init__(self, client: Asker, mesh: TransferOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self._steps, self._stages = 0, 1
        name = new_name()
        super().__init__(
            client, replace(mesh, task=name), TransferStep(task=name, final=True), TransferEnd(task=name), name
        )

    def opened(self, answer: TransferOpened) -> None:
        """See `Task`."""
        self._stages, self._steps = answer.stages, 0

    def stepped(self, answer: TransferStepped) -> TransferFace | None:
        """See `Task`."""
        self._steps += 1
        self.share, self.stage = min(self._steps / self._stages, 0.99), answer.stage
        return answer.face
