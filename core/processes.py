"""Starts every process of this project, and sees that none outlives what started it.

A child ends when its parent does, however the parent ends: a short one is waited for, a long one (Blender in a batch)
holds a pipe whose other end only the parent has, helpers of a pool watch their parent, and the backend's worker ends
with its standard input. `programs.py` says where programs are found and how a Python is isolated.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from . import logs
from .errors import DnpmError
from .files import writing
from .programs import environment

log = logs.logger(__name__)

LIFELINE = "DNPM_LIFELINE"
"""Environment variable of a child whose standard input is a pipe that ends with its parent."""
_PATIENCE_S = 1.0
"""A child that was asked to end is killed after so long; twice that and the parent goes on."""
_WATCH_S = 0.5
_MOST_ON_WINDOWS = 61
"""Processes that one pool can wait for there."""
_PR_SET_PDEATHSIG = 1
Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number
        """The exit code that shells give such an end."""


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP (Windows: Ctrl-Break) raise Stopped in the main thread, as Ctrl-C raises KeyboardInterrupt:
    children are ended and temporary files removed on the way out."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    if not _is_main_thread():
        yield
        return
    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    # A signal that is ignored (nohup) stays so.
    before = {number: signal.getsignal(number) for number in wanted if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def popen(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """`subprocess.Popen` of a program that is named by its absolute path, in a clean environment (`env` adds to it),
    without a window of its own. Raises OSError when it cannot be started."""
    assert Path(command[0]).is_absolute(), command
    options["env"] = environment() | options.get("env", {})
    return subprocess.Popen(command, bufsize=0, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0), **options)


def run(
    command: Sequence[str], limit_s: float, *, folder: str | os.PathLike[str] | None = None, lifeline: bool = False,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    """Run a program to its end, and keep what it prints.

    folder: where it stands (default: where this process does). lifeline: it is one of ours, and watches its standard
    input (`hold_lifeline`). Raises OSError when it cannot be started, subprocess.TimeoutExpired when it takes longer
    than `limit_s`; it and what it has started are gone then.
    """
    more = (env or {}) | ({LIFELINE: "stdin"} if lifeline else {})
    process = popen(
        command, cwd=folder, env=more, stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=os.name != "nt",
        # What is not ours watches nothing. Only where this process is a command line: between a fork and its exec a
        # process of many threads, as Blender's, had better run no Python.
        preexec_fn=_die_with_parent if not lifeline and _is_main_thread() and sys.platform == "linux" else None,
    )  # fmt: skip
    pipe, process.stdin = process.stdin, None  # `communicate` would close it.
    try:
        said, wrong = process.communicate(timeout=limit_s)
    except BaseException:
        kill_group(process)
        process.communicate()
        raise
    finally:
        if pipe is not None:
            pipe.close()
    return subprocess.CompletedProcess(command, process.returncode, said, wrong)


def attend(command: Sequence[str], output: Any = None) -> int:
    """Run a long process of ours to its end, its lines to `output` (None: where ours go); returns its exit code.

    It ends with this process: at once when this is interrupted, and through its lifeline when this is killed.
    """
    process = popen(command, stdin=subprocess.PIPE, stdout=output, env={LIFELINE: "stdin"})
    try:
        return process.wait()
    finally:
        _end(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, with all that it has started, and wait for it."""
    if process.returncode is None:
        if os.name == "nt":
            process.kill()
        else:
            # Until it has been waited for, nobody else can get its number. macOS refuses when it is dead already.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """By its lifeline, then by force."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for ask in (None, process.terminate, process.kill):
        if ask is not None:
            ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
            return


def hold_lifeline() -> None:
    """For a child that `attend` or `run` started, at its beginning: end with the parent, also in the middle of a render
    or a computation, and leave no half-written file. Does nothing in a process that was started otherwise."""
    if os.environ.pop(LIFELINE, None) != "stdin":
        return
    # Not on descriptor 0: on Windows loading a library would wait along (its C runtime asks 0 to 2 for their type).
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 64):
                pass
        end_at_once(1)

    threading.Thread(target=watch, name="dnpm-lifeline", daemon=True).start()
    wake_with_parent()


def end_at_once(status: int) -> NoReturn:
    """End this process from any thread, whatever the others do; half-written files are removed."""
    writing.drop_unfinished()
    os._exit(status)


def end_on_signals() -> None:
    """For Blender in a batch: SIGTERM, SIGINT and SIGHUP end this process at once, and leave no half-written file.
    Python's own handlers wait until a render is over."""
    if not _is_main_thread():
        return
    receiver, sender = os.pipe()
    if os.name != "nt":  # Python 3.11 has no such function there, and the wakeup descriptor need not be so.
        os.set_blocking(sender, False)

    def watch() -> None:
        number = os.read(receiver, 1)[0]
        log.error("stopped; run it again to go on")
        end_at_once(128 + number)

    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), lambda _number, _frame: None)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    threading.Thread(target=watch, name="dnpm-signals", daemon=True).start()


def wake_with_parent() -> None:
    """On Linux: when the parent dies this process is woken, should somebody have stopped it (SIGSTOP), so that it sees
    the end of its pipe."""
    _on_parents_death(signal.SIGCONT if hasattr(signal, "SIGCONT") else 0)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        _on_parents_death(signal.SIGKILL)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _on_parents_death(number: int) -> None:
    if sys.platform == "linux" and number:
        with contextlib.suppress(OSError, AttributeError):  # no glibc: the other ways must do
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def watch_parent(end: Callable[[], object]) -> None:
    """Call `end` from a thread soon after this process's parent is gone (POSIX; on Windows pipes tell)."""
    if os.name == "nt":
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_S)
        end()

    threading.Thread(target=watch, name="dnpm-parent", daemon=True).start()


def spread(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int, start: Callable[..., None],
    arguments: tuple[Any, ...] = (), *, nice: int = 0,
) -> Iterator[tuple[int, Result]]:  # fmt: skip
    """function(item) of every item in several processes, each of which calls start(*arguments) first.

    Yields (place of the item, result) in the order in which they are done. The processes end when the iterator is
    closed, when this process is interrupted, and when it is killed. Raises what a function raises, and DnpmError when a
    process dies (as when memory runs out).
    """
    count = max(1, min(processes, _MOST_ON_WINDOWS) if os.name == "nt" else processes)
    others = set(multiprocessing.active_children())
    with _isolated_children():
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin_helper, (nice, start, arguments))
        try:
            tasks = {pool.submit(function, item): place for place, item in enumerate(items)}
            for task in as_completed(tasks):
                yield tasks.pop(task), task.result()
            pool.shutdown()
        except BrokenProcessPool as error:
            raise DnpmError(
                "a helper process ended before its time, as when memory runs out: use fewer processes, then run it "
                "again to go on"
            ) from error
        finally:
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
            pool.shutdown(cancel_futures=True)


def _begin_helper(nice: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """In a helper: Ctrl-C is the parent's to act on, and its end is this one's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    logs.configure(strict=False)
    _die_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, name="dnpm-parent", daemon=True).start()
    start(*arguments)


@contextlib.contextmanager
def _isolated_children() -> Iterator[None]:
    """Pythons that multiprocessing starts meanwhile are isolated. It writes their command itself (`python -c ...`, for
    which the working directory is a place for modules), so the environment must say it."""
    if sys.flags.ignore_environment and not sys.flags.safe_path:
        raise DnpmError("this Python was started with -E, and helpers would be too: start it with -I, or without -E")
    wanted = environment() | {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}
    before = dict(os.environ)
    for name in before.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted.keys() - before.keys():
            os.environ.pop(name, None)
        os.environ.update(before)
