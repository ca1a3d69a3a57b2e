"""The thread that keeps one worker alive and gives it work, so that nobody else ever waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ... import logs
from ...errors import DnpmError
from ...version import __version__
from .. import protocol
from ..segment import Segment
from ..types import BackendStatus, Limits
from . import interpreters
from .process import WorkerProcess
from .request_queue import QueuedRequest, RequestQueue

log = logs.logger(__name__)

_FIRST_INPUT, _FIRST_OUTPUT = 64 * 1024, 4 * 1024 * 1024 + 4096
_AGAIN = "In Blender press Restart, or choose another Python or device in the preferences of DNPM Face"


@dataclass(frozen=True)
class Setup:
    """What the worker is started with."""

    python: str | None
    device: str
    weights: str | None
    face_model: str | None
    limits: Limits
    threads: int = 0


class _Stopped(Exception):  # noqa: N818 -- no error, but the way out
    pass


class _Died(Exception):  # noqa: N818 -- the worker did
    pass


class _Late(Exception):  # noqa: N818 -- the worker is
    pass


class Supervisor(threading.Thread):
    """Runs from `start` to `stop`, or until the backend fails for good."""

    def __init__(
        self,
        setup: Setup,
        requests: RequestQueue,
        find: Callable[[str | None], interpreters.Interpreter] = interpreters.find,
    ):
        super().__init__(name="dnpm-backend", daemon=True)
        self.status = BackendStatus(state="starting", message="looking for a Python with PyTorch")
        self._setup, self._queue, self._find = setup, requests, find
        self._events: queue.SimpleQueue[tuple[WorkerProcess | None, dict[str, Any] | None]] = queue.SimpleQueue()
        self._stopping = False
        self._process: WorkerProcess | None = None
        self._input: Segment | None = None
        self._output: Segment | None = None

    def wake(self) -> None:
        """There is something new in the queue."""
        self._events.put((None, None))

    def stop(self, patience_s: float) -> None:
        """End the worker and this thread. Waits at most `patience_s`; what is left then ends by itself."""
        self._stopping = True
        self.wake()
        self.join(patience_s)
        if self.is_alive() and (process := self._process) is not None:
            process.kill()  # It did not read what it was sent, and the thread waits for that.
            self.join(patience_s)

    def run(self) -> None:
        try:
            self._keep_alive()
        except _Stopped:
            self._set(state="off", message="", pid=None)
        except DnpmError as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("the backend's thread")
            self._fail(f"a fault in DNPM Face itself ({type(error).__name__}: {error}); please report it. {_AGAIN}")

    def _keep_alive(self) -> None:
        deaths: deque[float] = deque()
        limits = self._setup.limits
        interpreter = self._find(self._setup.python)
        while True:
            try:
                self._session(interpreter)
            except _Died as death:
                if self._stopping:
                    raise _Stopped from death
                now = time.monotonic()
                deaths.append(now)
                while now - deaths[0] > limits.window_s:
                    deaths.popleft()
                log.warning("the backend ended: %s", death)
                self._queue.interrupted(str(death))
                if len(deaths) > limits.restarts:
                    raise DnpmError(
                        f"the backend ended {len(deaths)} times within {limits.window_s:g} s. Lately: {death}. {_AGAIN}"
                    ) from death
                self._set(
                    state="starting", pid=None, restarts=self.status.restarts + 1, message=f"started again: {death}"
                )

    def _session(self, interpreter: interpreters.Interpreter) -> None:
        """One worker from its start to its end: raises _Died, _Stopped, or DnpmError when it refuses."""
        if self._stopping:
            raise _Stopped
        try:
            process = WorkerProcess(interpreter, lambda *event: self._events.put(event))
        except OSError as error:
            raise DnpmError(
                f"{interpreter.path}: cannot be started ({error.strerror or error}). {interpreters.HOW_TO}"
            ) from error
        self._process = process
        try:
            log.info("started the worker %d with %s (Python %s)", process.pid, interpreter.path, interpreter.version)
            self._set(python=interpreter.path, pid=process.pid)
            self._greet(process)
            while True:
                self._serve_one(process)
        except BrokenPipeError as error:
            process.kill()
            raise _Died(process.exit_report()) from error
        finally:
            self._process = None
            process.kill()
            self._let_go()

    def _greet(self, process: WorkerProcess) -> None:
        setup = self._setup
        hello = {"type": "hello", "protocol": protocol.VERSION, "package": __version__}
        hello |= {"device": setup.device, "weights": setup.weights, "face_model": setup.face_model}
        hello["threads"] = setup.threads
        process.send(hello)
        if self.status.restarts == 0:
            self._set(message="loading PyTorch and the weights")
        patience = setup.limits.start_s
        try:
            answer = self._message(process, patience)
        except _Late as error:
            raise DnpmError(f"{self.status.python}: did not get ready within {patience:g} s. {_AGAIN}") from error
        if answer["type"] == "refused":
            raise DnpmError(str(answer.get("message", "the backend refused without a reason")))
        theirs = (answer["type"], answer.get("protocol"), answer.get("package"))
        if theirs != ("ready", protocol.VERSION, __version__):
            raise DnpmError(
                f"the backend is of another version ({theirs[2]}, protocol {theirs[1]}) than what asks it "
                f"({__version__}, protocol {protocol.VERSION}): restart Blender after an update"
            )
        log.info("the worker %d is ready on %s", process.pid, answer["device"])
        self._set(
            state="ready",
            message="" if self.status.restarts == 0 else self.status.message,
            device_note=str(answer.get("device_note", "")),
            lacking=tuple(map(str, answer.get("lacking", ()))),
            **{key: str(answer[key]) for key in ("device", "device_name", "torch_version", "weights_name")},
        )

    def _serve_one(self, process: WorkerProcess) -> None:
        """Wait for the next request and see it through."""
        request = self._queue.take()
        if request is None:
            self._set(state="ready")
            message = self._event(process, None)
            if message is not None:
                raise self._confused(process, message)
            return
        self._set(state="busy")
        self._send(process, request)
        limit = request.limit_s if request.limit_s is not None else self._setup.limits.request_s
        deadline = time.monotonic() + limit
        while True:
            try:
                message = self._message(process, deadline - time.monotonic())
            except _Late as error:
                # A request that hangs the worker would hang the next one as well: it is not repeated.
                what = f"it took longer than {limit:g} s for one request ({request.request.KIND})"
                reason = f"the backend was restarted because {what}: choose a smaller size or a faster device"
                process.kill()
                self._queue.finish(request.reply(error=reason))
                raise _Died(what) from error
            if message.get("ticket") != request.ticket:
                raise self._confused(process, message)
            if message["type"] == "grow":
                self._output = self._replaced(self._output, int(message["bytes"]))
                process.send({"type": "space", "ticket": request.ticket, "output": self._output.description})
            elif message["type"] == "reply":
                self._finish(process, request, message)
                return
            else:
                raise self._confused(process, message)

    def _send(self, process: WorkerProcess, request: QueuedRequest) -> None:
        entries, size = protocol.layout(request.arrays)
        if self._input is None or self._input.size < size:
            self._input = self._replaced(self._input, max(size, _FIRST_INPUT))
        if self._output is None:
            self._output = self._replaced(None, _FIRST_OUTPUT)
        protocol.write_arrays(self._input.buffer, entries, request.arrays)
        process.send(
            {"type": "request", "ticket": request.ticket, "kind": request.request.KIND, "params": request.params,
             "arrays": entries, "input": self._input.description, "output": self._output.description}
        )  # fmt: skip

    def _finish(self, process: WorkerProcess, request: QueuedRequest, message: dict[str, Any]) -> None:
        assert self._input is not None
        assert self._output is not None
        if message.get("cancelled"):
            self._queue.drop()
            return
        error, result = message.get("error"), None
        if not error:
            try:
                arrays = protocol.read_arrays(self._output.buffer, message.get("arrays", {}))
                result = request.request.ANSWER.unpack(arrays, message.get("params", {}))
            except (protocol.ProtocolError, DnpmError) as wrong:
                raise self._confused(process, message) from wrong
        if message.get("attached"):
            # Both sides have both now: without a name nothing can outlive the two processes.
            self._input.remove_name()
            self._output.remove_name()
        else:
            self._let_go()
        ms = float(message.get("ms", 0.0))
        self._set(last_ms=ms, message="")
        self._queue.finish(request.reply(result=result, ms=ms, error=error))

    def _message(self, process: WorkerProcess, patience_s: float) -> dict[str, Any]:
        """The worker's next message. Raises _Late when there is none in time."""
        deadline = time.monotonic() + patience_s
        while True:
            message = self._event(process, max(deadline - time.monotonic(), 0.0))
            if message is not None:
                return message
            flight = self._queue.superseded_request()
            if flight is not None and not flight.cancelled:
                flight.cancelled = True
                process.send({"type": "cancel", "ticket": flight.ticket})

    def _event(self, process: WorkerProcess, patience_s: float | None) -> dict[str, Any] | None:
        """The next message, or None when the queue has news. Raises _Late, _Stopped, _Died."""
        while True:
            try:
                sender, message = self._events.get(timeout=patience_s)
            except queue.Empty:
                raise _Late from None
            if self._stopping:
                raise _Stopped
            if sender is None:
                return None
            if sender is process:  # else it is the last word of a predecessor
                if message is None:
                    process.kill()
                    raise _Died(process.exit_report())
                return message

    def _confused(self, process: WorkerProcess, message: dict[str, Any]) -> _Died:
        process.trouble = f"a message out of turn ({str(message)[:200]})"
        process.kill()
        return _Died(process.exit_report())

    @staticmethod
    def _replaced(old: Segment | None, size: int) -> Segment:
        if old is not None:
            old.close()
        try:
            return Segment.create(size)
        except OSError as error:
            raise DnpmError(
                f"no shared memory for {size / 1e6:.0f} MB ({error.strerror or error}): close other programs. {_AGAIN}"
            ) from error

    def _let_go(self) -> None:
        for segment in (self._input, self._output):
            if segment is not None:
                segment.close()
        self._input = self._output = None

    def _set(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)

    def _fail(self, message: str) -> None:
        if self._stopping:  # Nobody listens any more, and the queue may be another's by now.
            return
        log.info("the backend failed: %s", message)
        self._set(state="failed", message=message, pid=None)
        self._queue.fail_all(message)
