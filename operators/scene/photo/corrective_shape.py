"""What a photo says about a face's shape beyond its sliders, on top of the mesh and of every expression, as if it had
been sculpted: so a new identity keeps it. Kept as text beside, so that another photo, or Remove Photo, takes it away.
"""

from __future__ import annotations

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model.corrective import from_text
from ....core.face_model.units import to_blender
from .. import names
from ..face import identity


def write(face: bpy.types.Object, text: str) -> None:
    """Give the face this corrective shape instead of the one it has; empty: none. Raises DnpmError, with nothing
    changed, when it is damaged or another model's."""
    group = getattr(face, names.PHOTO)
    if text == group.corrective:
        return
    count = len(face.data.vertices)
    try:
        wanted = from_text(text)
    except ValueError as error:
        raise DnpmError(f"{face.name}: its photo's shape: the text {error}: press Face from Image") from error
    if wanted is not None and len(wanted) != count:
        raise DnpmError(
            f"{face.name}: the photo's shape has {len(wanted)} vertices, the face {count}: it is another face model's"
        )
    change = np.zeros((count, 3), np.float32) if wanted is None else wanted
    try:
        before = from_text(group.corrective)
    except ValueError:
        before = None  # Damaged by hand: what it moved cannot be told any more, and stays.
    if before is not None and len(before) == count:
        change = change - before
    identity.add(face, to_blender(change, getattr(face, names.FACE).unit_scale))
    group.corrective = text


def text_of(face: bpy.types.Object) -> str:
    """What it has, for presets."""
    return str(getattr(face, names.PHOTO).corrective)
