"""The second stage beside the decoder: the rest of the face, from prosody and emotion, put upon the spoken curves.

    decoder's curves + rules of a speaking face (`face_life.py`, `gaze.py`, blinks, head) + emotion (`emotions.py`)

An emotion is never held like a mask: each group of muscles wanders below its strength, goes beyond it on accents, where
the feeling adds actions of its own (`emotions.stressed_tables`), and gives way in pauses, as in the recorded takes
(angry: brows .10 +- .12, smile .44 +- .20). What opens the lips is taken
back where they are to meet, so that a closure stays one in every emotion.
"""

from __future__ import annotations

import numpy as np

from ..face_model.arkit import ARKIT_NAMES
from . import contact, emotions, face_life
from .blinks import blink_curve, blink_times
from .controls import PARTS, Controls, smoothed
from .face_life import COLUMN, Heard
from .gaze import gaze
from .head_motion import head_turns
from .phrases import accents, phrases
from .prosody import Prosody
from .shapes import add_bump, drift, steps

_BLINK = [COLUMN["eyeBlinkLeft"], COLUMN["eyeBlinkRight"]]
_WIDE = [COLUMN["eyeWideLeft"], COLUMN["eyeWideRight"]]
_YIELDS, _YIELDS_SLOWLY = np.zeros((2, len(ARKIT_NAMES)))
"""How much of what is added gives way where the lips meet: at once what opens them, slowly nose, corners and the jaw's
other ways, which twitch when they fall and rise with every m, b and p. What these open the lips by meanwhile, the lips
take back."""
for _name in ARKIT_NAMES:
    if _name.startswith(("mouthUpperUp", "mouthLowerDown", "mouthFunnel", "jawOpen", "mouthShrugUpper")):
        _YIELDS[COLUMN[_name]] = 0.8
    elif _name.startswith(("noseSneer", "jaw")):
        _YIELDS_SLOWLY[COLUMN[_name]] = 0.8
    elif _name.startswith(("mouthSmile", "mouthStretch", "mouthFrown", "mouthDimple")):
        _YIELDS_SLOWLY[COLUMN[_name]] = 0.45
    elif _name == "mouthShrugLower":
        _YIELDS[COLUMN[_name]] = 0.45
_SLOWLY_S = 0.08
"""A Gaussian's sigma."""
_BROWS = np.array([name in PARTS["brows"] for name in ARKIT_NAMES])
_EYES = np.array([name in PARTS["eyes"] for name in ARKIT_NAMES])
_GROUPS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("brow",), 0.75), (("eyeSquint", "eyeWide"), 0.65), (("mouthSmile", "cheek"), 0.70), (("nose",), 0.75),
    (("mouth", "jaw"), 0.75), (("eye",), 0.60),
)  # fmt: skip
"""Muscles that wander together, and how far: in the recorded takes of anger and sadness deviations over time are .35 to
.5 of the mean in squint, cheeks and smile, .4 to .65 in brows, .65 to 1.1 in frown and nose."""
_NEAR_END = 0.6
"""From here on what is felt grows less and less."""


def act(
    spoken: np.ndarray, times: np.ndarray, prosody: Prosody, lips: np.ndarray, speech: np.ndarray,
    feeling: np.ndarray, controls: Controls,
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """Spoken curves (T, 52) -> the whole face (T, 52) float32 in [0, 1], and turns of the head (T, 9) radians or None.

    lips (T,): how much they are meant to meet; speech (T,): 1 in speech, 0 in silence; feeling (T, 7): strengths.
    """
    heard = Heard(
        times, prosody, phrases(prosody), accents(prosody), np.asarray(spoken, np.float64), lips, speech, feeling,
        controls.seed,
    )  # fmt: skip
    turns = head_turns(heard, controls.head_life) if controls.head_life > 0 else None
    added = np.zeros(spoken.shape, np.float64)
    if controls.brow_life > 0:
        added += 2 * controls.brow_life * face_life.brows(heard)
    if controls.face_life > 0:
        life = face_life.cheeks(heard) + face_life.corners(heard) + face_life.jaw(heard)
        added += 2 * controls.face_life * life
        added += gaze(heard, turns, 2 * controls.face_life)
    felt = _felt(heard) if feeling.any() else 0.0
    result = np.asarray(spoken, np.float64)
    uneven = face_life.uneven(heard) if controls.face_life > 0 or feeling.any() else 1.0
    # Two pulls on the same muscle never add up beyond it.
    added = np.asarray(1 - (1 - added.clip(0, 1)) * (1 - np.clip(felt, 0, 1)), np.float64)
    added *= (1 - _YIELDS * lips[:, None]) * (1 - _YIELDS_SLOWLY * _slowly(lips, times)[:, None])
    for part, names in PARTS.items():
        added[:, [COLUMN[name] for name in names]] *= min(getattr(controls, part), 1.0)
    result = contact.keep((result + added * (1 - result.clip(0, 1))) * uneven, spoken, lips)
    if controls.blinks:
        lids = blink_curve(times, blink_times(float(times[-1]), prosody.level, controls.seed))[:, None]
        result[:, _BLINK] = np.maximum(result[:, _BLINK], lids)
        result[:, _WIDE] *= 1 - lids
    return np.clip(result, 0, 1).astype(np.float32), turns


def _slowly(lips: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(T,) at even times (T,) -> the same as something heavier than lips follows it."""
    if len(times) < 2:
        return lips
    return smoothed(lips[:, None], _SLOWLY_S / float(times[1] - times[0]))[:, 0]


def _felt(heard: Heard) -> np.ndarray:
    """(T, 52): the emotions' expressions, alive."""
    rng = heard.rng(31)
    side = float(rng.choice([-1.0, 1.0]))
    whole = heard.feeling @ emotions.tables(side)
    effort = np.zeros(len(heard.times))
    for accent in heard.accents:
        add_bump(effort, heard.times, accent.weight, accent.time - 0.05, 0.22, 0.08, 0.45)
    starts = [phrase.begin - 0.2 for phrase in heard.phrases]
    base = 0.70 + 0.12 * heard.speech + steps(heard.times, starts, [rng.uniform(-0.26, 0.26) for _ in starts], 0.7)
    stressed = heard.feeling @ emotions.stressed_tables(side)
    taken = np.zeros(len(ARKIT_NAMES), bool)
    for prefixes, wander in _GROUPS:
        columns = np.array([name.startswith(prefixes) for name in ARKIT_NAMES]) & ~taken
        taken |= columns
        moved = effort * rng.uniform(0.6, 1.2)
        # At rest no more than what was asked for: what goes beyond belongs to the accents.
        tone = (base + wander * drift(heard.times, rng, 0.09, 0.8)).clip(0.25, 1.05)
        whole[:, columns] *= (tone + 0.85 * moved).clip(0, 1.7)[:, None]
        whole[:, columns] += stressed[:, columns] * moved[:, None]
    # A muscle that is near its end has room for the next accent: nothing is held there.
    over = (whole - _NEAR_END).clip(0)
    return np.minimum(whole, _NEAR_END) + (1 - _NEAR_END) * np.tanh(over / (1 - _NEAR_END))
