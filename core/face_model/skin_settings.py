"""What a face's detail has beyond its sliders and is read from a photo: how much older the skin is than the shape says,
and how strong the detail of each region is. In presets: {"age": 8.5, "regions": {"glabella": 0.4}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..files import json_file
from ..files.inputs import brief
from .landmark_uv import landmark_uv
from .model import FaceModel
from .regions import EXPRESSIONS_BY_REGION, region_gain

MOST_YEARS, MOST_STRENGTH = 60.0, 3.0
"""What the sliders in Blender hold."""


@dataclass(frozen=True)
class SkinSettings:
    """age: years by which the skin is older (+) or younger (-) than the shape; regions: name (`regions.py`) -> strength
    0 to 3, 1 where none is named."""

    age: float = 0.0
    regions: Mapping[str, float] = field(default_factory=dict)

    def gain(self, model: FaceModel) -> np.ndarray | None:
        """(256, 256) float32 factors on the map, row 0 at the top; None where all are 1. Raises DnpmError when the
        model lacks landmarks."""
        if all(strength == 1 for strength in self.regions.values()):
            return None
        return region_gain(landmark_uv(model), self.regions)

    def as_json(self) -> dict[str, object]:
        """What `read` takes."""
        found: dict[str, object] = {}
        if self.age:
            found["age"] = round(float(self.age), 4)
        named = {name: round(float(value), 4) for name, value in self.regions.items() if value != 1}
        if named:
            found["regions"] = named
        return found


def read(data: object) -> SkinSettings:
    """The inverse of `as_json`. Raises ValueError with what is wrong."""
    if not isinstance(data, dict):
        raise ValueError(f"must be an object, is {brief(data)}")
    if unknown := sorted(data.keys() - {"age", "regions"}):
        raise ValueError(f"unknown entry {brief(unknown[0])}")
    age, regions = data.get("age", 0.0), data.get("regions", {})
    if not json_file.is_number(age, -MOST_YEARS, MOST_YEARS):
        raise ValueError(f"age must be a number from -{MOST_YEARS:g} to {MOST_YEARS:g}, is {brief(age)}")
    if not isinstance(regions, dict):
        raise ValueError(f"regions must be an object of names and numbers, is {brief(regions)}")
    for name, value in regions.items():
        if name not in EXPRESSIONS_BY_REGION:
            raise ValueError(f"there is no region {brief(name)}; there are {', '.join(EXPRESSIONS_BY_REGION)}")
        if not json_file.is_number(value, 0.0, MOST_STRENGTH):
            raise ValueError(f"{name} must be a number from 0 to {MOST_STRENGTH:g}, is {brief(value)}")
    return SkinSettings(float(age), {name: float(value) for name, value in regions.items()})
