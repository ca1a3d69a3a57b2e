"""One worker process seen from the client: started, listened to, killed. The threads here only pass things on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ... import logs, processes
from .. import protocol
from .interpreters import Interpreter

log = logs.logger(__name__)

MODULE = "core.backend.worker.main"
WAIT_POLICY = "PASSIVE"
"""OpenMP's threads sleep while they wait instead of spinning: beside a busy Blender spinning ones make a map take ten
times as long. Who has set the policy keeps it."""
MPS_FALLBACK = "PYTORCH_ENABLE_MPS_FALLBACK"
"""On a Mac what PyTorch has no code for on Apple's GPU is computed on the CPU, instead of failing. Read when torch is
loaded; https://docs.pytorch.org/docs/stable/mps_environment_variables.html."""
_TAIL_LINES = 12


def environment(system: str = sys.platform) -> dict[str, str]:
    """What the worker's environment has besides this process's; system: as `sys.platform`."""
    added = {
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", WAIT_POLICY),
        logs.FOLDER_VARIABLE: str(logs.folder()),
    }
    if system == "darwin":
        added[MPS_FALLBACK] = os.environ.get(MPS_FALLBACK, "1")
    return added


class WorkerProcess:
    """Starts on construction (OSError when it cannot). `deliver(self, message)` is called from a thread for each
    message, and with None, once, when the worker's output has ended or was no message."""

    def __init__(
        self,
        interpreter: Interpreter,
        deliver: Callable[[WorkerProcess, dict[str, Any] | None], None],
    ) -> None:
        self._deliver = deliver
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)
        self._killing = threading.Lock()
        self.trouble = ""
        """What was wrong with the worker's output, when it was no message."""
        self._process = processes.popen(
            interpreter.command(MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            # Ctrl-C in the terminal from which Blender was started is not for the worker; and its process group, which
            # a wrapper script may have filled, can be killed as a whole.
            start_new_session=os.name != "nt",
        )
        self._threads = [
            threading.Thread(target=target, name=f"dnpm-backend-{name}", daemon=True)
            for name, target in (("messages", self._read_messages), ("stderr", self._read_lines))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Mapping[str, Any]) -> None:
        """Raises BrokenPipeError when the worker is gone."""
        assert self._process.stdin is not None
        frame = memoryview(protocol.encode(message))
        try:
            while frame:
                frame = frame[self._process.stdin.write(frame) :]
        except (OSError, ValueError) as error:  # Windows has other errors for it; ValueError: closed by `kill`
            raise BrokenPipeError("the backend process is gone") from error

    def kill(self) -> None:
        """End it now, and wait until it is gone. May be called again."""
        with self._killing:
            processes.kill_group(self._process)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(1.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def exit_report(self) -> str:
        """How it ended and what it said last, for the user. After `kill`."""
        code = self._process.returncode
        if self.trouble:
            how = f"it sent {self.trouble}"
        elif code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            how = f"it was ended by {name}" + (", as systems do when memory runs out" if name == "SIGKILL" else "")
        else:
            how = f"exit code {code}"
        said = " | ".join(line for line in list(self._lines)[-4:])
        return f"{how}; its last words: {said}" if said else how

    def _read_messages(self) -> None:
        stream: BinaryIO = self._process.stdout  # type: ignore[assignment]
        try:
            while (message := protocol.read(stream)) is not None:
                self._deliver(self, message)
        except protocol.ProtocolError as error:
            self.trouble = str(error)
        except (OSError, ValueError):
            pass  # Closed under our hands by `kill`: the end is reported below as any other.
        self._deliver(self, None)

    def _read_lines(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        rest = b""
        with contextlib.suppress(OSError, ValueError):  # closed by `kill`
            while block := stream.read(8192):
                *lines, rest = (rest + block).split(b"\n")
                # A progress bar is one endless line.
                rest = rest[-2000:]
                for line in lines:
                    self._heard(line)
        self._heard(rest)

    def _heard(self, line: bytes) -> None:
        """A line of the worker's standard error: warnings of its own log, what libraries print, a crash's trace."""
        if text := line.decode("utf-8", "replace").strip()[:300]:
            self._lines.append(text)
            log.info("worker %d: %s", self.pid, text)
