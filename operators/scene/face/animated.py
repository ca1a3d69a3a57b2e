"""Whether keyframes or drivers move a face's identity."""

from __future__ import annotations

import bpy

from .. import compat, names

_PATH = f"{names.FACE}.identity"


def has_identity(face: bpy.types.Object) -> bool:
    """Whether a curve or a driver belongs to an identity slider. NLA strips count whatever they hold."""
    data = face.animation_data
    if data is None:
        return False
    curves = (*data.drivers, *compat.curves_of(data))
    return any(curve.data_path.startswith(_PATH) for curve in curves) or any(track.strips for track in data.nla_tracks)
