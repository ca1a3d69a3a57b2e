"""Where a voice is raised: louder and higher than in the rest of the sound, and what the mouth does then. A rule.

In shouts and loud speech the movements of jaw and lips are those of normal speech, amplified, with a lower jaw in all
vowels (Schulman 1989; Geumann 2001), and pitch rises with the level (Traunmüller & Eriksson 2000). The encoder hears
every sound at one level, so the decoder opens the jaw no wider in a shout. Loudness alone may be a microphone that
comes nearer, and pitch alone a question: only both together count, against the sound's own median, so that a sound that
is shouted from begin to end counts as usual. numpy alone.
"""

from __future__ import annotations

import numpy as np

from ..face_model.arkit import ARKIT_NAMES
from . import silence
from .phrases import average
from .prosody import Prosody

_OVER_S = 0.5
_LOUDER_DB, _HIGHER_TONES = (5.0, 14.0), (2.5, 8.0)
"""Over half a second: where a raised voice begins, and where it is a shout. Thirteen recordings of readings, acted
voices and takes reach .29 once, in a phrase's first word, and .005 on average at most."""
_HIGH, _TOGETHER = 6.0, 41
"""Semitones above the median, and voiced moments (0.4 s) most of which are above them in a raised voice."""
_WIDER = {"jawOpen": 0.5, "mouthClose": 0.5, "mouthLowerDown": 0.35, "mouthUpperUp": 0.35, "mouthStretch": 0.2}
"""How much more each moves in a shout; mouthClose takes back its share of the jaw's opening."""
_GAINS = np.array([
    next((more for unit, more in _WIDER.items() if name.startswith(unit)), 0.0) for name in ARKIT_NAMES
])  # fmt: skip


def effort(prosody: Prosody) -> np.ndarray:
    """(n,) 0 to 1, 100 a second: how far the voice is raised."""
    level = prosody.level
    speech = ~silence.silent(level) if len(level) else np.zeros(0, bool)
    voiced = speech & np.isfinite(prosody.pitch)
    if not voiced.any():
        return np.zeros(len(level))
    loud = 20 * np.log10(np.maximum(_mean(10 ** (level.astype(np.float64) / 20), speech), 1e-6))
    tones = np.nan_to_num(prosody.pitch)
    if prosody.folded is not None:
        tones[voiced] += prosody.folded[voiced] * _high_together(tones[voiced] + prosody.folded[voiced])
    high = _mean(tones, voiced)
    louder = _step(loud - np.median(loud[speech]), _LOUDER_DB)
    return np.sqrt(louder * _step(high - np.median(high[voiced]), _HIGHER_TONES)) * speech


def raised(motion: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Spoken curves (T, 52) and effort (T,) -> the same as a raised voice speaks them, float32."""
    return (motion * (1 + amount[:, None] * _GAINS)).astype(np.float32)


def _high_together(tones: np.ndarray) -> np.ndarray:
    """Semitones of voiced moments (n,) as they were measured -> (n,) bool: where most of those around are high, too. A
    shout lies beyond what else is an error of an octave."""
    if len(tones) < _TOGETHER:
        return np.zeros(len(tones), bool)
    around = np.pad(tones, _TOGETHER // 2, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(around, _TOGETHER), 1) > _HIGH


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(n,) means over half a second of those values that count."""
    share = average(where.astype(np.float64), _OVER_S)
    return average(np.where(where, values, 0.0), _OVER_S) / np.maximum(share, 0.05)


def _step(value: np.ndarray, edges: tuple[float, float]) -> np.ndarray:
    t = ((value - edges[0]) / (edges[1] - edges[0])).clip(0, 1)
    return t * t * (3 - 2 * t)
