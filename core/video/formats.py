"""Which files are videos. Needs nothing but the readers of files, so that Blender's process can ask."""

from __future__ import annotations

import os

from ..files.inputs import read_start

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv",
    ".flv", ".ogv", ".mxf", ".dv", ".gif",
)  # fmt: skip
"""Endings that a file dialogue shows; what a file is, its first bytes tell."""
READ = "mp4, mov, mkv, webm, avi, mpg and what else FFmpeg reads"
"""For messages."""
_STARTS = (
    b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"OggS", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11",
    b"\x06\x0e+4\x02\x05\x01\x01", b"GIF87a", b"GIF89a", b"DKIF", b"\x1f\x07\x00",
)  # fmt: skip
"""Matroska and WebM, MPEG program and elementary streams, Ogg, Flash, ASF, MXF, GIF, IVF, DV."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_PACKET = 188
"""Bytes of an MPEG transport stream's packet, each of which begins with 0x47; M2TS puts a time of 4 bytes before."""


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file's first bytes are a video's. Raises DnpmError as `read_start`."""
    data = read_start(path, 4 + 3 * (_PACKET + 4))
    if data.startswith(_STARTS) or data[4:8] in _BOXES:
        return True
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return True
    packets = ((0, _PACKET), (4, _PACKET + 4))
    return any(len(data) > at + 2 * step and data[at] == data[at + step] == 0x47 for at, step in packets)
