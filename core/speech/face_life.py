"""What a speaking face does beside its mouth: brows, lids, cheeks, nose, corners, chin. Rules, seeded; numpy alone.

None of it is learnt: no recording with a free licence shows sound and a whole face together. Each rule has its source.

    brows rise, or knit, on accents              Ekman 1979 (batons); Cave et al. 1996; Swerts & Krahmer 2008
    brows rise at the end of a question          Ekman 1979 (question marks)
    corners of the mouth differ from phrase to phrase, and bend at its end       Chovil 1991
    lips press and the chin rises where lips meet (AU 24, 17); nose and cheeks follow the upper lip (AU 10)    FACS 2002
    the jaw comes forward with hiss (s, sh)      Mooshammer et al. 2007
    left and right differ by about a tenth       the recorded takes: smile .443 beside .417, stretch .146 beside .078

How far things move was chosen so that standard deviations over time come near those of recorded takes (docs/speech.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.arkit import ARKIT_NAMES
from .phrases import Accent, Phrase
from .prosody import Prosody, at
from .shapes import add_bump, drift, steps

COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}
_LEAD_S = 0.05
"""Brows begin before the syllable that they mark."""


@dataclass(frozen=True)
class Heard:
    """A sound as the rules see it, and what the mouth does to it, at the frames' times."""

    times: np.ndarray
    """(T,) seconds."""
    prosody: Prosody
    phrases: list[Phrase]
    accents: list[Accent]
    spoken: np.ndarray
    """(T, 52): the decoder's curves."""
    lips: np.ndarray
    """(T,) 0 to 1: how much the lips are meant to meet."""
    speech: np.ndarray
    """(T,) 0 to 1: speech, and not silence."""
    feeling: np.ndarray
    """(T, 7): strength of each emotion."""
    seed: int

    def rng(self, number: int) -> np.random.Generator:
        """Randomness of one rule: rules that are changed leave the others' alone."""
        return np.random.default_rng([self.seed, number])

    def column(self, *names: str) -> np.ndarray:
        """(T,) mean of the spoken columns."""
        return self.spoken[:, [COLUMN[name] for name in names]].mean(1)


def both(result: np.ndarray, unit: str, curve: np.ndarray) -> None:
    """Add a curve (T,) to both sides of a unit, or to the one channel that it is."""
    for name in (unit,) if unit in COLUMN else (f"{unit}Left", f"{unit}Right"):
        result[:, COLUMN[name]] += curve


def accent_curves(heard: Heard) -> tuple[np.ndarray, np.ndarray]:
    """(T,) brows that rise with accents, and brows that knit: 0 to 1. Which of the two follows from chance and mood."""
    rng = heard.rng(11)
    rise, knit = np.zeros((2, len(heard.times)))
    names = ("joy", "anger", "sadness", "fear", "disgust", "surprise", "contempt")
    for accent in heard.accents:
        chance, size, hold, lead = rng.random(), rng.uniform(0.55, 1.0), rng.uniform(0.03, 0.16), rng.uniform(0, 0.05)
        felt = dict(zip(names, heard.feeling[_frame(heard.times, accent.time)], strict=True))
        # An angry speaker's brows go up as well as down: the recorded angry take has browInnerUp .15 +- .20.
        frowns = 0.24 + 0.35 * max(felt["anger"], felt["disgust"]) - 0.2 * max(felt["joy"], felt["surprise"])
        height = accent.weight * size
        where = (heard.times, height, accent.time - _LEAD_S - lead, 0.15, hold, 0.38)
        if chance < frowns:
            add_bump(knit, *where)
        elif chance < 0.88:
            add_bump(rise, *where)
    for phrase in heard.phrases:
        if phrase.asks:
            add_bump(rise, heard.times, 0.75, phrase.end - 0.12, 0.25, 0.15, 0.45)
    return rise, knit


def brows(heard: Heard) -> np.ndarray:
    """(T, 52): brows and the lids that go with them, on accents and over phrases."""
    result = np.zeros(heard.spoken.shape, np.float64)
    rise, knit = accent_curves(heard)
    rng = heard.rng(12)
    level = [abs(rng.normal()) * 0.10 for _ in heard.phrases]
    lift = steps(heard.times, [p.begin - 0.15 for p in heard.phrases], level, 0.6) * (0.4 + 0.6 * heard.speech)
    outer = 0.75 + 0.25 * drift(heard.times, rng)
    both(result, "browInnerUp", 0.62 * rise + lift)
    both(result, "browOuterUp", (0.50 * rise + 0.8 * lift) * outer)
    both(result, "browDown", 0.50 * knit + 0.05 * (drift(heard.times, rng) + 0.5).clip(0))
    both(result, "eyeWide", 0.20 * rise)
    both(result, "eyeSquint", 0.22 * knit)
    return result


def cheeks(heard: Heard) -> np.ndarray:
    """(T, 52): lids that narrow, cheeks and nose that follow the upper lip, and slow life of their own."""
    result = np.zeros(heard.spoken.shape, np.float64)
    rng = heard.rng(13)
    lifted = heard.column("mouthUpperUpLeft", "mouthUpperUpRight")
    wide = heard.column("mouthStretchLeft", "mouthStretchRight")
    loud = _emphasis(heard)
    both(result, "noseSneer", 0.45 * lifted + 0.14 * loud + 0.05 * (drift(heard.times, rng, 0.1, 0.9) + 0.3).clip(0))
    both(result, "cheekSquint", 0.45 * lifted + 0.25 * wide + 0.12 * loud)
    both(result, "eyeSquint", 0.05 + 0.06 * drift(heard.times, rng) + 0.10 * loud + 0.20 * lifted)
    return result.clip(0)


def corners(heard: Heard) -> np.ndarray:
    """(T, 52): smiles, frowns, dimples and pressed lips that differ from phrase to phrase, and the chin."""
    result = np.zeros(heard.spoken.shape, np.float64)
    rng = heard.rng(14)
    starts = [p.begin - 0.1 for p in heard.phrases]
    mood = steps(heard.times, starts, [float(rng.normal(0.1, 0.8)) for _ in starts], 0.55)
    mood = mood + 0.9 * drift(heard.times, rng, 0.15, 1.0)
    # Whoever feels something has no neutral moods beside it.
    calm = 1 - 0.8 * heard.feeling.sum(1).clip(0, 1)
    end_smile, end_dimple, end_press = np.zeros((3, len(heard.times)))
    for phrase in heard.phrases:
        kind, size = rng.random(), rng.uniform(0.6, 1.0)
        if kind < 0.35:
            add_bump(end_smile, heard.times, 0.16 * size, phrase.end - 0.15, 0.3, 0.1, 0.4)
        elif kind < 0.65:
            add_bump(end_dimple, heard.times, 0.26 * size, phrase.end, 0.18, 0.05, 0.25)
        elif kind < 0.9:
            add_bump(end_press, heard.times, 0.18 * size, phrase.end + 0.02, 0.15, 0.02, 0.15)
    wide = heard.column("mouthStretchLeft", "mouthStretchRight")
    round_ = heard.column("mouthPucker", "mouthFunnel")
    # Not before the sound: the mouth opens a little ahead of it, and what is added must not show in silence.
    speech = heard.speech**3
    here = 0.05 + 0.95 * speech
    # A smile makes no room for a rounded mouth, nor for lips that roll in.
    free = (1 - 1.2 * round_).clip(0.3, 1)
    smile = (0.12 * mood.clip(0) + end_smile) * free * calm + heard.column("mouthSmileLeft", "mouthSmileRight")
    both(result, "mouthSmile", smile * here)
    both(result, "cheekSquint", 0.6 * smile * here)
    both(result, "mouthFrown", (0.11 * (-mood).clip(0) + 0.10 * heard.lips) * calm * speech)
    both(result, "mouthDimple", (0.30 * wide + end_dimple + 0.08 * (drift(heard.times, rng) + 0.3).clip(0)) * here)
    both(result, "mouthPress", 0.12 * heard.lips * speech + end_press * here)
    chin = 0.16 * heard.lips + 0.10 * round_ + 0.05 * (drift(heard.times, rng, 0.2, 1.2) + 0.2).clip(0)
    both(result, "mouthShrugLower", chin * speech)
    return result.clip(0)


def jaw(heard: Heard) -> np.ndarray:
    """(T, 52): the jaw comes forward with hiss and wanders a little to the sides as it opens."""
    result = np.zeros(heard.spoken.shape, np.float64)
    rng = heard.rng(15)
    open_ = heard.column("jawOpen")
    hiss = np.clip((at(_smooth(heard.prosody.hiss), heard.times) - 0.25) / 0.5, 0, 1) * heard.speech**3
    both(result, "jawForward", 0.14 * hiss + 0.10 * heard.column("mouthFunnel"))
    aside = 2 * drift(heard.times, rng, 0.1, 0.8)
    for side, sign in (("Left", 1), ("Right", -1)):
        both(result, f"jaw{side}", 0.16 * (sign * aside).clip(0) * open_)
        both(result, f"mouth{side}", 0.06 * (sign * drift(heard.times, rng, 0.2, 0.9)).clip(0) * 2 * heard.speech**3)
    return result.clip(0)


def uneven(heard: Heard) -> np.ndarray:
    """(T, 52) factors around 1: the two sides of a pair are never quite alike, one way now and another way later."""
    result = np.ones(heard.spoken.shape, np.float64)
    rng = heard.rng(16)
    for part, amount in (
        ("mouth", 0.11), ("cheek", 0.10), ("nose", 0.10), ("browOuter", 0.12), ("browDown", 0.07), ("eyeSquint", 0.04),
    ):  # fmt: skip
        lean = amount * np.clip(rng.normal(), -1.5, 1.5) + 0.8 * amount * drift(heard.times, rng, 0.05, 0.4)
        for k, name in enumerate(ARKIT_NAMES):
            if name.startswith(part) and name not in ("mouthLeft", "mouthRight"):
                result[:, k] += lean * (name.endswith("Left") * 1.0 - name.endswith("Right") * 1.0)
    return result


def _emphasis(heard: Heard) -> np.ndarray:
    """(T,) 0 to 1: effort, around the accents."""
    curve = np.zeros(len(heard.times))
    for accent in heard.accents:
        add_bump(curve, heard.times, accent.weight, accent.time, 0.16, 0.05, 0.3)
    return curve


def _smooth(values: np.ndarray) -> np.ndarray:
    if len(values) < 7:
        return values
    kernel = np.hanning(9)[1:-1]
    return np.convolve(np.pad(values, 3, mode="edge"), kernel / kernel.sum(), "valid")


def _frame(times: np.ndarray, second: float) -> int:
    return int(np.clip(np.searchsorted(times, second), 0, len(times) - 1))
