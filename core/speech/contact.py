"""Lips that are about to meet, meet. numpy alone.

A decoder that is fitted in the mean brings the lips of an m, b or p to within a millimetre or two of each other,
and the lower lip of an f or v half-way to its place; the eye takes either for a mistake. Which sound was meant, the
curves tell by themselves:

    lips        mouthClose takes back most of what jawOpen opens, and what is left is small
    labiodental the lower lip rolls in, and the upper one does not

How much of each is read from the decoder's own curves, before strength and smoothing; so a mumbling or a smoothed mouth
still closes. `meet` then adds what is missing, in proportion: curves that are continuous stay so, and where nothing was
meant nothing changes.
"""

from __future__ import annotations

import numpy as np

from ..face_model.arkit import ARKIT_NAMES

OPENING: dict[str, float] = {
    "jawOpen": 1.0, "mouthClose": -1.0, "mouthFunnel": 0.2, "mouthPucker": -0.05, "mouthRollLower": -0.07,
    "mouthRollUpper": -0.06, "mouthShrugLower": -0.18, "mouthShrugUpper": 0.11, "mouthPressLeft": -0.03,
    "mouthPressRight": -0.03, "mouthLowerDownLeft": 0.075, "mouthLowerDownRight": 0.075, "mouthUpperUpLeft": 0.115,
    "mouthUpperUpRight": 0.115, "noseSneerLeft": 0.08, "noseSneerRight": 0.08, "mouthSmileLeft": -0.04,
    "mouthSmileRight": -0.04, "mouthLeft": -0.04, "mouthRight": -0.04, "jawForward": 0.04, "cheekPuff": -0.03,
}  # fmt: skip
"""What each expression adds to the distance of the inner lips, jawOpen being 1 (28 mm): measured on the default face
model at landmarks 61-63 against 65-67, rounded."""
CLOSING = (0.35, 0.70)
"""mouthClose over jawOpen: below the first no closure is meant, above the second one surely is."""
NEAR = (0.05, 0.16)
"""Openings (1.4 mm, 4.5 mm): lips at the first are all but shut; at the second they are on their way."""
ROLLING = (0.10, 0.28)
"""mouthRollLower less mouthRollUpper: below the first no f or v is meant, above the second one surely is."""
TUCKED = 0.5
"""mouthRollLower of an f or v."""
TUCKED_OPENING = 0.3
"""What an f or v leaves of the opening: the lower lip is at the teeth, the tongue is not seen."""
LIFTED = 0.2
"""mouthUpperUp of an f or v: the upper lip clears the teeth that the lower one is at."""
TEETH_APART = 0.02
"""The least opening of an f or v (0.6 mm), to which the lifted upper lip adds: whoever shut the lips, the decoder or a
style, took it for an m."""
SEAL = 0.02
"""By how much lips that meet go beyond an opening of 0: at rest their rims are 0.6 mm apart."""
_REST = 0.02
"""Keeps the share defined where the jaw is shut."""
_COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}
_WEIGHTS = np.array([OPENING.get(name, 0.0) for name in ARKIT_NAMES])


def opening(expression: np.ndarray) -> np.ndarray:
    """(T, 52) -> (T,) distance of the lips, jawOpen at 1 being 1; not below 0: pressed lips are but closed."""
    return np.maximum(np.asarray(expression, np.float64) @ _WEIGHTS, 0)


def meant(expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 52) -> how much lips are meant to meet (T,), and the lower lip the upper teeth (T,); 0 to 1."""
    jaw, close = expression[:, _COLUMN["jawOpen"]], expression[:, _COLUMN["mouthClose"]]
    lips = _step(close / (jaw + _REST), CLOSING) * (1 - _step(opening(expression), NEAR))
    rolled = expression[:, _COLUMN["mouthRollLower"]] - expression[:, _COLUMN["mouthRollUpper"]]
    return lips, _step(rolled, ROLLING)


def meet(expression: np.ndarray, lips: np.ndarray, teeth: np.ndarray) -> np.ndarray:
    """Curves (T, 52) and what `meant` gave for them, or for what they were made from -> (T, 52) float32."""
    result = np.array(expression, np.float32)
    roll = result[:, _COLUMN["mouthRollLower"]]
    result[:, _COLUMN["mouthRollLower"]] = np.maximum(roll, TUCKED * teeth)
    apart = np.asarray(result, np.float64) @ _WEIGHTS
    part = (1 - lips) * (1 - TUCKED_OPENING) * teeth
    close = lips * np.maximum(apart + SEAL, 0) + part * np.maximum(apart, 0)
    shut = (1 - lips) * teeth * np.maximum(TEETH_APART - (apart - close), 0)
    closed = result[:, _COLUMN["mouthClose"]] + close
    result[:, _COLUMN["mouthClose"]] = np.maximum(closed - shut, np.minimum(closed, 0)).astype(np.float32)
    for name in ("mouthUpperUpLeft", "mouthUpperUpRight"):
        result[:, _COLUMN[name]] = np.maximum(result[:, _COLUMN[name]], LIFTED * teeth * (1 - lips))
    return result


def keep(expression: np.ndarray, before: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Curves (T, 52) that were made from others, `before` (T, 52), in which lips (T,) had met as far as they were
    meant to -> (T, 52) float32 in which they still do: what opens them, or pushes one over the other, is taken back."""
    result = np.array(expression, np.float32)
    further = (np.asarray(expression, np.float64) - before) @ _WEIGHTS
    close = result[:, _COLUMN["mouthClose"]] + lips * further
    result[:, _COLUMN["mouthClose"]] = close.clip(0, 1)
    return result


def _step(value: np.ndarray, edges: tuple[float, float]) -> np.ndarray:
    """0 below the first edge, 1 above the second, smooth in between."""
    t = ((np.asarray(value, np.float64) - edges[0]) / (edges[1] - edges[0])).clip(0, 1)
    return t * t * (3 - 2 * t)
