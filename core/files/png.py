"""Writes PNG with numpy and zlib alone, because Blender's own Python has no imaging library and no 16-bit grey writer.

Format: the W3C's PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .writing import write_bytes


def write(
    path: Path, pixels: np.ndarray, texts: Mapping[str, str] | None = None, *, make_folder: bool = False
) -> None:  # fmt: skip
    """What `encode` makes of the pixels. Raises DnpmError when it cannot be written."""
    write_bytes(path, encode(pixels, texts), make_folder=make_folder)


def encode(pixels: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
    """(H, W) uint8 or uint16 grey, or (H, W, 3) uint8 RGB, row 0 at the top -> the file's bytes.

    texts: keyword -> text in Latin-1 (tEXt chunks; "Description" and "Software" are registered keywords)."""
    if (
        pixels.dtype not in (np.uint8, np.uint16)
        or pixels.ndim not in (2, 3)
        or (pixels.ndim == 3 and pixels.shape[2] != 3)
    ):
        raise ValueError(f"cannot write {pixels.dtype} of shape {pixels.shape} as PNG")
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8).reshape(height, -1)
    # Filter type 2 (Up): each row as its difference from the one above; smooth maps become half as large.
    differences = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))
    lines = np.concatenate([np.full((height, 1), 2, np.uint8), differences], axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    for keyword, text in (texts or {}).items():
        data += _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1"))
    return data + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + _chunk(b"IEND", b"")


def _chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
