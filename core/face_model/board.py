"""The face board: which control moves which of ARKit's 52 expressions and the tongue's tip, and the way back. numpy
alone.

Every control has up to two axes, and an axis has an expression in either direction, or in one. With a the axis from -1
to 1, m the axis of a control that moves several along (the mouth's for both corners), and b what both directions have
in common (captures have a little of smile and frown at once, which no place of a control can say):

    plus = min(1, max(a + m, 0) + b)        minus = min(1, max(-a - m, 0) + b)

So every expression from 0 to 1 has its place of the controls, exactly; `channels_of` finds it, `expression_of` is the
way back. The right is the subject's, and is on the left of the board, as one sees a face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arkit import ARKIT_NAMES, TIP_UP

ACROSS, UP = 0, 1
_LETTERS = "xy"


@dataclass(frozen=True)
class Axis:
    """One direction of a control, and the expressions at its ends; an end without one is where the control stops."""

    control: str
    axis: int
    plus: str = ""
    minus: str = ""
    along: str = ""
    """The control whose axis of the same direction moves this one along."""

    @property
    def low(self) -> float:
        """Where it stops."""
        return -1.0 if self.minus else 0.0

    @property
    def high(self) -> float:
        """Where it stops."""
        return 1.0 if self.plus else 0.0

    @property
    def both(self) -> str:
        """The property of the control that holds what both directions have in common; empty for a single one."""
        return f"both_{_LETTERS[self.axis]}" if self.plus and self.minus else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The expressions that it moves."""
        return tuple(name for name in (self.plus, self.minus) if name)


def _of_both_sides() -> list[Axis]:
    """Controls that each side has; across, the subject's left is positive."""
    found = []
    for side, letter in (("Left", "L"), ("Right", "R")):
        left = side == "Left"
        inward, outward = f"eyeLookIn{side}", f"eyeLookOut{side}"
        stretch = f"mouthStretch{side}"
        found += [
            Axis(f"brow.{letter}", UP, f"browOuterUp{side}", f"browDown{side}"),
            Axis(f"look.{letter}", ACROSS, outward if left else inward, inward if left else outward),
            Axis(f"look.{letter}", UP, f"eyeLookUp{side}", f"eyeLookDown{side}"),
            Axis(f"lid.{letter}", UP, f"eyeWide{side}", f"eyeBlink{side}"),
            Axis(f"squint.{letter}", UP, f"eyeSquint{side}"),
            Axis(f"cheek.{letter}", UP, f"cheekSquint{side}"),
            Axis(f"sneer.{letter}", UP, f"noseSneer{side}"),
            Axis(f"corner.{letter}", ACROSS, stretch if left else "", "" if left else stretch),
            Axis(f"corner.{letter}", UP, f"mouthSmile{side}", f"mouthFrown{side}", "mouth"),
            Axis(f"dimple.{letter}", UP, f"mouthDimple{side}"),
            Axis(f"press.{letter}", UP, f"mouthPress{side}"),
            Axis(f"upper_lip.{letter}", UP, f"mouthUpperUp{side}"),
            Axis(f"lower_lip.{letter}", UP, "", f"mouthLowerDown{side}"),
        ]
    return found


MOUTH = "mouth"
AXES: tuple[Axis, ...] = (
    *_of_both_sides(),
    Axis("brow_inner", UP, "browInnerUp"),
    Axis("puff", UP, "cheekPuff"),
    Axis(MOUTH, ACROSS, "mouthLeft", "mouthRight"),
    Axis("jaw", ACROSS, "jawLeft", "jawRight"),
    Axis("jaw", UP, "", "jawOpen"),
    Axis("jaw_forward", UP, "jawForward"),
    Axis("close", UP, "mouthClose"),
    Axis("funnel", UP, "mouthFunnel"),
    Axis("pucker", UP, "mouthPucker"),
    Axis("roll_upper", UP, "mouthRollUpper"),
    Axis("roll_lower", UP, "mouthRollLower"),
    Axis("shrug_upper", UP, "mouthShrugUpper"),
    Axis("shrug_lower", UP, "mouthShrugLower"),
    Axis("tongue", UP, "tongueOut"),
    Axis("tongue_tip", UP, TIP_UP),
)
"""Beside these there is the mouth's UP axis, from -1 to 1, which moves both corners along."""

Channel = tuple[str, str]
"""A control's name and what of it: x, y, both_x or both_y."""
SMILE: Channel = (MOUTH, "y")


def channel(axis: Axis) -> Channel:
    """The axis as a channel."""
    return axis.control, _LETTERS[axis.axis]


def channels_of(expression: np.ndarray) -> dict[Channel, np.ndarray]:
    """(T, 52) from 0 to 1 in ARKit's order, or (T, 53) with tongueTipUp -> (T,) of every channel, from -1 to 1."""
    columns = np.clip(np.asarray(expression, np.float64), 0.0, 1.0).T
    values = dict(zip((*ARKIT_NAMES, TIP_UP)[: max(len(columns), len(ARKIT_NAMES))], columns, strict=True))
    rest = np.zeros(len(expression))
    found: dict[Channel, np.ndarray] = {}
    for axis in AXES:
        plus, minus = values.get(axis.plus, rest), values.get(axis.minus, rest)
        found[channel(axis)] = plus - minus
        if axis.both:
            found[axis.control, axis.both] = np.minimum(plus, minus)
    corners = [channel(axis) for axis in AXES if axis.along]
    found[SMILE] = np.mean([found[one] for one in corners], axis=0)
    for one in corners:
        found[one] = found[one] - found[SMILE]
    return found


def expression_of(channels: dict[Channel, np.ndarray]) -> np.ndarray:
    """The reverse: (T, 52), without the tongue's tip. Channels that are missing rest."""
    count = len(next(iter(channels.values())))
    rest = np.zeros(count)
    found = np.zeros((count, len(ARKIT_NAMES)))
    for axis in AXES:
        place = channels.get(channel(axis), rest)
        if axis.along:
            place = place + channels.get((axis.along, _LETTERS[axis.axis]), rest)
        both = channels.get((axis.control, axis.both), rest)
        for name, way in ((axis.plus, place), (axis.minus, -place)):
            if name in ARKIT_NAMES:
                found[:, ARKIT_NAMES.index(name)] = np.minimum(1.0, np.maximum(way, 0.0) + both)
    return found


def channels_with(names: set[str]) -> set[Channel]:
    """The channels that move any of these expressions."""
    found: set[Channel] = set()
    for axis in AXES:
        if names & set(axis.names):
            found.add(channel(axis))
            if axis.both:
                found.add((axis.control, axis.both))
            if axis.along:
                found.add(SMILE)
    return found
