"""Reads a file in a process of its own and judges how that ended: clear, accepted, traceback, memory, hang, unnamed."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLASSES = ("clear", "accepted", "traceback", "memory", "hang", "unnamed")
SECONDS, BYTES = 20.0, 2_000_000_000
_WAIT_S = 90.0
"""A busy machine may stretch a reading that takes no time of its own; who waits for a pipe waits longer than this."""
_FIGURE = 8
"""Bytes of the number that the child says first."""


@dataclass(frozen=True)
class Verdict:
    """How reading one file ended. text: the message or the traceback; seconds: of the processor; bytes: the most that
    reading added to what the process held before."""

    kind: str
    text: str
    seconds: float
    bytes: int


def judged(read: Callable[[Path], Any], path: Path, use: Callable[[Any], object] | None = None) -> Verdict:
    """Fork, read the file there, use what was read, watch time and memory.

    The caller has imported what reading needs: a fork then takes some milliseconds, and a crash takes nobody along.
    """
    pipe_out, pipe_in = os.pipe()
    child = os.fork()
    if not child:
        os.close(pipe_out)
        _read_and_tell(read, path, use, pipe_in)
    os.close(pipe_in)
    # What the child has from its parent is not what reading took: it says itself how much it holds at the start.
    start = int.from_bytes(os.read(pipe_out, _FIGURE), "little")
    told, verdict, peak, started = b"", None, 0, time.monotonic()
    while True:
        ready, _, _ = select.select([pipe_out], [], [], 0.05)
        if ready:
            part = os.read(pipe_out, 65536)
            if not part:
                break
            told += part
        peak = max(peak, private_bytes(child), _resident_bytes(child) - start)
        if peak > BYTES:
            verdict = "memory"
        elif _seconds(child) > SECONDS or time.monotonic() - started > _WAIT_S:
            verdict = "hang"
        if verdict:
            os.kill(child, signal.SIGKILL)
            break
    os.close(pipe_out)
    _, status, usage = os.wait4(child, 0)
    seconds, highest = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    peak = max(peak, highest - start)  # What came and went between two looks.
    text = told.decode("utf-8", "replace")
    if verdict is None:
        verdict, _, text = text.partition("\n")
        if os.WIFSIGNALED(status) or verdict not in CLASSES:
            verdict, text = "traceback", f"the process ended with status {status}: {text[-500:]}"
        elif peak > BYTES:
            verdict = "memory"
    return Verdict(verdict, text, seconds, peak)


def _read_and_tell(
    read: Callable[[Path], Any], path: Path, use: Callable[[Any], object] | None, pipe: int
) -> None:  # fmt: skip
    """In the child: read, write the class and the text into the pipe, end without cleaning up."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.write(pipe, _resident_bytes(os.getpid()).to_bytes(_FIGURE, "little"))
    try:
        told = _told(read, path, use)
    except BaseException:
        told = "traceback\n" + traceback.format_exc()
    data = told.encode("utf-8", "replace")
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)


def _told(read: Callable[[Path], Any], path: Path, use: Callable[[Any], object] | None) -> str:
    from dnpm.core.errors import DnpmError

    opened = False
    try:
        found = read(path)
        opened = True
        if use is not None:
            use(found)
    except DnpmError as error:
        text = str(error)
        one_line = len(text.splitlines()) == 1 and not any(c < " " or c == "\x7f" for c in text)
        # A contradiction between files may name the one that contradicts it, or their folder.
        named = opened or str(path.parent) in text  # What was accepted is no longer called by its file.
        return f"{'clear' if one_line and named else 'unnamed'}\n{text}"
    except BaseException:
        return "traceback\n" + traceback.format_exc()
    return "accepted\n"


def private_bytes(process: int) -> int:
    """Memory that a process shares with no other: of a forked one, what it has written since; 0 where the system does
    not tell.

    How large the process is says less. Right after the fork it lacks the mapped files that the parent has read; and
    what it then puts into memory that the parent had freed, but not given back, does not make it larger.
    """
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
        return 1024 * sum(kilobytes[name] for name in ("Private_Clean", "Private_Dirty", "Swap"))
    except (OSError, ValueError, IndexError, KeyError):
        return 0


def _resident_bytes(process: int) -> int:
    """Memory that a process holds now; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _seconds(process: int) -> float:
    """Of the processor, that a process has spent; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
