"""How a speaker's head moves: it nods with accents, settles anew with each phrase, and never stands still.

Rules, seeded. Nods on accents: Hadar et al. 1983, Graf et al. 2002; a new pose with a phrase: Kendon 1972. Emotions put
the head somewhere else (`emotions.HEAD`) and make it livelier or calmer (Wallbott 1998). numpy alone.
"""

from __future__ import annotations

import numpy as np

from ..capture.track import ROTATION_NAMES
from . import emotions
from .emotions import EMOTIONS
from .face_life import Heard
from .shapes import add_bump, drift, steps

_DRIFT = (2.2, 1.6, 1.3)
"""Degrees of the slow wandering: yaw, pitch, roll."""
_POSE = (2.6, 1.4, 1.8)
"""Standard deviations of a phrase's pose, degrees."""
_NOD = 3.2
_LIVELY = {"joy": 0.3, "anger": 0.5, "sadness": -0.5, "fear": 0.3, "disgust": 0.0, "surprise": 0.2, "contempt": -0.3}
"""What full strength adds to the size of the motion."""


def head_turns(heard: Heard, amount: float) -> np.ndarray:
    """(T, 9) float32 radians in Live Link's order. amount 0.5 is a person who speaks calmly, 1 a lively one."""
    rng = heard.rng(2)
    lively = 1 + heard.feeling @ np.array([_LIVELY[name] for name in EMOTIONS])
    starts = [phrase.begin - 0.1 for phrase in heard.phrases]
    degrees = np.zeros((len(heard.times), 3))
    for k, (wide, pose) in enumerate(zip(_DRIFT, _POSE, strict=True)):
        poses = [float(rng.normal(0, pose)) for _ in starts]
        degrees[:, k] = wide * drift(heard.times, rng) + steps(heard.times, starts, poses, 0.8)
    nods = np.zeros(len(heard.times))
    for accent in heard.accents:
        if rng.random() < 0.75:
            height = _NOD * accent.weight * rng.uniform(0.5, 1.0)
            add_bump(nods, heard.times, height, accent.time + 0.04, 0.18, 0.02, 0.34)
    degrees[:, 1] += nods
    side = float(rng.choice([-1.0, 1.0]))
    felt = heard.feeling @ (np.array([emotions.HEAD[name] for name in EMOTIONS]) * [side, 1.0, side])
    turns = np.zeros((len(heard.times), len(ROTATION_NAMES)), np.float32)
    turns[:, :3] = np.radians(2 * amount * degrees * lively[:, None] + min(2 * amount, 1.0) * felt)
    return turns
