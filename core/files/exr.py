"""Writes OpenEXR with numpy and zlib alone, so that a map is on disk without a scene of Blender's to save it from.

Format: "OpenEXR File Layout" (openexr.com): one part, scan lines, ZIP (16 lines a block: bytes parted into even and odd
ones, then their differences), channels of halves or floats that are all the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .writing import write_bytes

_MAGIC, _VERSION, _ZIP, _LINES = 20000630, 2, 3, 16
_TYPES = {np.dtype(np.float16): 1, np.dtype(np.float32): 2}


def write(
    path: Path, pixels: np.ndarray, texts: Mapping[str, str] | None = None, channels: Sequence[str] = ("Y",)
) -> None:  # fmt: skip
    """(H, W) float16 or float32, row 0 at the top, the same in each channel ("RGB": for programs that read no Y);
    texts: attributes of type string ("comments", "software").

    Raises DnpmError when it cannot be written."""
    if pixels.ndim != 2 or pixels.dtype not in _TYPES:
        raise ValueError(f"cannot write {pixels.dtype} of shape {pixels.shape} as EXR")
    height, width = pixels.shape
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"))).view(np.uint8).reshape(height, -1)
    rows = np.tile(rows, (1, len(channels)))  # A line holds one channel after the other.
    header = _header(width, height, _TYPES[pixels.dtype], texts or {}, channels)
    blocks = [_block(y, rows[y : y + _LINES]) for y in range(0, height, _LINES)]
    places = len(header) + 8 * len(blocks) + np.cumsum([0, *(len(block) for block in blocks[:-1])])
    write_bytes(path, header + places.astype("<u8").tobytes() + b"".join(blocks))


def _header(width: int, height: int, kind: int, texts: Mapping[str, str], channels: Sequence[str]) -> bytes:
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    listed = [name.encode() + b"\0" + struct.pack("<iB3xii", kind, 0, 1, 1) for name in sorted(channels)]
    attributes = (
        ("channels", "chlist", b"".join(listed) + b"\0"), ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window), ("displayWindow", "box2i", window), ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
        *((name, "string", text.encode("utf-8")) for name, text in texts.items()),
    )  # fmt: skip
    text = struct.pack("<ii", _MAGIC, _VERSION)
    for name, form, value in attributes:
        text += name.encode() + b"\0" + form.encode() + b"\0" + struct.pack("<i", len(value)) + value
    return text + b"\0"


def _block(y: int, rows: np.ndarray) -> bytes:
    raw = rows.ravel()
    parted = np.concatenate([raw[::2], raw[1::2]])
    # Differences are stored around 128; uint8 wraps as the format wants it.
    differences = parted.copy()
    differences[1:] = parted[1:] - parted[:-1] + np.uint8(128)
    packed = zlib.compress(differences.tobytes(), 4)
    if len(packed) >= raw.size:
        packed = raw.tobytes()
    return struct.pack("<ii", y, len(packed)) + packed
