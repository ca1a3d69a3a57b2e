"""The client of the backend process: what Blender's side and the command line use. Needs numpy, never torch or bpy.

    client = BackendClient()
    client.start()                                       # returns at once
    client.request("Face", "displacement", arrays={"identity": i, "expression": e}, params={"resolution": 256})
    for reply in client.poll(): ...                      # from a timer; never waits
    client.stop()

The channel is "Face" here; `core/backend/worker/handlers/maps.py` lists the kinds of request.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from .. import protocol
from ..types import BackendStatus, Limits, Pending, Reply
from .request_queue import Desk, Request
from .supervisor import Setup, Supervisor

__all__ = ["BackendClient", "BackendStatus", "Limits", "Pending", "Reply"]

_STOP_PATIENCE_S = 1.0


class BackendClient:
    """Starts, asks, watches and stops one worker process. Every method may be called from any thread; none but `call`
    and `stop` waits, and `stop` at most a second.

    Requests. A channel is one face in the scene (any string). One request is with the worker at a time; of each
    channel the newest waits, and an older waiting one is dropped without an answer. Channels take turns. The kinds
    and what they take and return are those of `core/backend/worker/handlers/maps.py`.

    Which answers `poll` returns. Per channel the tickets that it returns only ever grow. An answer that a newer
    request has overtaken is returned all the same, marked `stale`, so that the face moves while a slider is dragged;
    except that of a request with `params["final"]` true (the full-size map after the slider is let go), which is
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
        self._desk = Desk()
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
            self._supervisor = Supervisor(self._setup, self._desk)
            # The worker also ends when nobody holds this client any more, and at exit.
            self._ending = weakref.finalize(self, self._supervisor.stop, _STOP_PATIENCE_S)
            self._supervisor.start()

    def request(
        self, channel: str, kind: str, *, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any] | None = None
    ) -> int:
        """Ask, and return the ticket that the answer will carry. The arrays are copied; `params` are JSON values.

        Off or failed, the answer is an error that says so. Raises DnpmError when an array's type or a parameter
        cannot be sent."""
        request = self._request(channel, kind, arrays, params)
        self._submit(request)
        return request.ticket

    def poll(self) -> list[Reply]:
        """The answers since the last poll, oldest first. Never waits."""
        return self._desk.poll()

    def call(
        self,
        kind: str,
        *,
        arrays: Mapping[str, np.ndarray] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 60,
    ) -> Reply:
        """Ask and wait for the answer; starts the worker when it is off. For batches and the command line.

        `timeout`: seconds that the worker may take for it; the time until the worker is ready comes on top, and has the
        limit `Limits.start_s`. Raises DnpmError when the answer is an error.
        """
        # A channel of its own: nobody overtakes it.
        pending = self.submit(f"call {self._desk.ticket()}", kind, arrays=arrays, params=params, timeout=timeout)
        reply = pending.wait()
        assert reply is not None
        if reply.error is not None:
            raise DnpmError(reply.error)
        return reply

    def submit(
        self,
        channel: str,
        kind: str,
        *,
        arrays: Mapping[str, np.ndarray] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Pending:
        """Ask like `call`, but do not wait: the answer comes to the Pending that is returned, and not to `poll`.

        A newer request of the channel overtakes this one as ever; then no answer comes. Raises DnpmError when an
        array's type or a parameter cannot be sent.
        """
        request, pending = self._request(channel, kind, arrays or {}, params), Pending()
        request.limit_s, request.deliver = timeout, pending.deliver
        if self._supervisor is None:
            self.start()
        self._submit(request)
        return pending

    def stop(self) -> None:
        """End the worker and free everything; what waits is forgotten. May be called any number of times."""
        with self._lock:
            ending, self._ending, self._supervisor = self._ending, None, None
        if ending is not None:
            ending()
        self._desk.fail_all("the backend was stopped")
        self._desk.forget_answers()

    def _request(
        self, channel: str, kind: str, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any] | None
    ) -> Request:
        copies = {name: np.array(array, order="C") for name, array in arrays.items()}
        protocol.layout(copies)
        try:
            values = json.loads(json.dumps(dict(params or {}), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise DnpmError(f"request {kind!r}: the parameters {params!r} cannot be sent: {error}") from error
        return Request(self._desk.ticket(), channel, kind, copies, values)

    def _submit(self, request: Request) -> None:
        self._desk.submit(request)
        supervisor = self._supervisor
        if supervisor is None:
            self._desk.fail_all("the backend is off: start it")
        elif supervisor.status.state == "failed":
            self._desk.fail_all(supervisor.status.message)
        else:
            supervisor.wake()


def _absolute(path: str | None) -> str | None:
    return str(Path(path).absolute()) if path else None
