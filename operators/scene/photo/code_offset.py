"""The step in w+ that a photo gave (Eq. 11), kept with the face as text, so that it undoes, copies and saves with it.

The sliders keep working on top of it: w = w_mean + E(identity, expression) + amount * offset.
"""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.w_offset import from_text, to_text
from .. import names


def read(owner: bpy.types.Object) -> np.ndarray | None:
    """(18, 512) to add to the code of this face (may be an evaluated one); None when there is nothing to add.

    Raises DnpmError when what is kept is damaged.
    """
    group = getattr(owner, names.PHOTO, None)
    if group is None or not group.offset or not group.amount:
        return None
    try:
        offset = from_text(group.offset)
    except ValueError as error:
        raise DnpmError(f"{owner.name}: its photo's detail {error}: press Remove Photo, or Face from Image") from error
    return None if offset is None else offset * np.float32(group.amount)


def write(obj: bpy.types.Object, text: str, amount: float | None = None) -> None:
    """Keep a step, as text; empty takes it away."""
    group = getattr(obj, names.PHOTO)
    group.offset = text
    if amount is not None:
        group.amount = amount


def text_of(obj: bpy.types.Object) -> str:
    """What is added to the face's code as text: the step times its amount. Raises DnpmError as `read`."""
    return to_text(read(obj))
