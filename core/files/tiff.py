"""Writes TIFF with numpy alone: one channel of 16-bit whole numbers or 32-bit floats, uncompressed, one strip.

Format: TIFF 6.0 (Adobe, 1992): baseline grey, with SampleFormat for floats.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from .writing import write_bytes

_SHORT, _LONG, _ASCII = 3, 4, 2
_FORMS = {np.dtype(np.uint16): (16, 1), np.dtype(np.float32): (32, 3)}
"""Type -> bits, and SampleFormat: unsigned whole numbers, IEEE floats."""


def write(path: Path, pixels: np.ndarray, description: str = "", software: str = "DNPM Face") -> None:
    """(H, W) uint16 or float32, row 0 at the top; description: ImageDescription, in ASCII.

    Raises DnpmError when it cannot be written."""
    if pixels.ndim != 2 or pixels.dtype not in _FORMS:
        raise ValueError(f"cannot write {pixels.dtype} of shape {pixels.shape} as TIFF")
    bits, form = _FORMS[pixels.dtype]
    height, width = pixels.shape
    body = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"))).tobytes()
    texts = [text.encode("ascii", "replace") + b"\0" for text in (description, software)]
    padded = [text + b"\0" * (len(text) % 2) for text in texts]
    first = 8 + len(body)
    second = first + len(padded[0])
    directory = second + len(padded[1])
    entries = [
        (256, _LONG, 1, width), (257, _LONG, 1, height), (258, _SHORT, 1, bits), (259, _SHORT, 1, 1),
        (262, _SHORT, 1, 1), (270, _ASCII, len(texts[0]), _value(texts[0], first)),
        (273, _LONG, 1, 8), (277, _SHORT, 1, 1), (278, _LONG, 1, height), (279, _LONG, 1, len(body)),
        (305, _ASCII, len(texts[1]), _value(texts[1], second)), (339, _SHORT, 1, form),
    ]  # fmt: skip
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    write_bytes(path, struct.pack("<2sHI", b"II", 42, directory) + body + b"".join(padded) + table + bytes(4))


def _value(text: bytes, place: int) -> int:
    """Where the text lies; one of up to four bytes stands in the entry itself."""
    return place if len(text) > 4 else int.from_bytes(text.ljust(4, b"\0"), "little")
