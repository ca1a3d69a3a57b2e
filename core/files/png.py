"""Writes PNG with numpy and zlib alone, because Blender's own Python has no imaging library and no 16-bit grey writer.

Format: the W3C's PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from .writing import write_bytes

NEUTRAL = 32768
MM_PER_STEP = 2.0 / 32768
"""16-bit grey maps: (value - 32768) * 2 / 32768 millimetres, that is -2 to 2 mm in steps of 0.06 micrometres."""


def write(path: Path, pixels: np.ndarray) -> None:
    """What `encode` makes of the pixels. Raises DnpmError when it cannot be written."""
    write_bytes(path, encode(pixels))


def encode(pixels: np.ndarray) -> bytes:
    """(H, W) uint8 or uint16 grey, or (H, W, 3) uint8 RGB, row 0 at the top -> the file's bytes."""
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
    return data + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + _chunk(b"IEND", b"")


def write_map(path: Path, displacement: np.ndarray) -> None:
    """(H, W) millimetres as 16-bit grey: NEUTRAL is 0, MM_PER_STEP a step; what is beyond 2 mm is cut off."""
    steps = np.round(np.asarray(displacement, np.float64) / MM_PER_STEP) + NEUTRAL
    write(path, np.clip(steps, 0, 65535).astype(np.uint16))


def _chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
