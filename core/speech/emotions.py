"""Eight emotions as ARKit expressions, and their strength over time. Rules, not learnt; numpy alone.

Which muscles act in which emotion is EMFACS (Friesen & Ekman 1983; Ekman, Friesen & Hager 2002, table 10-1). How far is
a choice, checked against the means of recorded performances (angry, fearful, sad). During speech the lips have work to
do, hence the actions of the lower face are weaker than in a still picture.

An emotion over time is a few `EmotionKey`s. Between two of them strengths go over smoothly; `AUTO` says how much the
voice itself decides (`voice_emotion.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES

NEUTRAL, AUTO = "neutral", "auto"
_TABLES: dict[str, str] = {
    # AU 6 + 12, with 25 and a little 7: the smile that reaches the eyes.
    "joy": "mouthSmile .80 cheekSquint .80 eyeSquint .36 mouthUpperUp .16 mouthDimple .20 browOuterUp .10 "
    "noseSneer .08 mouthStretch .05",
    # AU 4 + 5 + 7 + 10 + 23, 29: brows down, a hard stare through narrowed lids, tight lips, the jaw forward.
    "anger": "browDown 1.0 eyeWide .30 eyeSquint .60 noseSneer .62 mouthPress .40 mouthFrown .30 mouthShrugLower .20 "
    "mouthUpperUp .14 mouthStretch .14 jawForward .30 cheekSquint .14 mouthRollLower .06 mouthLowerDown .10",
    # AU 1 + 4 + 15 + 17, 64: inner brows up, corners down, the lids hang a little. AU 4 draws the brows together more
    # than down: as much browDown as fear has takes the slant away by which sadness is known.
    "sadness": "browInnerUp 1.0 browDown .14 mouthFrown 1.0 mouthShrugLower .50 eyeSquint .08 eyeBlink .06 "
    "eyeLookDown .08 cheekSquint .10 mouthStretch .10 mouthPress .08",
    # AU 1 + 2 + 4 + 5 + 20 + 26: brows up and drawn together, hence flat, where surprise has them in an arch; the mouth
    # wide, where surprise has it tall.
    "fear": "browInnerUp .95 browOuterUp .25 browDown .48 eyeWide 1.0 mouthStretch .95 jawOpen .07 mouthLowerDown .28 "
    "mouthFrown .30 eyeSquint .10 mouthDimple .10",
    # AU 9 + 10 + 15 + 16, 4 and 7 as the nose wrinkles.
    "disgust": "noseSneer 1.0 mouthUpperUp .42 cheekSquint .55 eyeSquint .55 browDown .55 mouthFrown .40 "
    "mouthLowerDown .14 mouthShrugLower .16 mouthShrugUpper .10",
    # AU 1 + 2 + 5 + 26.
    "surprise": "browInnerUp 1.0 browOuterUp 1.0 eyeWide .80 jawOpen .24 mouthFunnel .20 mouthUpperUp .05",
    # AU 14, on one side (R14 or L14), with the lids a little down and the head back.
    "contempt": "mouthDimple .26 mouthSmile .12 mouthPress .24 noseSneer .10 eyeSquint .12 eyeBlink .03 browDown .22 "
    "cheekSquint .08 mouthShrugLower .16 eyeLookDown .03",
}
_STRESSED: dict[str, str] = {
    "joy": "mouthSmile .30 cheekSquint .26 eyeSquint .16 browInnerUp .18 browOuterUp .24 noseSneer .16 "
    "mouthUpperUp .16",
    "anger": "noseSneer .50 mouthUpperUp .28 eyeSquint .28 browDown .20 cheekSquint .18 mouthShrugLower .30 "
    "mouthFrown .16 mouthStretch .14",
    "sadness": "browInnerUp .24 mouthShrugLower .40 mouthFrown .20 cheekSquint .14 eyeSquint .16 noseSneer .10",
    "fear": "browOuterUp .40 browInnerUp .20 browDown .20 mouthStretch .24 eyeWide .20 noseSneer .14 mouthFrown .22 "
    "mouthUpperUp .14",
    "disgust": "noseSneer .44 mouthUpperUp .40 cheekSquint .24 browDown .22 eyeSquint .18 mouthShrugLower .20",
    "surprise": "browInnerUp .24 browOuterUp .30 eyeWide .20 mouthStretch .14 mouthUpperUp .16 noseSneer .12",
    "contempt": "mouthDimple .14 mouthShrugLower .34 browDown .24 eyeSquint .12 noseSneer .12 eyeBlink .06",
}
"""What an emotion does beyond its own strength on a stressed syllable: its own actions, and their neighbours'. A
speaker marks words with the muscles that the feeling uses anyway (Ekman 1979), the upper face most, and more in
emotional than in neutral speech (Busso & Narayanan 2007). How far: so that brows, nose and corners vary within two
seconds by the share of their mean by which they do in the recorded takes (.16 to .6)."""
_CONTEMPT_SIDE = {
    "mouthDimple": 0.60, "mouthSmile": 0.50, "noseSneer": 0.36, "cheekSquint": 0.30, "browOuterUp": 0.50,
}  # fmt: skip
"""What one side does beyond the other."""
_CONTEMPT_SIDE_STRESSED = {
    "mouthDimple": 0.26, "mouthSmile": 0.22, "noseSneer": 0.40, "cheekSquint": 0.24, "browOuterUp": 0.34,
    "mouthUpperUp": 0.16,
}  # fmt: skip
EMOTIONS: tuple[str, ...] = tuple(_TABLES)
"""Without neutral, which is the absence of them all."""
CHOICES = (NEUTRAL, *EMOTIONS)
HEAD: dict[str, tuple[float, float, float]] = {
    "joy": (0.0, -1.5, 2.0), "anger": (0.0, 4.0, 0.0), "sadness": (0.0, 7.0, 2.0), "fear": (2.0, -3.0, 0.0),
    "disgust": (5.0, -3.0, 2.0), "surprise": (0.0, -4.0, 0.0), "contempt": (4.0, -5.0, 3.5),
}  # fmt: skip
"""Yaw, pitch (nose down), roll in degrees at full strength: where the head goes (Wallbott 1998)."""
USUAL_STRENGTH = 0.7
"""Where an emotion is named without one."""
BLEND_S = 0.6
"""Seconds that a change takes where its neighbours leave it room."""
_CURVE_S = 0.25
"""Keys that are nearer to each other are samples of a curve: between them lie straight lines."""
_KINDS = (*EMOTIONS, AUTO)


@dataclass(frozen=True)
class EmotionKey:
    """From `time` (seconds of the sound) on the face feels `strengths`: one number, 0 to 1, for each of EMOTIONS and
    for AUTO, in that order."""

    time: float
    strengths: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.strengths) != len(_KINDS):
            raise DnpmError(f"an emotion key needs {len(_KINDS)} strengths, got {len(self.strengths)}")
        if not math.isfinite(self.time) or not all(0 <= value <= 1 for value in self.strengths):
            raise DnpmError(f"emotion at {self.time:g} s: strengths must be 0 to 1, are {self.strengths}")

    @property
    def auto(self) -> float:
        """How much the voice decides."""
        return self.strengths[-1]


def key(time: float, strengths: Mapping[str, float]) -> EmotionKey:
    """{"joy": 0.7} at a time. Raises DnpmError on another name, or a strength that is not 0 to 1."""
    if unknown := [name for name in strengths if name not in (*_KINDS, NEUTRAL)]:
        raise DnpmError(f"emotion {unknown[0]!r}: there are {', '.join((*CHOICES, AUTO))}")
    return EmotionKey(time, tuple(float(strengths.get(name, 0.0)) for name in _KINDS))


def parse(texts: list[str]) -> tuple[EmotionKey, ...]:
    """["joy:.7,surprise:.3", "anger@4.2"] -> keys: NAME[:STRENGTH][,...][@SECONDS], without a strength
    0.7 (auto: 1), without a time 0. Raises DnpmError on anything else."""
    keys = []
    for text in texts:
        names, _, seconds = text.partition("@")
        strengths: dict[str, float] = {}
        try:
            for part in names.split(","):
                name, _, value = part.partition(":")
                name = name.strip().lower()
                # A mask is never whole by itself; the voice's own guess is already cautious.
                strengths[name] = float(value) if value else (1.0 if name == AUTO else USUAL_STRENGTH)
            keys.append(key(float(seconds) if seconds else 0.0, strengths))
        except ValueError as error:
            raise DnpmError(f"--emotion {text}: give NAME[:STRENGTH][,...][@SECONDS], as joy:.7,surprise:.3") from error
    return tuple(sorted(keys, key=lambda k: k.time))


def table(name: str, side: float = 0.0) -> np.ndarray:
    """(52,) float32: an emotion at full strength. side: -1 left, 1 right, 0 both at half: where contempt sits."""
    return _row(_TABLES[name], _CONTEMPT_SIDE if name == "contempt" else {}, side)


def tables(side: float = 0.0) -> np.ndarray:
    """(7, 52): all of them, in the order of EMOTIONS."""
    return np.stack([table(name, side) for name in EMOTIONS])


def stressed_tables(side: float = 0.0) -> np.ndarray:
    """(7, 52) float32: what each emotion does beyond that on the most stressed syllable, at full strength."""
    lopsided = {"contempt": _CONTEMPT_SIDE_STRESSED}
    return np.stack([_row(_STRESSED[name], lopsided.get(name, {}), side) for name in EMOTIONS])


def _row(text: str, lopsided: Mapping[str, float], side: float) -> np.ndarray:
    """(52,) of "unit value ..." on both sides, and of what the side `side` does beyond."""
    row = np.zeros(len(ARKIT_NAMES), np.float32)
    words = text.split()
    for unit, value in zip(words[::2], words[1::2], strict=True):
        _add(row, unit, float(value), float(value))
    for unit, more in lopsided.items():
        _add(row, unit, more * (1 - side) / 2, more * (1 + side) / 2)
    return row


def _add(row: np.ndarray, unit: str, left: float, right: float) -> None:
    """`unit` is an ARKit name, with or without its sides."""
    for name, value in ((f"{unit}Left", left), (f"{unit}Right", right)) if unit not in ARKIT_NAMES else ((unit, left),):
        row[ARKIT_NAMES.index(name)] += value


def strengths_at(keys: tuple[EmotionKey, ...], times: np.ndarray) -> np.ndarray:
    """Keys in order -> (T, 8) float32 at times (T,): EMOTIONS, then AUTO.

    A key counts from its time on; the change to it is centred there and takes BLEND_S, or less where its neighbours are
    nearer: keys at every frame are curves, and are followed. Before the first key its strengths hold.
    """
    if not keys:
        return np.zeros((len(times), len(_KINDS)), np.float32)
    at, values = np.array([k.time for k in keys]), np.array([k.strengths for k in keys])
    gaps = np.concatenate([[np.inf], np.diff(at), [np.inf]])
    span = np.maximum(np.minimum(np.minimum(gaps[:-1], gaps[1:]), BLEND_S), 1e-6)
    # The key whose change began last, and how far it has got.
    place = np.searchsorted(at - span / 2, times, side="right") - 1
    share = np.clip((times - at[place]) / span[place] + 0.5, 0, 1)
    share = np.where(span[place] < _CURVE_S, share, share * share * (3 - 2 * share))
    share[place <= 0] = 1.0
    place = place.clip(0)
    before = values[(place - 1).clip(0)]
    return (before + (values[place] - before) * share[:, None]).astype(np.float32)
