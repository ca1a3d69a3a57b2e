"""The step in w+ that a photo gave (Eq. 11), kept with the face as text, so that it undoes, copies and saves with it.

The sliders keep working on top of it: w = w_mean + E(identity, expression) + amount * offset.
"""

from __future__ import annotations

import base64
import binascii

import bpy
import numpy as np

from . import names


def to_text(offset: np.ndarray | None) -> str:
    """(18, 512) -> text; None -> empty."""
    if offset is None:
        return ""
    rows = np.ascontiguousarray(offset, "<f4")
    return f"{rows.shape[0]} {rows.shape[1]} {base64.b64encode(rows.tobytes()).decode('ascii')}"


def from_text(text: str) -> np.ndarray | None:
    """What `to_text` made; None for empty text, and for what is none of ours."""
    try:
        layers, width, data = text.split(" ")
        rows = np.frombuffer(base64.b64decode(data, validate=True), "<f4").reshape(int(layers), int(width))
    except (ValueError, binascii.Error):
        return None
    return rows.astype(np.float32) if np.isfinite(rows).all() else None


def read(owner: bpy.types.Object) -> np.ndarray | None:
    """(18, 512) to add to the code of this face (may be an evaluated one); None when there is nothing to add."""
    group = getattr(owner, names.PHOTO, None)
    if group is None or not group.offset or not group.amount:
        return None
    offset = from_text(group.offset)
    return None if offset is None else offset * np.float32(group.amount)
