"""Phones of English as ARPAbet without stress, and the symbols of the voices that speak them."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = "SIL"
VOWELS = ("AA", "AE", "AH", "AO", "EH", "ER", "IH", "IY", "UH", "UW", "AX")
DIPHTHONGS: dict[str, tuple[tuple[str, float], ...]] = {
    "AW": (("AA", 0.6), ("UH", 0.4)), "AY": (("AA", 0.6), ("IH", 0.4)), "EY": (("EH", 0.6), ("IH", 0.4)),
    "OW": (("AO", 0.5), ("UW", 0.5)), "OY": (("AO", 0.55), ("IH", 0.45)),
}  # fmt: skip
"""A diphthong is two targets, each with its share of the time."""
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W",
    "Y", "Z", "ZH",
)  # fmt: skip
ALL = frozenset((*VOWELS, *DIPHTHONGS, *CONSONANTS, SILENCE))

_PAUSES = frozenset({"pau", "sil", "sp", "ssil", "h#", "#", "_", "_:", "", "brth"})
_SAME = {"ax": "AX", "axr": "ER", "el": "L", "em": "M", "en": "N", "nx": "N", "dx": "D", "hv": "HH", "ix": "IH",
         "ux": "UW", "ah0": "AX"}  # fmt: skip

# International phonetic alphabet, the longest first: what espeak-ng names its phones (a mark of length may follow).
_IPA: dict[str, str] = {
    "aɪə": "AY", "aɪɚ": "AY", "aʊ": "AW", "aɪ": "AY", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "tʃ": "CH",
    "dʒ": "JH", "ɪɹ": "IH", "ɛɹ": "EH", "ɑːɹ": "AA", "ɔːɹ": "AO", "oːɹ": "AO", "ʊɹ": "UH", "iə": "IY", "juː": "UW",
    "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ʌ": "AH", "ɐ": "AX", "ə": "AX", "ɔ": "AO", "o": "AO", "ɛ": "EH",
    "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "ɪ": "IH", "i": "IY", "ᵻ": "IH", "ʊ": "UH", "u": "UW", "b": "B",
    "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "k": "K", "l": "L", "ɫ": "L", "m": "M", "n": "N",
    "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "ɾ": "D", "ʔ": "T", "θ": "TH", "v": "V",
    "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH", "x": "K",
    "ʉ": "UW", "y": "UW", "ɵ": "UH", "ɨ": "IH", "ɘ": "AX", "ø": "ER", "ɻ": "R", "ʍ": "W", "ç": "HH", "ɬ": "L",
}  # fmt: skip
_MARKS = "ˈˌːˑ̩̃ʰʲ'-|"


@dataclass(frozen=True)
class Spoken:
    """One phone in a sound: seconds, ARPAbet."""

    start: float
    end: float
    name: str


def from_radio(symbol: str) -> str:
    """flite's and festival's names (the radio set: "aa", "hh", "pau") -> ARPAbet. Raises KeyError on an unknown one."""
    symbol = symbol.strip().lower()
    if symbol in _PAUSES:
        return SILENCE
    name = _SAME.get(symbol, symbol.upper().rstrip("012"))
    if name not in ALL:
        raise KeyError(symbol)
    return name


def from_ipa(symbol: str) -> str | None:
    """espeak-ng's names -> ARPAbet; a sequence is named by its first sound; None for marks alone."""
    cleaned = symbol.strip()
    if cleaned.lower() in _PAUSES:
        return SILENCE
    bare = "".join(c for c in cleaned if c not in _MARKS)
    if not bare:
        return None
    for text in (cleaned, bare):
        for length in (3, 2, 1):
            if text[:length] in _IPA:
                return _IPA[text[:length]]
    raise KeyError(symbol)


def joined(phones: list[Spoken]) -> list[Spoken]:
    """In order, without gaps, overlaps or empty phones; pauses side by side become one."""
    result: list[Spoken] = []
    for phone in sorted(phones, key=lambda p: p.start):
        start = result[-1].end if result else phone.start
        if phone.end <= start:
            continue
        if result and phone.name == result[-1].name == SILENCE:
            result[-1] = Spoken(result[-1].start, phone.end, SILENCE)
        else:
            result.append(Spoken(start, phone.end, phone.name))
    return result
