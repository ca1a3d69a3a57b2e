"""Which two expressions one slider moves when the sides of the face are linked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ....core.face_model.arkit import GROUPS, mirror_name

_GAZE = {"eyeLookInRight": ("eyeLookOutLeft", "Look Left"), "eyeLookOutRight": ("eyeLookInLeft", "Look Right")}
"""Eyes linked look in one direction; the same expression on both sides would cross them."""
_DIRECTIONS = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}
"""These are not sides of one expression: together they would undo each other."""


def partner(name: str) -> str | None:
    """The other expression that moves along with this one of the right side; None for one that has none."""
    if not name.endswith("Right") or name in _DIRECTIONS:
        return None
    return _GAZE[name][0] if name in _GAZE else mirror_name(name)


def linked(names: Sequence[str]) -> dict[str, str]:
    """Right side's name -> its partner's, where both are there."""
    found = set(names)
    return {name: other for name in names if (other := partner(name)) is not None and other in found}


def pair_label(name: str) -> str:
    """`mouthSmileRight` -> `Smile`: of a slider that moves both sides."""
    return _GAZE[name][1] if name in _GAZE else label(name.removesuffix("Right"))


def label(name: str) -> str:
    """`mouthSmileRight` -> `Smile R`: the group's name is above already."""
    sides = {"Left": "L", "Right": "R"}
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    if len(words) > 1 and words[0] in GROUPS:
        words = words[1:]
    side = sides[words.pop()] if len(words) > 1 and words[-1] in sides else ""
    return " ".join([*(word.capitalize() for word in words), side]).strip()
