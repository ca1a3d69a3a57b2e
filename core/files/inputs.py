"""Input files: checked before they are opened, and one line that names the file for whatever is wrong with them.

No pipe, device or endless file is waited for; sizes are looked at before anything is read. What libraries raise on
damaged content becomes a DnpmError in `reading`, at the one place where a file is opened.
"""

from __future__ import annotations

import os
import re
import reprlib
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from pickle import UnpicklingError

from ..errors import DnpmError

DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, NotImplementedError,
    RuntimeError, SyntaxError, SystemError, TypeError, UnpicklingError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What parsers raise on content that contradicts itself. (Recursion that is too deep is a RuntimeError.)"""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)  # fmt: skip


def regular_file(path: str | os.PathLike[str], most: int | None = None, again: str = "") -> int:
    """The size in bytes of a regular file. `again`: what to do about a wrong one, for the message.

    Raises DnpmError when it is missing, may not be looked at, is a folder, a pipe, a device or a socket, or has more
    than `most` bytes.
    """
    name, end = shown_path(path), f"; {again}" if again else ""
    try:
        status = Path(path).stat()
    except FileNotFoundError as error:
        raise DnpmError(f"{name}: no such file{end}") from error
    except (OSError, ValueError) as error:
        raise DnpmError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error}){end}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = next((kind for test, kind in _KINDS if test(status.st_mode)), "not a regular file")
        raise DnpmError(f"{name}: is {kind}; give a file")
    if most is not None and status.st_size > most:
        raise DnpmError(f"{name}: has {_size(status.st_size)}; at most {_size(most)} are read")
    return status.st_size


def read_bytes(path: str | os.PathLike[str], most: int, again: str = "") -> bytes:
    """A regular file's bytes. Raises DnpmError as `regular_file`, and when it cannot be read."""
    with opened(path, most, again) as file:
        data = file.read(most + 1)  # A file may grow, or have said a wrong size.
    if len(data) > most:
        raise DnpmError(f"{shown_path(path)}: has more than {_size(most)}, which are read at most")
    return data


def read_start(path: str | os.PathLike[str], count: int) -> bytes:
    """The first `count` bytes of a regular file, fewer when it is shorter. Raises DnpmError as `read_bytes`."""
    with opened(path) as file:
        return file.read(count)


def read_text(path: str | os.PathLike[str], most: int, again: str = "") -> str:
    """A regular file of UTF-8 text, with or without a byte order mark. Raises DnpmError as `read_bytes`, and when it
    is not UTF-8."""
    try:
        return read_bytes(path, most, again).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DnpmError(f"{shown_path(path)}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


@contextmanager
def opened(path: str | os.PathLike[str], most: int | None = None, again: str = "") -> Iterator[BufferedReader]:
    """A regular file, open for reading bytes. Raises DnpmError as `regular_file`; an OSError of opening it, or of
    reading it within, becomes one too."""
    regular_file(path, most, again)
    try:
        # A pipe that took the file's place in between is not waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            yield file
    except OSError as error:
        end = f"; {again}" if again else ""
        raise DnpmError(f"{shown_path(path)}: cannot be read ({error.strerror or error}){end}") from error


@contextmanager
def reading(path: str | os.PathLike[str], again: str = "") -> Iterator[None]:
    """Around the interpretation of one file's content: what is wrong becomes a DnpmError of one line that names the
    file, ends with `again` (what to do about it), and is the only thing that leaves.

    A DnpmError from within, of a configuration say, is passed on with the file's name in front if it lacks it.
    """
    name, end = shown_path(path), f"; {again}" if again else ""
    try:
        yield
    except DnpmError as error:
        if name in str(error):
            raise
        raise DnpmError(f"{name}: {error}{end}") from error
    except MemoryError as error:
        raise DnpmError(f"{name}: needs more memory than there is{end}") from error
    except OSError as error:
        raise DnpmError(f"{name}: cannot be read ({one_line(error.strerror or error)}){end}") from error
    except DAMAGE as error:
        raise DnpmError(f"{name}: is damaged, or another kind of file ({reason_of(error)}){end}") from error


def reason_of(error: BaseException) -> str:
    """An exception of a library in a few words of one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = one_line(error)
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text or type(error).__name__


def one_line(text: object, most: int = 200) -> str:
    """Text in one line of at most about `most` characters, control characters written as escapes."""
    words = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words[:most])
    return shown + "..." if len(words) > most else shown


class _Brief(reprlib.Repr):
    """Bounded in depth and length: a value of a hostile file may be nested, shared or long enough to fill memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 2, 60, 60
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 4

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write integers of more than 4300 digits."""
        return repr(x) if abs(x) < 10**18 else f"an integer of {x.bit_length()} bits"


def brief(value: object) -> str:
    """A value of a file as a message shows it: one line, a few levels and entries of it."""
    return one_line(_Brief().repr(value))


def shown_path(path: str | os.PathLike[str]) -> str:
    """For a message of one line, also when a name holds a line break."""
    return without_controls(str(Path(path)))


def without_controls(text: object) -> str:
    """Text with its line breaks and other control characters as escapes; everything else stays as it is."""
    return _CONTROLS.sub(lambda c: c[0].encode("unicode_escape", "surrogatepass").decode(), str(text))


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count:,} bytes"
