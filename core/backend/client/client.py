"""The client of the backend process: what Blender's side and the command line use. Needs numpy, never torch or bpy.

    client = BackendClient()
    client.start()                                       # returns at once
    client.request("Face", MapRequest(identity=i, expression=e, resolution=256))
    for reply in client.poll(): ...                      # from a timer; never waits
    client.stop()

The channel is "Face" here; `core/backend/requests.py` has the kinds of request and their answers.
"""

from __future__ import annotations

import json
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from .. import protocol
from ..requests import Answer, Request
from ..types import BackendStatus, Limits, Pending, Reply
from .request_queue import QueuedRequest, RequestQueue
from .supervisor import Setup, Supervisor

__all__ = ["BackendClient", "BackendStatus", "Limits", "Pending", "Reply"]

_STOP_PATIENCE_S = 1.0


class BackendClient:
    """Starts, asks, watches and stops one worker process. Every method may be called from any thread; none but `call`
    and `stop` waits, and `stop` at most a second.

    Requests. A channel is one face in the scene (any string). One request is with the worker at a time; of each
    channel the newest waits, and an older waiting one is dropped without an answer. Channels take turns. The kinds
    and their answers are those of `core/backend/requests.py`.

    Which answers `poll` returns. Per channel the tickets that it returns only ever grow. An answer that a newer
    request has overtaken is returned all the same, marked `stale`, so that the face moves while a slider is dragged;
    except that of a request that is `final` (the full-size map after the slider is let go), which is
    dropped, and stopped half way where it can be, as soon as a newer request of its channel is made. Errors are
    answers too.

    A worker that dies or hangs is replaced, and what it was busy with is asked again, once; when it keeps dying the
    backend fails, and everything that waits is answered with the reason."""

    def __init__(
        self,
        python: str | None = None,
        device: str = "auto",
        weights: str | None = None,
        face_model: str | None = None,
        limits: Limits | None = None,
        threads: int = 0,
    ) -> None:
        """python: path of a Python that has torch, or None to look for one (`interpreters.py`). device:
        "auto" (CUDA, MPS, XPU, CPU, the first that works) or a name that torch knows ("cpu", "cuda:1"). weights:
        folder of detail weights, None for the default. face_model: path, None for the default
        (`core/face_model/locate.py`). threads: of a processor at most this many, 0 for as many as are good."""
        self._setup = Setup(
            python or None, device, _absolute(weights), _absolute(face_model), limits or Limits(), max(0, threads)
        )
        self._queue = RequestQueue()
        self._lock = threading.Lock()
        self._supervisor: Supervisor | None = None
        self._ending: weakref.finalize | None = None

    @property
    def status(self) -> BackendStatus:
        """The state now; cheap enough for every redraw."""
        supervisor = self._supervisor
        return BackendStatus() if supervisor is None else supervisor.status

    def start(self) -> None:
        """Start the worker: returns at once, `status.state` goes to "starting", then to "ready" or "failed".

        While it runs already nothing happens; after "failed" or `stop` it starts afresh. Requests may be made at once.
        """
        with self._lock:
            if self._supervisor is not None and self._supervisor.status.state != "failed":
                return
            if self._ending is not None:
                self._ending.detach()
            self._supervisor = Supervisor(self._setup, self._queue)
            # The worker also ends when nobody holds this client any more, and at exit.
            self._ending = weakref.finalize(self, self._supervisor.stop, _STOP_PATIENCE_S)
            self._supervisor.start()

    def request(self, channel: str, request: Request[Any]) -> int:
        """Ask, and return the ticket that the answer will carry. The request's arrays are copied.

        Off or failed, the answer is an error that says so. Raises DnpmError when an array's type or another value
        cannot be sent."""
        queued = self._queued(channel, request)
        self._submit(queued)
        return queued.ticket

    def poll(self) -> list[Reply[Any]]:
        """The answers since the last poll, oldest first. Never waits."""
        return self._queue.poll()

    def call(self, request: Request[Answer], *, timeout: float = 60) -> Reply[Answer]:
        """Ask and wait for the answer; starts the worker when it is off. For batches and the command line.

        `timeout`: seconds that the worker may take for it; the time until the worker is ready comes on top, and has the
        limit `Limits.start_s`. Raises DnpmError when the answer is an error.
        """
        # A channel of its own: nobody overtakes it.
        pending = self.submit(f"call {self._queue.ticket()}", request, timeout=timeout)
        reply = pending.wait()
        assert reply is not None
        if reply.error is not None:
            raise DnpmError(reply.error)
        return reply

    def submit(self, channel: str, request: Request[Answer], *, timeout: float | None = None) -> Pending[Answer]:
        """Ask like `call`, but do not wait: the answer comes to the Pending that is returned, and not to `poll`.

        A newer request of the channel overtakes this one as ever; then no answer comes. Raises DnpmError when an
        array's type or another value cannot be sent.
        """
        pending = Pending[Answer]()
        queued = self._queued(channel, request)
        queued.limit_s, queued.deliver = timeout, pending.deliver
        if self._supervisor is None:
            self.start()
        self._submit(queued)
        return pending

    def stop(self) -> None:
        """End the worker and free everything; what waits is forgotten. May be called any number of times."""
        with self._lock:
            ending, self._ending, self._supervisor = self._ending, None, None
        if ending is not None:
            ending()
        self._queue.fail_all("the backend was stopped")
        self._queue.forget_answers()

    def _queued(self, channel: str, request: Request[Any]) -> QueuedRequest:
        arrays, params = request.pack()
        copies = {name: np.array(array, order="C") for name, array in arrays.items()}
        protocol.layout(copies)
        try:
            values = json.loads(json.dumps(params, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise DnpmError(f"request {request.KIND!r}: {params!r} cannot be sent: {error}") from error
        return QueuedRequest(self._queue.ticket(), channel, request, copies, values)

    def _submit(self, queued: QueuedRequest) -> None:
        self._queue.submit(queued)
        supervisor = self._supervisor
        if supervisor is None:
            self._queue.fail_all("the backend is off: start it")
        elif supervisor.status.state == "failed":
            self._queue.fail_all(supervisor.status.message)
        else:
            supervisor.wake()


def _absolute(path: str | None) -> str | None:
    return str(Path(path).absolute()) if path else None
