"""Where everything on the board is: controls, groups and their labels, in the board's units.

A unit is the way of a control from rest to its end; x goes to the subject's left, y up, and the mouth is at the origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....core.face_model.board import ACROSS, AXES, MOUTH, UP

LABEL, TITLE = 0.34, 0.46
"""Heights of the writing."""
WIDTH, HEIGHT, MIDDLE = 19.0, 24.4, -0.2
"""Of the whole board, and how high its middle is."""


@dataclass(frozen=True)
class Panel:
    """A group: a field with a title; its edges."""

    title: str
    left: float
    right: float
    low: float
    high: float


PANELS = (
    Panel("BROWS", -9.0, 9.0, 7.6, 11.6),
    Panel("EYES", -9.0, 9.0, 3.5, 7.3),
    Panel("NOSE AND CHEEKS", -9.0, 9.0, -0.1, 3.2),
    Panel("MOUTH", -9.0, 9.0, -4.3, -0.4),
    Panel("LIPS", -9.0, 9.0, -8.2, -4.6),
    Panel("JAW AND TONGUE", -9.0, 9.0, -12.0, -8.5),
)
_PLACES: dict[str, tuple[float, float, str]] = {
    # Of the left side or the middle: where it rests, and its label. The other side is its mirror.
    "brow.L": (4.4, 9.45, "Brow"),
    "brow_inner": (0.0, 8.95, "Inner"),
    "look.L": (2.0, 5.25, "Look"),
    "lid.L": (4.8, 5.25, "Lid"),
    "squint.L": (6.8, 4.75, "Squint"),
    "puff": (0.0, 0.75, "Puff"),
    "sneer.L": (2.6, 0.75, "Sneer"),
    "cheek.L": (5.4, 0.75, "Cheek"),
    MOUTH: (0.0, -2.2, "Mouth"),
    "upper_lip.L": (2.2, -1.95, ""),
    "lower_lip.L": (2.2, -2.45, "Lips"),
    "corner.L": (3.7, -2.2, "Corner"),
    "dimple.L": (6.0, -2.7, "Dimple"),
    "press.L": (8.0, -2.7, "Press"),
    "pucker": (-7.35, -6.7, "Pucker"),
    "funnel": (-4.9, -6.7, "Funnel"),
    "close": (-2.45, -6.7, "Close"),
    "roll_upper": (0.0, -6.7, "Roll\nUpper"),
    "roll_lower": (2.45, -6.7, "Roll\nLower"),
    "shrug_upper": (4.9, -6.7, "Shrug\nUpper"),
    "shrug_lower": (7.35, -6.7, "Shrug\nLower"),
    "jaw": (0.0, -10.05, "Jaw"),
    "jaw_forward": (-4.9, -11.05, "Forward"),
    "tongue": (4.9, -11.05, "Tongue"),
    "tongue_tip": (7.35, -11.05, "Tip"),
}


@dataclass(frozen=True)
class Control:
    """One control: where it rests, how far it goes, its label."""

    name: str
    x: float
    y: float
    label: str
    across: tuple[float, float]
    """How far it goes to the subject's right and left; (0, 0): not at all."""
    up: tuple[float, float]
    """How far it goes down and up."""

    @property
    def is_field(self) -> bool:
        """Whether it moves both ways."""
        return self.across != (0.0, 0.0) and self.up != (0.0, 0.0)

    @property
    def side(self) -> str:
        """L, R or nothing."""
        return self.name[-1] if self.name[-2:] in (".L", ".R") else ""


def controls() -> Iterator[Control]:
    """All of them."""
    reach: dict[str, dict[int, tuple[float, float]]] = {MOUTH: {UP: (-1.0, 1.0)}}
    for axis in AXES:
        reach.setdefault(axis.control, {})[axis.axis] = (axis.low, axis.high)
    for name, ways in reach.items():
        mirrored = name.endswith(".R")
        x, y, label = _PLACES[name[:-1] + "L" if mirrored else name]
        none = (0.0, 0.0)
        yield Control(name, -x if mirrored else x, y, label, ways.get(ACROSS, none), ways.get(UP, none))
