"""A corrective shape as text: displacements of a face's vertices that its sliders cannot say, for presets and for
.blend files.

"7578 0.021 <base64 of deflated int8>": vertices, millimetres of one step, and x, y, z of each vertex in core's axes.
The empty text is none.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np

from ..files.inputs import one_line

MOST = 200_000
"""Vertices."""
_LEVELS = 127
_LARGEST_MM = 50.0


def to_text(corrective: np.ndarray | None) -> str:
    """(V, 3) mm -> text, to 1/127 of the largest coordinate; None, and zeros, -> empty."""
    if corrective is None or not np.any(corrective):
        return ""
    step = float(np.abs(corrective).max()) / _LEVELS
    levels = np.round(corrective / step).astype(np.int8)
    packed = base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode("ascii")
    return f"{len(corrective)} {step:.6g} {packed}"


def from_text(text: str) -> np.ndarray | None:
    """The inverse, (V, 3) float32 mm; None for the empty text. Raises ValueError when it is none of ours."""
    if not text:
        return None
    try:
        vertices, step, packed = text.split(" ")
        count, length = int(vertices), float(step)
        if not 1 <= count <= MOST or not 0 < length * _LEVELS <= _LARGEST_MM:
            raise ValueError(f"it must have 1 to {MOST} vertices, moved by at most {_LARGEST_MM:g} mm")
        # What is more than so many vertices need is not unpacked.
        data = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), 3 * count + 1)
        levels = np.frombuffer(data, np.int8).reshape(count, 3)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ValueError(f"is not a corrective shape as text ({one_line(error)})") from error
    return levels.astype(np.float32) * np.float32(length)
