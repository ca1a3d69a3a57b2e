"""The skin's age and regions (core/face_model/skin_settings.py) as a face's controls hold them."""

from __future__ import annotations

import bpy

from ....core.face_model.skin_settings import SkinSettings
from .. import names
from .controls import REGIONS


def of(face: bpy.types.Object) -> SkinSettings:
    """What the face has."""
    group = getattr(face, names.CONTROLS)
    return SkinSettings(
        round(float(group.age), 4), {name: round(float(getattr(group, f"region_{name}")), 4) for name in REGIONS}
    )


def write(face: bpy.types.Object, settings: SkinSettings) -> None:
    """Set age and all regions; those that are not named become 1. What stays as it is makes no new map."""
    group = getattr(face, names.CONTROLS)
    wanted = {"age": settings.age} | {f"region_{name}": settings.regions.get(name, 1.0) for name in REGIONS}
    for name, value in wanted.items():
        if getattr(group, name) != value:
            setattr(group, name, value)
