"""Capital letters as lines, for the board's labels: a letter is 4 wide and 6 high on its grid."""

from __future__ import annotations

from collections.abc import Iterator

_WIDE, _HIGH, _STEP = 4, 6, 6
_NARROW = {"I": 2, ".": 2, " ": 3}
_LETTERS = {
    "A": "00 26 40,13 33", "B": "00 06 36 45 44 33 03,33 42 41 30 00", "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00", "E": "46 06 00 40,03 33", "F": "46 06 00,03 33", "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06,40 46,03 43", "I": "10 16", "J": "46 41 30 10 01", "K": "00 06,46 02,13 40", "L": "06 00 40",
    "M": "00 06 23 46 40", "N": "00 06 40 46", "O": "01 05 16 36 45 41 30 10 01", "P": "00 06 36 45 44 33 03",
    "Q": "01 05 16 36 45 41 30 10 01,22 40", "R": "00 06 36 45 44 33 03,23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01", "T": "06 46,20 26", "U": "06 01 10 30 41 46", "V": "06 20 46",
    "W": "06 10 23 30 46", "X": "00 46,06 40", "Y": "06 23 46,23 20", "Z": "06 46 00 40", ".": "10 11",
}  # fmt: skip


def _advance(letter: str) -> int:
    return _NARROW.get(letter, _WIDE) + _STEP - _WIDE


def width(text: str, size: float) -> float:
    """How wide a line of writing is, `size` high."""
    return (sum(_advance(letter) for letter in text.upper()) - (_STEP - _WIDE)) * size / _HIGH


def lines(text: str, size: float) -> Iterator[list[tuple[float, float]]]:
    """The lines of a text from (0, 0) on."""
    x = 0.0
    for letter in text.upper():
        for stroke in filter(None, _LETTERS.get(letter, "").split(",")):
            yield [((x + int(point[0])) * size / _HIGH, int(point[1]) * size / _HIGH) for point in stroke.split()]
        x += _advance(letter)
