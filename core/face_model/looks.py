"""How a person is coloured: skin tone, redness, brows, freckles, stubble, cropped hair and irises; how that is written.

In presets and batches a look is a JSON object, {"tone": "brown", "freckles": 0.5, "iris": "green"}, on the command line
`tone=brown,freckles=.5,iris=green`. What is left out is as in a new face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import DnpmError
from ..files.inputs import brief
from ..files.json_file import is_number

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Tone:
    """A skin's colours, all sRGB."""

    base: Colour
    """What the whole head has."""
    deep: Colour
    """Of the base's blotches."""
    flush: Colour
    """Where blood shows: cheeks, nose, lids."""
    shade: Colour
    """Thin skin under the eyes and in the lids' fold."""
    lip: Colour
    lip_line: Colour
    freckle: Colour
    brow: Colour


# From light to dark, after the order of Fitzpatrick's six types: more melanin is darker and less blue, and hides blood.
TONES: dict[str, Tone] = {
    "porcelain": Tone(
        (0.84, 0.69, 0.62), (0.78, 0.58, 0.52), (0.83, 0.43, 0.39), (0.58, 0.42, 0.43), (0.772, 0.513, 0.477),
        (0.48, 0.20, 0.20), (0.66, 0.45, 0.33), (0.40, 0.28, 0.18),
    ),
    "fair": Tone(
        (0.75, 0.58, 0.50), (0.66, 0.47, 0.39), (0.74, 0.36, 0.29), (0.47, 0.31, 0.30), (0.696, 0.444, 0.395),
        (0.42, 0.17, 0.16), (0.50, 0.31, 0.21), (0.21, 0.145, 0.105),
    ),
    "medium": Tone(
        (0.69, 0.51, 0.40), (0.60, 0.41, 0.31), (0.66, 0.33, 0.25), (0.42, 0.27, 0.24), (0.636, 0.401, 0.332),
        (0.37, 0.15, 0.13), (0.44, 0.27, 0.18), (0.15, 0.10, 0.075),
    ),
    "olive": Tone(
        (0.61, 0.46, 0.34), (0.53, 0.37, 0.26), (0.58, 0.31, 0.22), (0.36, 0.25, 0.20), (0.569, 0.365, 0.292),
        (0.31, 0.13, 0.11), (0.37, 0.23, 0.15), (0.10, 0.07, 0.055),
    ),
    "brown": Tone(
        (0.46, 0.31, 0.22), (0.38, 0.24, 0.165), (0.45, 0.22, 0.155), (0.25, 0.155, 0.12), (0.446, 0.269, 0.217),
        (0.22, 0.09, 0.075), (0.26, 0.155, 0.10), (0.065, 0.045, 0.035),
    ),
    "deep": Tone(
        (0.31, 0.205, 0.15), (0.25, 0.155, 0.11), (0.31, 0.145, 0.105), (0.165, 0.10, 0.08), (0.33, 0.191, 0.16),
        (0.155, 0.06, 0.055), (0.17, 0.10, 0.07), (0.04, 0.03, 0.025),
    ),
}  # fmt: skip
DEFAULT_TONE = "fair"


IRISES: dict[str, Colour] = {
    "dark": (0.045, 0.024, 0.013),
    "brown": (0.095, 0.05, 0.024),
    "hazel": (0.09, 0.054, 0.023),
    "green": (0.085, 0.095, 0.052),
    "blue": (0.075, 0.105, 0.135),
    "grey": (0.115, 0.128, 0.135),
}
"""Linear RGB of an iris between pupil and limbus."""
DEFAULT_IRIS = "brown"

HAIRS: dict[str, Colour] = {
    "black": (0.06, 0.05, 0.045),
    "dark_brown": (0.125, 0.085, 0.062),
    "brown": (0.21, 0.145, 0.10),
    "blond": (0.47, 0.36, 0.235),
    "red": (0.37, 0.19, 0.105),
    "grey": (0.36, 0.35, 0.335),
    "white": (0.60, 0.585, 0.56),
}
"""sRGB of brows, stubble and scalp hair."""
_GREYS, _BROWS_TURN = ("grey", "white"), 0.5
"""Brows turn grey later than the rest: how far they have."""
TONES_HAIR = "tone"
"""Instead of one of HAIRS: the colour that is most common with the skin tone."""


@dataclass(frozen=True)
class Look:
    """A person's colours. The amounts are 0 for none, 1 for as strong as it is common, at most 2."""

    tone: str = DEFAULT_TONE
    """One of TONES."""
    flush: float = 1.0
    """Redness of cheeks, nose and lids."""
    brows: float = 1.0
    """How dark they are."""
    freckles: float = 0.3
    stubble: float = 0.0
    iris: Colour = IRISES[DEFAULT_IRIS]
    """Linear RGB; the eyes are not part of the paint."""
    brow_width: float = 1.0
    brow_arch: float = 1.0
    hair: float = 0.0
    """How densely closely cropped hair covers the scalp."""
    hair_colour: str = TONES_HAIR
    """One of HAIRS, or TONES_HAIR."""

    @property
    def hair_srgb(self) -> Colour:
        """Colour of stubble and scalp hair."""
        return HAIRS.get(self.hair_colour, TONES[self.tone].brow)

    @property
    def brow_srgb(self) -> Colour:
        """Colour of the brows."""
        if self.hair_colour not in _GREYS:
            return self.hair_srgb
        r, g, b = (
            old + _BROWS_TURN * (new - old) for old, new in zip(TONES[self.tone].brow, self.hair_srgb, strict=True)
        )
        return r, g, b

    def as_json(self) -> dict[str, Any]:
        """What `read_look` reads."""
        return asdict(self) | {"iris": [round(c, 4) for c in self.iris]}


DEFAULT_LOOK = Look()
AMOUNTS = ("flush", "brows", "brow_width", "brow_arch", "freckles", "stubble", "hair")
AMOUNT_LIMIT = 2.0


def nearest_tone(skin: Iterable[float]) -> str:
    """The tone whose skin is most like this sRGB colour. How light it is counts a third of its hue: a photo's
    exposure is not known."""
    colour = [float(c) for c in skin]
    level = max(sum(colour) / 3, 1e-6)

    def unlike(name: str) -> float:
        base = TONES[name].base
        own = sum(base) / 3
        hue = sum((a / own - b / level) ** 2 for a, b in zip(base, colour, strict=True)) * own * own
        return hue + 3 * ((own - level) / 3) ** 2

    return min(TONES, key=unlike)


def read_look(entry: Any, base: Look | None = None) -> Look:
    """A look from JSON data, on top of `base` (default: a new face's). Raises ValueError that lists what is wrong."""
    look = base or DEFAULT_LOOK
    if not isinstance(entry, Mapping):
        raise ValueError(f'{brief(entry)} must be an object such as {{"tone": "brown", "stubble": 0.5}}')
    problems = []
    amounts: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "tone" and isinstance(value, str) and value in TONES:
            look = replace(look, tone=value)
        elif key == "tone":
            problems.append(f"the tone must be one of {', '.join(TONES)}, is {brief(value)}")
        elif key == "hair_colour" and isinstance(value, str) and value in (TONES_HAIR, *HAIRS):
            look = replace(look, hair_colour=value)
        elif key == "hair_colour":
            problems.append(f"the hair_colour must be one of {', '.join((TONES_HAIR, *HAIRS))}, is {brief(value)}")
        elif key == "iris":
            colour = IRISES.get(value) if isinstance(value, str) else value
            if isinstance(colour, list | tuple) and len(colour) == 3 and all(is_number(c, 0, 1) for c in colour):
                look = replace(look, iris=(float(colour[0]), float(colour[1]), float(colour[2])))
            else:
                problems.append(
                    f"the iris must be one of {', '.join(IRISES)}, or three numbers from 0 to 1, is {brief(value)}"
                )
        elif key not in AMOUNTS:
            problems.append(f"a look has no {brief(key)} (known: tone, {', '.join(AMOUNTS)}, hair_colour, iris)")
        elif is_number(value, 0, AMOUNT_LIMIT):
            amounts[key] = float(value)
        else:
            problems.append(f"{key} must be a number from 0 to {AMOUNT_LIMIT:g}, is {brief(value)}")
    if problems:
        raise ValueError("; ".join(problems[:8]))
    return replace(look, **amounts)


def read_pairs(text: str) -> dict[str, Any]:
    """`tone=brown,stubble=.5` as the JSON data that `read_look` reads. Raises DnpmError when it is not of this form."""
    data: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not key or not equals or not value:
            raise DnpmError(f"{part!r} is not a name=value pair; write for example tone=brown,stubble=.5,iris=green")
        try:
            data[key] = float(value)
        except ValueError:
            data[key] = value
    return data
