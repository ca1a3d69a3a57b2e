"""Files that Blender writes, made sure of: on a full disk most of its writers leave a cut file and say nothing.

(Measured on 4.5: pictures as PNG, OBJ, PLY, compressed .blend files and films are cut; EXR and glTF are errors.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import DnpmError
from ...core.files.writing import PARTIAL, cannot_write, writing

_ROOM = 1 << 20
"""Bytes that must still fit on the disk after a file was written: a writer that met its end left less."""
_PNG_END = bytes.fromhex("0000000049454e44ae426082")
_ZSTD, _ZSTD_SEEK_END = bytes.fromhex("28b52ffd"), bytes.fromhex("b1ea928f")
"""Begin of a compressed .blend, and the end of its table of frames, which comes last (Zstandard's seekable format)."""


@contextlib.contextmanager
def by_blender(path: Path) -> Iterator[Path]:
    """A place beside `path` for one of Blender's writers, renamed there when it is whole.

    Raises DnpmError that names `path` when Blender raised a RuntimeError or cut the file, and leaves nothing then.
    """
    with writing(path) as beside:
        try:
            yield beside
        except RuntimeError as error:
            raise _failure(path, _reason(error)) from error
        if not beside.is_file():
            raise _failure(path, "it wrote nothing")
        whole = _is_whole(beside)
        if whole is False or (whole is None and _obstacle(path.parent) is not None):
            raise _failure(path, "it wrote a part only")


def _failure(path: Path, said: str) -> DnpmError:
    """What stands in the way there, where something does; else what Blender said."""
    obstacle = _obstacle(path.parent)
    if obstacle is not None:
        return cannot_write(path, obstacle)
    return DnpmError(f"{path}: cannot be written (Blender: {said}); its console or blender.log says more")


def _reason(error: RuntimeError) -> str:
    """What Blender says, without where in its code."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line.removeprefix("Error: ") for line in lines if line and not line.startswith(("Location:", "File "))]
    return said[-1] if said else type(error).__name__


def _obstacle(folder: Path) -> OSError | None:
    """Why another `_ROOM` bytes cannot be written there: the disk, or the person's share of it, is full, or other."""
    trial = folder / f".{secrets.token_hex(4)}{PARTIAL}"
    try:
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, _ROOM)
            elif shutil.disk_usage(folder).free < _ROOM:
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
            trial.unlink()
    except OSError as error:
        return error
    return None


def _is_whole(file: Path) -> bool | None:
    """Whether its end is there; None for forms that have none, or whose writers raise."""
    with file.open("rb") as stream:
        begin = stream.read(8)
        stream.seek(-min(64, file.stat().st_size), os.SEEK_END)
        end = stream.read()
    if file.suffix == ".png":
        return end.endswith(_PNG_END)
    if file.suffix == ".blend":
        return end.endswith(_ZSTD_SEEK_END) if begin.startswith(_ZSTD) else b"ENDB" in end
    if file.suffix == ".mp4":
        return b"moov" in _boxes(file)
    return None


def _boxes(file: Path) -> list[bytes]:
    """Kinds of an MP4's boxes, up to the first that is not whole (ISO/IEC 14496-12, 4.2)."""
    kinds, place, size = [], 0, file.stat().st_size
    with file.open("rb") as stream:
        while place + 8 <= size:
            stream.seek(place)
            head = stream.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - place
            if length < 8 or place + length > size:
                break
            kinds.append(head[4:8])
            place += length
    return kinds
