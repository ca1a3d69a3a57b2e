"""Input files: checked before they are opened, so that no pipe, device or endless file is waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import DnpmError

_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)  # fmt: skip


def regular_file(path: str | os.PathLike[str], most: int | None = None) -> int:
    """The size in bytes of a regular file. Raises DnpmError when it is missing, may not be looked at, is a folder, a
    pipe, a device or a socket, or has more than `most` bytes."""
    try:
        status = Path(path).stat()
    except FileNotFoundError as error:
        raise DnpmError(f"{_name(path)}: no such file") from error
    except (OSError, ValueError) as error:
        raise DnpmError(f"{_name(path)}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
        raise DnpmError(f"{_name(path)}: is {kind}; give a file")
    if most is not None and status.st_size > most:
        raise DnpmError(f"{_name(path)}: has {status.st_size / 1e6:.0f} MB; at most {most / 1e6:.0f} MB are read")
    return status.st_size


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """A regular file's bytes. Raises DnpmError as `regular_file`, and when it cannot be read."""
    regular_file(path, most)
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)  # A file may grow, or have said a wrong size.
    except OSError as error:
        raise DnpmError(f"{_name(path)}: cannot be read ({error.strerror or error})") from error
    if len(data) > most:
        raise DnpmError(f"{_name(path)}: has more than {most / 1e6:.0f} MB, which are read at most")
    return data


def read_start(path: str | os.PathLike[str], count: int) -> bytes:
    """The first `count` bytes of a regular file, fewer when it is shorter. Raises DnpmError as `read_bytes`."""
    regular_file(path)
    try:
        with Path(path).open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DnpmError(f"{_name(path)}: cannot be read ({error.strerror or error})") from error


def _name(path: str | os.PathLike[str]) -> str:
    """For a message of one line, also when a name holds a line break."""
    return str(Path(path)).encode("unicode_escape" if not str(path).isprintable() else "utf-8", "replace").decode()
