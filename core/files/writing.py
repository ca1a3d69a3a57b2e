"""Writes files whole or not at all: beside their place, then renamed there. All writers go through here.

What goes wrong (a full disk, a folder that is read-only or gone) is a DnpmError that names the file that was wanted;
the old file stays as it was, and nothing is left beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DnpmError
from .inputs import shown_path

PARTIAL = ".partial"
"""In the name of a file that is not finished."""
_STEM_BYTES = 180
"""Of a file's name, that its unfinished one keeps: names have at most 255 bytes."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HELD = (5, 32)
"""Windows' errors (access denied, sharing violation) while another program, as a virus scanner or a sync client, holds
a file; https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-."""
_HELD_LIMIT_S = 4.0
"""So long a file that is held is waited for: scanners let go within a second or two."""
_SETTLE_S = 0.03
"""Within which a writer that has its file's name has opened it."""
_unfinished: set[Path] = set()
_ending = threading.Lock()
"""Held from the moment at which this process ends at once: nothing new is begun then."""


def cannot_write(path: str | os.PathLike[str], error: Exception) -> DnpmError:
    """The error to raise when a file or folder could not be written."""
    said = str(error).strip().splitlines()
    reason = getattr(error, "strerror", None) or (said[-1] if said else type(error).__name__)
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "a file stands where a folder is wanted"
    advice = "choose another folder"
    if getattr(error, "errno", None) in _FULL:
        advice = "make room there, or choose another folder"
    elif getattr(error, "winerror", None) in _HELD:
        advice = "close the program that has it open, or choose another folder"
    return DnpmError(f"{shown_path(path)}: cannot be written ({reason}); {advice}")


def folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made with its parents where it is not there. Raises DnpmError when it cannot be made."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    return Path(path)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str], *failures: type[Exception], make_folder: bool = False) -> Iterator[Path]:
    """For writers that want a file's name: gives one beside `path`, of the same ending, and renames what was written
    there at the end.

    failures: what the writer raises, besides OSError, when it cannot write. make_folder: make the folder of `path`
    first. Raises DnpmError that names `path` when it could not be written, or nothing was; whatever else is raised
    inside passes. Nothing is left beside it then.
    """
    with writing_all([path], *failures, make_folder=make_folder) as (beside,):
        yield beside


@contextlib.contextmanager
def writing_all(
    paths: Sequence[str | os.PathLike[str]], *failures: type[Exception], make_folder: bool = False
) -> Iterator[list[Path]]:
    """The same for files that belong together: they are renamed, in this order, once all are written."""
    wanted = [Path(path) for path in paths]
    token = secrets.token_hex(4)
    stems = [p.stem.encode()[:_STEM_BYTES].decode(errors="ignore") for p in wanted]
    parts = [p.with_name(f".{stem}.{token}{PARTIAL}{p.suffix}") for p, stem in zip(wanted, stems, strict=True)]
    with _ending:
        _unfinished.update(parts)
    at = wanted[0]
    broken: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        if make_folder:
            at.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield parts
        except broken:
            # They are written one after the other: what is there of the last one is not whole.
            at = next((path for path, part in zip(wanted[::-1], parts[::-1], strict=True) if part.exists()), at)
            raise
        for at, part in zip(wanted, parts, strict=True):
            if not part.stat().st_size:
                raise DnpmError(f"{shown_path(at)}: nothing was written; make room there, or choose another folder")
        for at, part in zip(wanted, parts, strict=True):
            _rename(part, at)
    except broken as error:
        raise cannot_write(at, error) from error
    finally:
        for part in parts:
            with contextlib.suppress(OSError):  # It is gone when all went well; in a folder that is none it never was.
                part.unlink()
        _unfinished.difference_update(parts)


def _rename(part: Path, path: Path) -> None:
    """Rename over `path`. On Windows that fails as long as another program has the file open: it is tried again for
    some seconds. Raises OSError."""
    pause, limit = 0.02, time.monotonic() + _HELD_LIMIT_S
    while True:
        try:
            part.replace(path)
            return
        except PermissionError as error:
            # A folder of that name, or a file that is read-only, is not going to change.
            held = getattr(error, "winerror", None) in _HELD and not path.is_dir() and _is_writable(path)
            if not held or time.monotonic() + pause > limit:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _is_writable(path: Path) -> bool:
    """Whether it is absent, or not marked as read-only; opens nothing."""
    return not path.exists() or os.access(path, os.W_OK)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, make_folder: bool = False) -> Path:
    """Write a whole file. Raises DnpmError when it cannot be written; the old one stays then."""
    with writing(path, make_folder=make_folder) as beside:
        # Not tempfile's mkstemp: its files are for their owner alone, and so would be the finished one.
        beside.write_bytes(data)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str, *, make_folder: bool = False) -> Path:
    """The same for text, as UTF-8, line ends as they are."""
    return write_bytes(path, text.encode("utf-8"), make_folder=make_folder)


def append_text(path: str | os.PathLike[str], text: str) -> None:
    """Add to a log, as UTF-8. Raises DnpmError when that fails; no half line is left then."""
    append_bytes(path, text.encode("utf-8"))


def append_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """The same for bytes."""
    before = None
    try:
        with Path(path).open("ab") as file:
            before = file.tell()
            file.write(data)
    except OSError as error:
        if before is not None:
            with contextlib.suppress(OSError):
                os.truncate(path, before)
        raise cannot_write(path, error) from error


def grow(path: str | os.PathLike[str], size: int) -> None:
    """Make a file at least so many bytes long, with room on the disk for all of them: a map of a file that has none
    ends the process where it is written to. (Where the system cannot promise room, only the length is set.) Raises
    DnpmError when there is no room."""
    there = size
    try:
        with Path(path).open("ab") as file:
            there = file.tell()
            if there < size:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), there, size - there)
                else:
                    file.truncate(size)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.truncate(path, there)
        raise cannot_write(path, error) from error


def sweep(path: str | os.PathLike[str], pattern: str = "*") -> None:
    """Remove what a writer that was killed left unfinished in a folder, of files whose names match the pattern."""
    for left in Path(path).glob(f".{pattern}{PARTIAL}*"):
        with contextlib.suppress(OSError):
            left.unlink()


def drop_unfinished() -> None:
    """Before this process ends in the middle of things: nothing half written stays. Whoever begins to write after this
    waits, for ever: call it only where the process ends next."""
    _ending.acquire()
    # Other threads still run. One that has a name and no file yet opens it now; no writer opens its file twice.
    for settle_s in (0.0, _SETTLE_S) if _unfinished else ():
        time.sleep(settle_s)
        for beside in list(_unfinished):
            with contextlib.suppress(OSError):
                beside.unlink()
