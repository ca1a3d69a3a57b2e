"""A step in w+ as text (Eq. 11): what a photo adds to the encoder's code, for presets and for .blend files.

"18 512 <base64 of little-endian float32>"; the empty text is not a step.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from ..files.inputs import one_line

_MOST, _LARGEST = 8192, 1e4


def to_text(offset: np.ndarray | None) -> str:
    """(18, 512) -> text; None, and nothing but zeros, -> empty."""
    if offset is None or not np.any(offset):
        return ""
    rows = np.ascontiguousarray(offset, "<f4")
    return f"{rows.shape[0]} {rows.shape[1]} {base64.b64encode(rows.tobytes()).decode('ascii')}"


def from_text(text: str) -> np.ndarray | None:
    """The inverse, float32; None for the empty text. Raises ValueError when it is none of ours."""
    if not text:
        return None
    try:
        layers, width, data = text.split(" ")
        shape = int(layers), int(width)
        if not all(1 <= n <= _MOST for n in shape):
            raise ValueError(f"its sizes must be 1 to {_MOST}")
        rows = np.frombuffer(base64.b64decode(data, validate=True), "<f4").reshape(shape)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"is not a step in w+ as text ({one_line(error)})") from error
    if not (np.abs(rows) <= _LARGEST).all():  # NaN fails as well
        raise ValueError(f"holds numbers that are not finite, or beyond {_LARGEST:g}")
    return rows.astype(np.float32)
