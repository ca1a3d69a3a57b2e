"""Where the eyes look: at the listener, aside at the begin of a thought, and against the head's turns. Seeded rules.

away from the listener as a phrase begins, back before it ends       Argyle & Cook 1976; Cassell et al. 1999
small jumps every second or so, each done within 60 ms               Bahill et al. 1975
eyes turn against the head                                           the vestibulo-ocular reflex
lids follow the eyes down and up                                     Becker & Fuchs 1988
"""

from __future__ import annotations

import numpy as np

from .face_life import COLUMN, Heard
from .shapes import steps

FULL_DEG = {"In": 35.0, "Out": 35.0, "Up": 27.0, "Down": 30.0}
"""Degrees of a full `eyeLook...`."""
_JUMP_S = 0.055
_LID = 0.5
"""Share of the eyes' way that the upper lid goes with them."""


def gaze(heard: Heard, turns: np.ndarray | None, amount: float) -> np.ndarray:
    """(T, 52) of the eyes' eight directions and the lids. turns: (T, 9) radians of the head, or None."""
    yaw, pitch = targets(heard)
    yaw, pitch = amount * yaw, amount * pitch
    if turns is not None:
        mean = turns[:, :2].astype(np.float64).mean(0)
        yaw = yaw - np.degrees(turns[:, 0] - mean[0])
        pitch = pitch - np.degrees(turns[:, 1] - mean[1])
    result = np.zeros(heard.spoken.shape, np.float64)
    left, right = (yaw / FULL_DEG["Out"]).clip(0, 0.8), (-yaw / FULL_DEG["Out"]).clip(0, 0.8)
    down, up = (pitch / FULL_DEG["Down"]).clip(0, 0.8), (-pitch / FULL_DEG["Up"]).clip(0, 0.8)
    for name, curve in (("OutLeft", left), ("InRight", left), ("InLeft", right), ("OutRight", right)):
        result[:, COLUMN[f"eyeLook{name}"]] = curve
    for side in ("Left", "Right"):
        result[:, COLUMN[f"eyeLookDown{side}"]] = down
        result[:, COLUMN[f"eyeLookUp{side}"]] = up
        result[:, COLUMN[f"eyeBlink{side}"]] = _LID * down
        result[:, COLUMN[f"eyeWide{side}"]] = 0.3 * up
    return result


def targets(heard: Heard) -> tuple[np.ndarray, np.ndarray]:
    """(T,) degrees in the world: to the subject's left, and down."""
    rng = heard.rng(21)
    moments: list[tuple[float, float, float]] = []
    seconds = float(heard.times[-1])
    sad, afraid = heard.feeling[:, 2].mean(), heard.feeling[:, 3].mean()
    at = 0.0
    while at < seconds:  # Small jumps while looking at somebody: from one eye to the other, to the mouth.
        moments.append((at, float(rng.normal(0, 2.0 + 3 * afraid)), float(rng.normal(0.6, 1.5 + 2 * afraid))))
        at += float(np.clip(0.8 * np.exp(0.6 * rng.standard_normal()), 0.2, 3.0)) / (1 + afraid)
    for phrase in heard.phrases:
        chance, side, length = rng.random(), rng.choice([-1.0, 1.0]), rng.uniform(0.5, 1.3)
        away, height = rng.uniform(7, 17), rng.normal(1.0, 6.0)
        if chance > 0.55 or phrase.end - phrase.begin < 0.7:
            continue
        begin = phrase.begin - rng.uniform(0.0, 0.25)
        end = begin + min(length, 0.7 * (phrase.end - phrase.begin))
        moments = [m for m in moments if not begin <= m[0] < end]
        moments += [(begin, side * away, height), (end, 0.0, 0.0)]
    moments.sort()
    times, yaws, pitches = (list(column) for column in zip(*moments, strict=True))
    pitch = steps(heard.times, times, pitches, _JUMP_S)
    return steps(heard.times, times, yaws, _JUMP_S), pitch + 5.0 * sad
