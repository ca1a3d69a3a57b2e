"""What an artist sets on the curves: strength per group, smoothing, contacts, stillness in silence. numpy alone.

Curves are (T, 52) at known times; levels are the sound's, 100 a second (`silence.levels`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, GROUPS
from . import contact, silence
from .emotions import EmotionKey

PARTS: dict[str, tuple[str, ...]] = {
    "mouth": (*GROUPS["mouth"], *GROUPS["cheek"], *GROUPS["nose"], *GROUPS["tongue"]),
    "jaw": GROUPS["jaw"],
    "brows": GROUPS["brow"],
    "eyes": GROUPS["eye"],
}
"""Every ARKit name belongs to one part."""
SPEAKING = [k for k, name in enumerate(ARKIT_NAMES) if name in PARTS["mouth"] + PARTS["jaw"]]
HOLD_S, CLOSE_S = 0.10, 0.15
"""After speech the mouth is its own for HOLD_S, then closes in CLOSE_S: still before 0.3 s of silence have passed."""
EARLY_S, OPEN_S = 0.0, 0.085
"""Before speech it is free EARLY_S ahead, having opened in OPEN_S: levels, taken over 50 ms, rise before the sound."""
_CLICK_S = 0.04
"""Sound that is shorter is a click, not speech."""


_MOST = {"smoothing": 1.0, "brow_life": 1.0, "face_life": 1.0, "head_life": 1.0}


@dataclass(frozen=True)
class Controls:
    """Settings of one bake. Strengths multiply (0 to 3); smoothing is a Gaussian's sigma in seconds (0 to 1)."""

    mouth: float = 1.0
    jaw: float = 1.0
    brows: float = 1.0
    eyes: float = 1.0
    smoothing: float = 0.0
    contact: bool = True
    """Lips that are about to meet, meet (`contact.py`); not where the mouth's strength is 0."""
    gate: bool = True
    """A still, closed mouth in silence, and where sound is no speech (music, noise)."""
    tongue: bool = True
    """The tongue shows in th, t, d, n, l, s, z (`readout.py`), where the weights can tell."""
    blinks: bool = False
    brow_life: float = 0.0
    """Amount (0 to 1) by which the brows rise and knit with what is stressed (`face_life.py`: rules)."""
    face_life: float = 0.0
    """Amount (0 to 1) by which lids, gaze, cheeks, nose, corners of the mouth and chin play along (rules)."""
    emotions: tuple[EmotionKey, ...] = ()
    """What the face feels, over time; none: neutral."""
    head_life: float = 0.0
    """Amount (0 to 1) of small turns and nods of the head."""
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or field.name in ("seed", "emotions"):
                continue
            most = _MOST.get(field.name, 3.0)
            if not 0 <= value <= most:
                raise DnpmError(f"{field.name} must be 0 to {most:g}, is {value}")


USUAL = Controls(blinks=True, brow_life=0.5, face_life=0.5, head_life=0.5)
"""What the panel and the command line start from; `Controls()` alone is what the network said, for measuring."""


def apply(
    expression: np.ndarray, times: np.ndarray, level: np.ndarray, controls: Controls,
    meant: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """Strength, then smoothing, contact, the gate: (T, 52) at evenly spaced times (T,) -> (T, 52) float32 in [0, 1].

    meant: what `contact.meant` said of the curves that these were made from; None: of these.
    """
    result = np.array(expression, np.float32)
    for part, names in PARTS.items():
        strength = getattr(controls, part)
        if strength != 1:
            result[:, [ARKIT_NAMES.index(name) for name in names]] *= strength
    if controls.smoothing > 0 and len(times) > 1:
        result = smoothed(result, controls.smoothing / float(times[1] - times[0]))
    if controls.contact and controls.mouth > 0:
        result = contact.meet(result, *(meant or contact.meant(expression)))
    if controls.gate:
        result[:, SPEAKING] *= gate(level, times)[:, None]
    return np.clip(result, 0, 1)


def tongue_tip(ridge: np.ndarray, times: np.ndarray, speech: np.ndarray, controls: Controls) -> np.ndarray:
    """How far the tongue's tip is on its way up (T,), as `readout.tongue` says -> the same under these controls; speech
    (T,): 1 in speech, 0 in silence."""
    result = np.asarray(ridge, np.float64)
    if controls.smoothing > 0 and len(times) > 1:
        result = smoothed(result[:, None], controls.smoothing / float(times[1] - times[0]))[:, 0]
    # Beyond the teeth it has no way to go.
    return result * min(controls.mouth, 1.0) * (speech if controls.gate else 1.0)


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """(T, C) -> the same, by a Gaussian of `sigma` frames, the ends held."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1).astype(np.float32)


def gate(level: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(T,) float32: 1 in speech, 0 in silence, smooth in between; times in seconds."""
    if not len(level):
        return np.zeros(len(times), np.float32)
    speech = _without_clicks(~silence.silent(level))
    index = np.arange(len(level))
    last = np.maximum.accumulate(np.where(speech, index, -(10**9)))
    following = np.minimum.accumulate(np.where(speech, index, 10**9)[::-1])[::-1]
    after, before = (index - last) / silence.LEVEL_RATE, (following - index) / silence.LEVEL_RATE
    shut = np.minimum((after - HOLD_S) / CLOSE_S, (before - EARLY_S) / OPEN_S).clip(0, 1)
    curve = 0.5 + 0.5 * np.cos(np.pi * shut)
    return np.interp(times, index / silence.LEVEL_RATE, curve).astype(np.float32)


def _without_clicks(speech: np.ndarray) -> np.ndarray:
    """Runs of sound that are too short to be speech become silence."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speech, [False]]).astype(np.int8)))
    result = speech.copy()
    for begin, end in edges.reshape(-1, 2):
        if end - begin < _CLICK_S * silence.LEVEL_RATE:
            result[begin:end] = False
    return result
