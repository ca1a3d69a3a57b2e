"""A guess of the emotion from how a voice sounds, not from its words. A rule, and a weak one; numpy alone.

Directions are those of vocal acting (Scherer 2003, table 1; Juslin & Laukka 2003): anger is harsh, joy wide in pitch
and clear, sadness narrow and calm, surprise reaches far up. Thresholds lie beyond the readings that were at hand (LJ
Speech, LibriSpeech, six captures), so that ordinary reading stays neutral; docs/speech.md tells what that is worth.
Fear, disgust and contempt are not told by these cues: they are never guessed.
"""

from __future__ import annotations

import numpy as np

from . import silence
from .emotions import EMOTIONS
from .phrases import accents, average, phrases
from .prosody import Prosody, at

MOST = 0.6
"""Strength of a guess that could not be clearer."""
_LEAST_VOICED = 100
_CLEAN_DB = 24.0
"""A voice that stands less above its room sounds harsh for that reason alone."""


def guessed(prosody: Prosody) -> dict[str, float]:
    """Strengths, 0 to MOST, of the whole sound; empty where too little of it is voiced."""
    level, voiced = prosody.level, np.isfinite(prosody.pitch)
    if voiced.sum() < _LEAST_VOICED:
        return {}
    tones = prosody.pitch[voiced]
    seconds = sum(phrase.end - phrase.begin for phrase in phrases(prosody))
    rate = len(accents(prosody)) / max(seconds, 1e-6)
    loud, floor = np.percentile(level[voiced], 80), np.percentile(level, 3)
    clean = float(np.clip((loud - floor - _CLEAN_DB) / 8, 0, 1))
    harsh = _above(0.87 - float(prosody.harmonicity[voiced].mean()), 0.01, 0.055) * clean
    wide = _above(float(tones.std()), 4.6, 6.5)
    far = _above(float(np.percentile(tones, 97)), 11.0, 15.0)
    flat = _above(-float(tones.std()), -1.9, -1.2)
    calm = _above(-rate, -1.6, -1.1) if seconds > 2 else 0.0
    scores = {
        "anger": harsh * (1 - 0.7 * wide), "joy": wide * (1 - harsh) * (1 - 0.5 * far), "surprise": 0.8 * far,
        "sadness": flat * (0.4 + 0.6 * calm) * (1 - harsh),
    }  # fmt: skip
    return {name: round(MOST * value, 3) for name, value in scores.items() if value > 0.05}


def felt(prosody: Prosody, times: np.ndarray) -> np.ndarray:
    """(T, 7): the guess over time, stronger where the voice is louder and higher than it is on the whole."""
    guess = guessed(prosody)
    whole = np.array([guess.get(name, 0.0) for name in EMOTIONS])
    if not whole.any():
        return np.zeros((len(times), len(EMOTIONS)), np.float32)
    above = np.maximum(prosody.level - silence.threshold(prosody.level), 0)
    short = average(above, 1.5)
    aroused = (short / max(float(np.percentile(short, 90)), 1e-6)).clip(0, 1)
    return ((0.6 + 0.4 * at(aroused.astype(np.float32), times))[:, None] * whole).astype(np.float32)


def _above(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
