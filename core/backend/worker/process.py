"""The worker process: greets, then answers one request after the other until its standard input ends."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from ... import logs, processes, torch_advice
from ...errors import DnpmError
from ...version import __version__
from .. import protocol, segment
from ..requests import InfoAnswer
from .job import Cancelled, Job

log = logs.logger(__name__)


class Worker:
    """Reads frames from the descriptor `incoming` in a thread of its own, computes in the main thread, writes to
    `outgoing`."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = os.fdopen(incoming, "rb", buffering=0)
        self._outgoing = os.fdopen(outgoing, "wb", buffering=0)
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._segments: dict[str, segment.Segment] = {}
        self._announced: deque[str] = deque(maxlen=8)
        """Names of segments that the client has spoken of last: not all are attached to yet."""
        self._cancelled = threading.Event()
        self._ticket: int | None = None

    def run(self) -> None:
        """Never returns: the process ends when the client goes away."""
        faulthandler.enable()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._read, name="messages", daemon=True).start()
        # A copy of Blender's process (another add-on's fork) may hold the pipe open after Blender is gone.
        processes.watch_parent(self._end)
        processes.wake_with_parent()
        engine = self._greet()
        while True:
            message = self._inbox.get()
            if message["type"] == "request":
                self._answer(engine, message)

    def _greet(self) -> Any:
        hello = self._inbox.get()
        try:
            theirs = (hello.get("type"), hello.get("protocol"), hello.get("package"))
            if theirs != ("hello", protocol.VERSION, __version__):
                raise DnpmError(
                    f"the files of DNPM Face ({__version__}, protocol {protocol.VERSION}) are of another version than "
                    f"the running one ({theirs[2]}, protocol {theirs[1]}): restart Blender after an update"
                )
            engine, info = _engine(hello)
        except DnpmError as error:
            log.info("refused: %s", error)
            self._write({"type": "refused", "message": str(error)})
            self._inbox.get()  # Until the client ends this process.
            os._exit(0)
        ready = {"type": "ready", "protocol": protocol.VERSION, "package": __version__, "pid": os.getpid()}
        self._write(ready | info.pack()[1])
        log.info(
            "ready: Python %s, torch %s, device %s (%s), weights %s, face model %s", info.python_version,
            info.torch_version, info.device, info.device_name, info.weights.name, info.face_model.name,
        )  # fmt: skip
        return engine

    def _answer(self, engine: Any, message: dict[str, Any]) -> None:
        from . import registry
        from .handlers import maps, photo, portrait, speech, transfer, video  # noqa: F401 -- each registers its own

        ticket, start = message["ticket"], time.perf_counter()
        reply: dict[str, Any] = {"type": "reply", "ticket": ticket, "attached": False, "params": {}, "arrays": {}}
        try:
            source, target = self._segment(message["input"]), self._segment(message["output"])
            reply["attached"] = True
            arrays = protocol.read_arrays(source.buffer, message["arrays"])
            answer = registry.handle(engine, message["kind"], arrays, message["params"], Job(self._cancelled))
            results, reply["params"] = answer.pack()
            entries, size = protocol.layout(results)
            if size > target.size:
                reply["attached"] = False
                target = self._larger(ticket, size)
                reply["attached"] = True
            protocol.write_arrays(target.buffer, entries, results)
            reply["arrays"] = entries
        except Cancelled:
            reply["cancelled"] = True
        except DnpmError as error:
            log.info("request %s: %s", message["kind"], error)
            reply["error"] = str(error)
        except Exception as error:
            # A fault of ours, or of a library: the client shows it and can go on with other requests.
            log.exception("request %s", message["kind"])
            if (reason := engine.trouble()) is not None:
                # After some faults a graphics card's driver serves this process no more: a new one helps.
                log.error("the device %s does not work any more: %s", engine.device, reason)
                self._end(70)
            reply["error"] = f"a fault in DNPM Face itself ({type(error).__name__}: {error}); please report it"
        reply["ms"] = (time.perf_counter() - start) * 1000
        log.debug("request %s: %.0f ms", message["kind"], reply["ms"])
        self._write(reply)

    def _segment(self, description: Mapping[str, Any]) -> segment.Segment:
        name = str(description["name"])
        if name not in self._segments:
            # There are two at a time, and each may have been replaced once.
            for old in list(self._segments)[:-3]:
                self._segments.pop(old).close()
            self._segments[name] = segment.Segment.attach(name, int(description["size"]))
        return self._segments[name]

    def _larger(self, ticket: int, size: int) -> segment.Segment:
        self._write({"type": "grow", "ticket": ticket, "bytes": size})
        while (message := self._inbox.get())["type"] != "space":
            pass
        return self._segment(message["output"])

    def _write(self, message: Mapping[str, Any]) -> None:
        frame = memoryview(protocol.encode(message))
        try:
            while frame:
                frame = frame[self._outgoing.write(frame) :]
        except OSError:
            self._end()

    def _read(self) -> None:
        """Runs beside the computation, so that the end of the client ends this process in the middle of it."""
        try:
            while (message := protocol.read(self._incoming)) is not None:
                if message["type"] == "cancel":
                    if message.get("ticket") == self._ticket:
                        self._cancelled.set()
                    continue
                self._announced += [str(message[key]["name"]) for key in ("input", "output") if key in message]
                if message["type"] == "request":
                    self._ticket = message["ticket"]
                    self._cancelled.clear()
                self._inbox.put(message)
        except (OSError, protocol.ProtocolError):
            log.exception("what came from the client was no message")
        finally:
            self._end()

    def _end(self, code: int = 0) -> None:
        for name in {*list(self._segments), *list(self._announced)}:
            segment.unlink(name)
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _engine(hello: Mapping[str, Any]) -> tuple[Any, InfoAnswer]:
    """Load the networks; what they are. Raises DnpmError that says what is missing."""
    try:
        from ... import devices
        from . import engine
    except ImportError as error:
        if torch_advice.is_library_missing(error):
            raise DnpmError(f"{sys.executable}: {torch_advice.cannot_be_loaded(error)}") from error
        raise DnpmError(
            f"{sys.executable}: {error}. The backend needs PyTorch and numpy: {torch_advice.how_to_install()}"
        ) from error
    except OSError as error:  # a library of torch that the system lacks
        raise DnpmError(f"{sys.executable}: {torch_advice.cannot_be_loaded(error)}") from error
    devices.limit_threads(int(hello.get("threads", 0)))
    loaded = engine.Engine.load(hello.get("device", "auto"), hello.get("weights"), hello.get("face_model"))
    return loaded, loaded.info()
