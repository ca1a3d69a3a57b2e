"""The client of the backend process: what Blender's side and the command line use. Needs numpy, never torch or bpy.

    client = BackendClient()
    client.start()                                       # returns at once
    ticket = client.request("Face", "displacement", arrays={"identity": i, "expression": e}, params={"resolution": 256})
    for reply in client.poll(): ...                      # from a timer; never waits
    client.stop()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .types import BackendStatus, Limits, Reply


class BackendClient:
    """Starts, asks, watches and stops one worker process. Every method may be called from any thread; none but `call`
    and `stop` waits, and `stop` at most a second.

    Requests. A channel is one face in the scene (any string). One request is with the worker at a time; of each channel the
    newest waits, and an older waiting one is dropped without an answer. Channels take turns. The kinds and what they take
    and return are those of `core/backend/handlers.py`.

    Which answers `poll` returns. Per channel the tickets that it returns only ever grow. An answer that a newer request has
    overtaken is returned all the same, marked `stale`, so that the face moves while a slider is dragged; except that of a
    request with `params["final"]` true (the full-size map after the slider is let go), which is dropped, and stopped half
    way where it can be, as soon as a newer request of its channel is made. Errors are answers too.

    A worker that dies or hangs is replaced, and what it was busy with is asked again, once; when it keeps dying the backend
    fails, and everything that waits is answered with the reason.
    """

    def __init__(
        self,
        python: str | None = None,
        device: str = "auto",
        weights: str | None = None,
        face_model: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """python: path of a Python that has torch, or None to look for one (`core/backend/pythons.py`). device: "auto" (CUDA,
        MPS, XPU, CPU, the first that works) or a name that torch knows ("cpu", "cuda:1"). weights: folder of detail
        weights, None for the default. face_model: path, None for the default (`core/face_model/locate.py`)."""
        raise NotImplementedError

    @property
    def status(self) -> BackendStatus:
        """The state now; cheap enough for every redraw."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the worker: returns at once, `status.state` goes to "starting", then to "ready" or "failed".

        While it runs already nothing happens; after "failed" or `stop` it starts afresh. Requests may be made at once."""
        raise NotImplementedError

    def request(
        self, channel: str, kind: str, *, arrays: Mapping[str, np.ndarray], params: Mapping[str, Any] | None = None
    ) -> int:
        """Ask, and return the ticket that the answer will carry. The arrays are copied; `params` are JSON values.

        Off or failed, the answer is an error that says so. Raises DnpmError when an array's type or a parameter cannot be
        sent."""
        raise NotImplementedError

    def poll(self) -> list[Reply]:
        """The answers since the last poll, oldest first. Never waits."""
        raise NotImplementedError

    def call(
        self,
        kind: str,
        *,
        arrays: Mapping[str, np.ndarray] | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 60,
    ) -> Reply:
        """Ask and wait for the answer, at most `timeout` seconds after the worker is ready; starts the worker when it is
        off. For batches and the command line. Raises DnpmError when it cannot be had."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the worker and free everything; what waits is forgotten. May be called any number of times."""
        raise NotImplementedError
