"""Writes files whole or not at all: beside their place, then renamed there. All writers go through here.

What goes wrong (a full disk, a folder that is read-only or gone) is a DnpmError that names the file that was wanted;
the old file stays as it was, and nothing is left beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import DnpmError

PARTIAL = ".partial"
"""In the name of a file that is not finished."""
_STEM = 40
"""Characters of a file's name that its unfinished one keeps: names have at most 255 bytes."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_unfinished: set[Path] = set()


def cannot_write(path: str | os.PathLike[str], error: Exception) -> DnpmError:
    """The error to raise when a file or folder could not be written."""
    said = str(error).strip().splitlines()
    reason = getattr(error, "strerror", None) or (said[-1] if said else type(error).__name__)
    full = getattr(error, "errno", None) in _FULL
    advice = "make room there, or choose another folder" if full else "choose another folder"
    return DnpmError(f"{os.fspath(path)}: cannot be written ({reason}); {advice}")


def folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made with its parents where it is not there. Raises DnpmError when it cannot be made."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DnpmError(f"{os.fspath(path)}: is a file where a folder is wanted; choose another folder") from error
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    return Path(path)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str], *failures: type[Exception], make_folder: bool = False) -> Iterator[Path]:
    """For writers that want a file's name: gives one beside `path`, of the same ending, and renames what was written
    there at the end.

    failures: what the writer raises, besides OSError, when it cannot write. Raises DnpmError that names `path` when it
    could not be written, or nothing was; whatever else is raised inside passes. Nothing is left beside it then.
    """
    path = Path(path)
    if make_folder:
        folder(path.parent)
    beside = path.with_name(f".{path.stem[:_STEM]}.{secrets.token_hex(4)}{PARTIAL}{path.suffix}")
    _unfinished.add(beside)
    try:
        yield beside
        if not beside.stat().st_size:
            raise DnpmError(f"{path}: nothing was written; make room there, or choose another folder")
        beside.replace(path)
    except (OSError, *failures) as error:  # type: ignore[misc] # mypy takes a list of types for no type
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # It is gone when all went well; in a folder that is none it never was.
            beside.unlink()
        _unfinished.discard(beside)


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
    """Add to a log. Raises DnpmError when that fails; no half line is left then."""
    before = None
    try:
        with Path(path).open("ab") as file:
            before = file.tell()
            file.write(text.encode("utf-8"))
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
    """Before this process ends in the middle of things: nothing half written stays."""
    for beside in list(_unfinished):
        with contextlib.suppress(OSError):
            beside.unlink()
