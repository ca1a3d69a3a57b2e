"""Zip archives as input files (.npz, .task, .pt): bounded before their list of members is read, then each member."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ..errors import DnpmError
from .inputs import one_line, opened, shown_path

_MOST_LIST = 4_000_000
"""Bytes of an archive's list of members: some 50,000 of them."""
_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"


class ZipInput:
    """A zip file that is open for reading; use it as a context manager.

    what: what the archive should be, for messages ("a .npz file"). Raises DnpmError when it is not a regular file, not
    a zip archive, or has too many members.
    """

    def __init__(self, path: str | os.PathLike[str], what: str, most: int) -> None:
        self.path, self.what = path, what
        self._context = opened(path, most)
        self._file = self._context.__enter__()
        try:
            if _list_size(self._file) > _MOST_LIST:
                raise DnpmError(f"{shown_path(path)}: has a list of members of more than {_MOST_LIST // 10**6} MB")
            self._file.seek(0)
            self._zip = zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, IndexError) as error:
            self.close()
            raise DnpmError(f"{shown_path(path)}: is not {what}, or a truncated one ({one_line(error)})") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ZipInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._context.__exit__(None, None, None)

    @property
    def sizes(self) -> dict[str, int]:
        """Member -> bytes it has when unpacked, as the list says; no more are ever unpacked."""
        return {member.filename: member.file_size for member in self._zip.infolist()}

    def is_stored(self, name: str) -> bool:
        """Whether a member is not compressed."""
        return self._zip.getinfo(name).compress_type == zipfile.ZIP_STORED

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member's bytes as a stream. Raises DnpmError when it is missing, encrypted, compressed by an unusual
        method, or damaged, also while it is read within."""
        member = f"{shown_path(self.path)}: {one_line(name, 60)!r}"
        try:
            info = self._zip.getinfo(name)
        except KeyError as error:
            raise DnpmError(f"{member} is missing; it is not {self.what}") from error
        if info.flag_bits & 1:
            raise DnpmError(f"{member} is encrypted; save it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DnpmError(f"{member} is compressed by method {info.compress_type}; save it uncompressed or deflated")
        try:
            with self._zip.open(info) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise DnpmError(f"{member} is damaged ({one_line(error)}); fetch the file again") from error

    def read(self, name: str, most: int) -> bytes:
        """A member's bytes. Raises DnpmError as `open`, and when it has more than `most`."""
        size = self.sizes.get(name, 0)
        if size > most:
            raise DnpmError(
                f"{shown_path(self.path)}: {one_line(name, 60)!r} unpacks to {size / 1e6:.0f} MB; at most "
                f"{most / 1e6:.0f} MB are read"
            )
        with self.open(name) as stream:
            return stream.read()


def _list_size(file: IO[bytes]) -> int:
    """Bytes of the list of members that zipfile would read at once: the largest of what the ends of it say."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - (1 << 16) - 22)
    file.seek(tail_at)
    tail = file.read()
    found = [0]
    # As zipfile looks: without a comment, then for the last signature.
    for at in (len(tail) - 22, tail.rfind(_END)):
        if at < 0 or tail[at : at + 4] != _END or len(tail) < at + 22:
            continue
        found += struct.unpack_from("<L", tail, at + 12)
        if tail[max(0, at - 20) : max(0, at - 16)] == _LOCATOR64:
            file.seek(max(0, tail_at + at - 20 - 56))
            record = file.read(56)
            if record[:4] == _END64:
                found += struct.unpack_from("<Q", record, 40)
    # A zip64 archive says all ones in the first place.
    return max(n for n in found if n != 0xFFFFFFFF)
