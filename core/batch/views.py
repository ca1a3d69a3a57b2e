"""Where the camera stands: named views, or angles and a target of one's own."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ..files import names
from ..files.inputs import brief, one_line
from ..files.json_file import is_number

_MAP = names.key("displacement")
"""An item's map has this name; a view's picture lies beside it."""
TARGETS = ("head", "portrait", "face", "forehead", "eyes", "nose", "mouth")


@dataclass(frozen=True)
class View:
    """A camera around the face. Angles are seen from the face: azimuth 0 looks it in the eye."""

    name: str
    azimuth: float = 0.0
    """Degrees to the subject's left (the picture then shows more of the left cheek), -180 to 180."""
    elevation: float = 0.0
    """Degrees above (positive) or below eye level, -80 to 80."""
    target: str = "face"
    """The part in the middle of the picture, from TARGETS; it also sets how near the camera is."""
    zoom: float = 1.0
    """Above 1 nearer, below 1 farther than the target's own framing."""

    def as_json(self) -> dict[str, str | float]:
        return asdict(self)


NAMED: dict[str, View] = {
    view.name: view
    for view in (
        View("front", target="head"),
        View("left", azimuth=90, target="head"),
        View("right", azimuth=-90, target="head"),
        View("three_quarter_left", azimuth=35, elevation=5, target="head"),
        View("three_quarter_right", azimuth=-35, elevation=5, target="head"),
        View("above", elevation=35, target="head"),
        View("below", elevation=-30, target="head"),
        View("portrait", azimuth=20, elevation=3, target="portrait"),
        View("closeup", azimuth=22, elevation=4, target="face", zoom=1.25),
        View("forehead", azimuth=15, elevation=8, target="forehead"),
        View("eyes", azimuth=20, target="eyes"),
        View("mouth", azimuth=20, target="mouth"),
    )
}


def read_view(entry: Any) -> View:
    """A name of NAMED, or {"name", "azimuth", "elevation", "target", "zoom"}. Raises ValueError with what is wrong."""
    if isinstance(entry, View):
        return entry
    if isinstance(entry, str):
        if entry not in NAMED:
            raise ValueError(f"{brief(entry)} is not a view; named ones are {', '.join(NAMED)}")
        return NAMED[entry]
    if not isinstance(entry, dict):
        raise ValueError(f"{brief(entry)} must be a view's name or an object")
    unknown = set(entry) - {"name", "azimuth", "elevation", "target", "zoom"}
    if unknown:
        raise ValueError(f"a view has no {one_line(', '.join(sorted(unknown)), 100)}")
    name = entry.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise ValueError('a view of your own needs a "name" of letters, digits, "_" and "-"')
    if reason := names.problem(name) or (f"{name!r} is the map's file" if names.key(name) == _MAP else ""):
        raise ValueError(f"view {reason}; choose another name")
    if entry.get("target", "face") not in TARGETS:
        raise ValueError(f"view {name!r}: the target must be one of {', '.join(TARGETS)}")
    limits = {"azimuth": (-180.0, 180.0), "elevation": (-80.0, 80.0), "zoom": (0.1, 20.0)}
    for key, (low, high) in limits.items():
        value = entry.get(key, low)
        if not is_number(value, low, high):
            raise ValueError(f"view {name!r}: {key} must be a number from {low:g} to {high:g}, is {brief(value)}")
    return View(
        name,
        float(entry.get("azimuth", 0.0)),
        float(entry.get("elevation", 0.0)),
        str(entry.get("target", "face")),
        float(entry.get("zoom", 1.0)),
    )
