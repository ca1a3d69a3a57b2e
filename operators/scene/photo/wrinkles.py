"""A photo's own wrinkles (core/photo/restore/), kept with the face as text, so that they undo, copy and save with it.

They are added to whatever map the sliders give, as heights on the detail UV: they move with the face.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.relief import from_text, scaled
from .. import names


def read(owner: bpy.types.Object) -> np.ndarray | None:
    """(R, R) mm to add to the map of this face (may be an evaluated one), read-only and the same object while nothing
    changes; None when there is nothing to add.

    Raises DnpmError when what is kept is damaged.
    """
    group = getattr(owner, names.PHOTO, None)
    if group is None or not group.relief or not group.wrinkles:
        return None
    try:
        return _heights(group.relief, round(float(group.wrinkles), 4))
    except ValueError as error:
        raise DnpmError(
            f"{owner.name}: its photo's wrinkles: the text {error}: press Remove Photo, or Face from Image"
        ) from error


def write(obj: bpy.types.Object, text: str, amount: float | None = None) -> None:
    """Keep wrinkles, as text; empty takes them away."""
    group = getattr(obj, names.PHOTO)
    group.relief = text
    if amount is not None:
        group.wrinkles = amount


def text_of(obj: bpy.types.Object) -> str:
    """What is added to the face's map as text: the wrinkles times their amount. Raises DnpmError as `read`."""
    group = getattr(obj, names.PHOTO)
    if read(obj) is None:
        return ""
    return scaled(group.relief, float(group.wrinkles))


def digest_of(relief: np.ndarray) -> bytes:
    """Names the heights (R, R) mm. Those of `read` are not hashed again."""
    known = _digests.get(id(relief))
    if known is not None and known[0] is relief:
        return known[1]
    digest = hashlib.blake2b(np.ascontiguousarray(relief, np.float32).tobytes(), digest_size=16).digest()
    if len(_digests) >= _KEPT:
        _digests.clear()
    _digests[id(relief)] = relief, digest
    return digest


_KEPT = 8
"""Reliefs in memory, a megabyte each."""
_digests: dict[int, tuple[np.ndarray, bytes]] = {}


@lru_cache(_KEPT)
def _heights(text: str, amount: float) -> np.ndarray | None:
    relief = from_text(text)
    if relief is None:
        return None
    heights = relief * np.float32(amount)
    heights.setflags(write=False)
    return heights
