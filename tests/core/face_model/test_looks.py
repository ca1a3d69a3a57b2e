"""Looks: read from JSON and from the command line's pairs, and what is wrong with them is said."""

from __future__ import annotations

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.looks import HAIRS, IRISES, TONES, Look, nearest_tone, read_look, read_pairs


def test_a_look_comes_back_from_its_json():
    look = Look("deep", 0.5, 0.25, 2.0, 1.0, (0.1, 0.2, 0.3), 1.5, 0.5, 0.8, "red")
    assert read_look(look.as_json()) == look
    assert read_look({}) == Look()


def test_what_is_left_out_stays_as_in_the_base():
    base = Look(tone="olive", stubble=0.5)
    assert read_look({"freckles": 1}, base) == Look(tone="olive", stubble=0.5, freckles=1.0)


def test_pairs_of_the_command_line():
    assert read_pairs("tone=brown, stubble=.5,iris=green") == {"tone": "brown", "stubble": 0.5, "iris": "green"}
    assert read_look(read_pairs("iris=blue")).iris == IRISES["blue"]
    assert read_pairs("") == {}
    for text in ("tone", "tone=", "=3"):
        with pytest.raises(DnpmError, match="name=value"):
            read_pairs(text)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"tone": "purple"}, "porcelain"),
        ({"tone": []}, "must be one of"),
        ({"stubble": 3}, "from 0 to 2"),
        ({"stubble": True}, "from 0 to 2"),
        ({"freckles": float("nan")}, "from 0 to 2"),
        ({"beard": 1}, "no 'beard'"),
        ({"hair_colour": "pink"}, "dark_brown"),
        ({"hair_colour": 1}, "must be one of"),
        ({"iris": "pink"}, "hazel"),
        ({"iris": [0.1, 0.2]}, "three numbers"),
        ({"iris": [0.1, 0.2, -1]}, "three numbers"),
        ("brown", "must be an object"),
    ],
)
def test_mistakes_are_told(entry, told):
    with pytest.raises(ValueError, match=told):
        read_look(entry)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ValueError, match=r"purple.*stubble"):
        read_look({"tone": "purple", "stubble": -1})


def test_a_dark_photo_of_fair_skin_is_fair():
    """By RGB alone it was the next darker tone, with another hue."""
    for name, tone in TONES.items():
        assert nearest_tone(tone.base) == name
    assert nearest_tone([0.9 * c for c in TONES["fair"].base]) == "fair"
    assert nearest_tone([0.9 * c for c in TONES["porcelain"].base]) == "porcelain"
    assert nearest_tone((0.682, 0.528, 0.465)) == "fair"
    assert nearest_tone([0.55 * c for c in TONES["fair"].base]) not in ("porcelain", "fair")


def test_hair_has_the_tones_colour_or_its_own():
    assert Look("brown").hair_srgb == TONES["brown"].brow
    grey = Look("brown", hair_colour="grey")
    assert grey.hair_srgb == HAIRS["grey"]
    assert TONES["brown"].brow < grey.brow_srgb < HAIRS["grey"], "brows turn grey later"
    assert Look("brown", hair_colour="red").brow_srgb == HAIRS["red"]
