"""One configuration of Python's `logging` for every process of the project: command line, Blender, worker, helpers.

A module asks for its logger with `log = logs.logger(__name__)`; all of them lie below "dnpm", also where Blender has
imported the package under a name of its own. A process calls `configure` once; without that nothing is written to disk.

Where records go:
- standard error: warnings and errors, or from the level on that `DNPM_LOG` names (`--verbose`: information);
- a file that rotates, NAME.log in `folder()`: information and above, or from the level of `DNPM_LOG` on when that is
  lower. A folder that cannot be written costs the file alone: nothing waits, nothing fails;
- memory: the last 100 records, for a report of a fault (`recent`).
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import stat
import sys
from collections import deque
from pathlib import Path
from typing import IO, Any

from .errors import DnpmError
from .files import writing
from .files.inputs import without_controls

ROOT = "dnpm"
LEVELS = ("debug", "info", "warning", "error")
LEVEL_VARIABLE = "DNPM_LOG"
"""Environment variable: a name of `LEVELS`."""
FOLDER_VARIABLE = "DNPM_LOG_FOLDER"
"""Environment variable: another folder for the files. Blender sets it for the worker that it starts."""
FILE_BYTES, FILE_COUNT = 1_000_000, 3
"""Of one file, and how many older ones are kept beside it (NAME.log.1, ...)."""
KEPT_RECORDS = 100
FILE_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(process)d %(name)s: %(message)s"
FILE_TIME = "%Y-%m-%d %H:%M:%S"
_PACKAGE = __name__.removesuffix(".core.logs")


def logger(module: str) -> logging.Logger:
    """The logger of a module, given its `__name__`: "dnpm.core.backend.client.client"."""
    inside = module.removeprefix(_PACKAGE).lstrip(".")
    return logging.getLogger(ROOT if inside in ("", "__main__") else f"{ROOT}.{inside}")


log = logger(__name__)
_folder: Path | None = None


def level_of(text: str) -> int:
    """A level by its name, in either case. Raises DnpmError on another word."""
    if text.strip().lower() not in LEVELS:
        raise DnpmError(f"{LEVEL_VARIABLE}={text}: is not a level; use one of {', '.join(LEVELS)}")
    return int(logging.getLevelNamesMapping()[text.strip().upper()])


def at_least_info(text: str | None) -> str:
    """A name of `LEVELS` (None or empty: the default) for `DNPM_LOG`, at which information is told as well."""
    return text if text and level_of(text) < logging.INFO else "info"


def folder() -> Path:
    """Where the files lie: what `configure` was given, else `DNPM_LOG_FOLDER`, else where this system keeps the logs
    of programs. It is not made here.

    Linux: `$XDG_STATE_HOME/dnpm-face/log` (XDG base directory specification; ~/.local/state by default). macOS:
    ~/Library/Logs/dnpm-face. Windows: %LOCALAPPDATA%\\dnpm-face\\Logs.
    """
    if _folder is not None:
        return _folder
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 -- Path.home raises where there is none
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "dnpm-face" / "Logs"
    if sys.platform == "darwin":
        return home / "Library" / "Logs" / "dnpm-face"
    state = os.environ.get("XDG_STATE_HOME", "")
    # The specification: a relative path is to be ignored.
    return Path(state if Path(state).is_absolute() else home / ".local" / "state") / "dnpm-face" / "log"


def is_configured() -> bool:
    """Whether `configure` was called in this process."""
    return any(isinstance(handler, _Console) for handler in logging.getLogger(ROOT).handlers)


def configure(
    file: str | None = None, *, default_folder: Path | None = None, strict: bool = True, prefix: str = ""
) -> None:
    """Set this process's logging up; a second call replaces the first.

    file: name of the log file without its ending ("worker"), None for none. default_folder: where it lies when
    `DNPM_LOG_FOLDER` names no other place. prefix: begins every line on standard error. strict: a wrong `DNPM_LOG`
    raises DnpmError; otherwise it is logged, and the default counts.
    """
    wrong = ""
    try:
        shown = level_of(os.environ.get(LEVEL_VARIABLE) or "warning")
    except DnpmError as error:
        if strict:
            raise
        shown, wrong = logging.WARNING, str(error)
    root = logging.getLogger(ROOT)
    reset()
    global _folder
    _folder = None if os.environ.get(FOLDER_VARIABLE) else default_folder
    root.setLevel(min(shown, logging.INFO))
    # What other programs hang into the root logger would print everything twice.
    root.propagate = False
    _add(root, _Console(prefix), shown)
    _add(root, _Memory(), min(shown, logging.INFO))
    if file is not None:
        _add(root, RotatingFile(folder() / f"{file}.log"), min(shown, logging.INFO))
    if wrong:
        log.warning("%s", wrong)


def reset() -> None:
    """Take away what `configure` did."""
    root = logging.getLogger(ROOT)
    for handler in list(root.handlers):
        if isinstance(handler, _Console | _Memory | RotatingFile):  # and no other: a test may have hung in its own
            root.removeHandler(handler)
            handler.close()
    global _folder
    _folder = None
    root.propagate = True
    root.setLevel(logging.NOTSET)


def recent() -> list[str]:
    """The last records of this process, oldest first, as they stand in the file. A record may have several lines."""
    for handler in logging.getLogger(ROOT).handlers:
        if isinstance(handler, _Memory):
            return list(handler.kept)
    return []


def _add(root: logging.Logger, handler: logging.Handler, level: int) -> None:
    handler.setLevel(level)
    root.addHandler(handler)


class _Console(logging.Handler):
    """Standard error as it is when the record comes (tests and Blender exchange it), beside tqdm's bars."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self.setFormatter(_Spoken())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self._prefix + self.format(record)
            stream = sys.stderr
            if stream is None:  # Blender on Windows without a console
                return
            tqdm = sys.modules.get("tqdm")
            if tqdm is not None:
                tqdm.tqdm.write(text, file=stream)
            else:
                stream.write(text + "\n")
            stream.flush()
        except Exception:
            # A message that cannot be shown is no reason to fail what it was about.
            return


class _Spoken(logging.Formatter):
    """For a person: the message, and from a warning on its level in front."""

    def format(self, record: logging.LogRecord) -> str:
        # Names of files are anybody's text: what they hold must not steer a terminal.
        text = "\n".join(without_controls(line) for line in super().format(record).splitlines())
        return f"{record.levelname.lower()}: {text}" if record.levelno >= logging.WARNING else text


class _Memory(logging.Handler):
    """The last records as text."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: deque[str] = deque(maxlen=KEPT_RECORDS)
        self.setFormatter(logging.Formatter(FILE_FORMAT, FILE_TIME))

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))


class RotatingFile(logging.handlers.RotatingFileHandler):
    """A log file that several processes may share, and that never fails: where it cannot be written, nothing is.

    The file is opened with the first record. When another process has rotated it, this one goes on in the new file;
    where it cannot be renamed (Windows, while another process has it open) it grows on until it can.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8", delay=True,
                         errors="backslashreplace")  # fmt: skip
        self.setFormatter(logging.Formatter(FILE_FORMAT, FILE_TIME))
        self.problem: str | None = None
        """Why nothing is written any more."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.problem is not None:
            return
        try:
            self._follow()
            if self.shouldRollover(record):
                with contextlib.suppress(OSError):
                    self.doRollover()
            if self.stream is None:
                self.stream = self._open()
            logging.StreamHandler.emit(self, record)
        except Exception as error:
            self.problem = f"{Path(self.baseFilename).name}: {error}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        """StreamHandler's own: a full disk, mostly. Later records are not tried."""
        self.problem = f"{Path(self.baseFilename).name}: {sys.exc_info()[1]}"

    def _open(self) -> Any:
        path = Path(self.baseFilename)
        writing.folder(path.parent)
        # A pipe of this name would hold the process until somebody reads it.
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise DnpmError(f"{path.name}: is not a regular file")
        return super()._open()

    def _follow(self) -> None:
        """Close the file when another process has put a new one in its place."""
        if self.stream is None:
            return
        ours: IO[str] = self.stream
        try:
            there, mine = Path(self.baseFilename).stat(), os.fstat(ours.fileno())
        except FileNotFoundError:
            there, mine = None, os.fstat(ours.fileno())
        if there is None or not os.path.samestat(there, mine):
            ours.close()
            self.stream = None
