"""A photo's own wrinkles as text: heights that are added to a face's map, for presets and for .blend files.

"512 0.004724 <base64 of deflated int8>": texels a side, millimetres of one step, and rows from the top. The empty text
is no relief. 512 texels with wrinkles on a face are 20 to 80 kilobytes.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np

from ..files.inputs import one_line

MOST = 1024
"""Texels a side."""
_LEVELS = 127
_LARGEST_MM = 20.0


def to_text(relief: np.ndarray | None) -> str:
    """(R, R) mm -> text, to 1/127 of the highest or deepest place; None, and what is flat, -> empty."""
    if relief is None or not np.any(relief):
        return ""
    step = float(np.abs(relief).max()) / _LEVELS
    levels = np.round(relief / step).astype(np.int8)
    packed = base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode("ascii")
    return f"{len(relief)} {step:.6g} {packed}"


def from_text(text: str) -> np.ndarray | None:
    """The inverse, (R, R) float32 mm; None for the empty text. Raises ValueError when it is none of ours."""
    if not text:
        return None
    try:
        side, step, packed = text.split(" ")
        size, height = int(side), float(step)
        if not 1 <= size <= MOST or not 0 < height * _LEVELS <= _LARGEST_MM:
            raise ValueError(f"its side must be 1 to {MOST}, its heights at most {_LARGEST_MM:g} mm")
        # What is more than a map of that size is not unpacked.
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(packed, validate=True), size * size + 1)
        levels = np.frombuffer(data, np.int8).reshape(size, size)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ValueError(f"is not a relief as text ({one_line(error)})") from error
    return levels.astype(np.float32) * np.float32(height)


def scaled(text: str, amount: float) -> str:
    """The same wrinkles times a number from 0. Raises ValueError when the text is none of ours."""
    if not text or amount == 1:
        return text
    relief = from_text(text)
    return to_text(None if relief is None else relief * np.float32(amount))
