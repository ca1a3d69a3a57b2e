"""What a linear layer reads in the encoder's features: whether somebody speaks, where tongue and lips are. numpy alone.

Learnt by logistic regression (`core/training/speech/readout.py`), kept in the file of the speech weights. Weights of an
older version, and of other encoders, have none: then every sound that is not silent counts as speech, and the tongue
stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .silence import LEVEL_RATE

LEARNT_FIRST = ("voice", "dental", "coronal")
"""Somebody speaks; the tongue is between the teeth (th); its tip is behind them (t, d, n, l, s, z)."""
ROWS = (*LEARNT_FIRST, "bilabial")
"""And the lips meet (m, b, p, of any language). Older weights have the first three."""
NAMES = ("readout.weight", "readout.bias")
"""Arrays in the weights' file: (3 or 4, width) and (3 or 4,) float32."""
_SPEAKS, _SURELY, _AROUND_S, _OVER_S = 0.12, 0.35, 0.16, 0.10
"""A moment is speech when within so many seconds the probability, averaged over a tenth, is above a low threshold, in a
stretch that somewhere is above the higher one: a word that is lost is worse than a mouth that closes late, and the
onset of a noise is unsure for a frame or two."""
_NOTHING_DB = -120.0
_SURE = 0.6
_MEET = (0.6, 0.75)
"""Probability from which lips begin to meet, and from which they do."""
_OUT = {"dental": 0.42, "coronal": 0.22}
"""tongueOut of each, as far as the mouth is open."""
_OPEN = (0.03, 0.12)
"""jawOpen from which the tongue begins to show, and from which it shows wholly."""


@dataclass(frozen=True)
class Readout:
    """weight (3 or 4, width), bias (3 or 4,)."""

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> probabilities (n, 3 or 4) float32, in the order of ROWS."""
        score = features.astype(np.float32) @ self.weight.T + self.bias
        return (1 / (1 + np.exp(-score.clip(-30, 30)))).astype(np.float32)


def speaking(voice: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """Probabilities (T,) at even times (T,) -> (count,) bool at the levels' rate, 100 a second."""
    if not len(voice) or not count:
        return np.zeros(count, bool)
    fine = np.interp(np.arange(count) / LEVEL_RATE, times, voice)
    size = round(_OVER_S * LEVEL_RATE)
    mean = np.convolve(fine, np.full(size, 1 / size), "same")[:count]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mean > _SPEAKS, [False]]).astype(np.int8)))
    there = np.zeros(count, np.int64)
    for begin, end in edges.reshape(-1, 2):
        there[begin:end] = mean[begin:end].max() > _SURELY
    reach = round(_AROUND_S * LEVEL_RATE)
    sums = np.cumsum(np.pad(there, (reach + 1, reach)))
    return sums[2 * reach + 1 :] - sums[: -2 * reach - 1] > 0


def without_speech(level: np.ndarray, speaks: np.ndarray) -> np.ndarray:
    """Levels (n,) in which what is not speech is silent."""
    return np.where(speaks, level, _NOTHING_DB).astype(np.float32)


def lips(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (T, 3 or 4) -> how much the lips are heard to meet (T,): at the surest frame of each m, b and p,
    and half at its neighbours; 0 where the weights cannot tell."""
    heard = np.zeros(len(probabilities))
    if probabilities.shape[1] < len(ROWS) or not len(heard):
        return heard
    chance = probabilities[:, ROWS.index("bilabial")].astype(np.float64)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(chance, 2), 5).max(1)
    surest = np.where(chance >= around, ((chance - _MEET[0]) / (_MEET[1] - _MEET[0])).clip(0, 1), 0)
    beside = np.pad(surest, 1)
    return np.maximum(surest, 0.5 * np.maximum(beside[:-2], beside[2:]))


def tongue(probabilities: np.ndarray, jaw: np.ndarray) -> np.ndarray:
    """Probabilities (T, 3 or 4) and jawOpen (T,) -> tongueOut (T,)."""
    sure = ((probabilities[:, 1:3] - _SURE) / (1 - _SURE)).clip(0, 1)
    out = np.maximum(_OUT["dental"] * sure[:, 0], _OUT["coronal"] * sure[:, 1])
    room = ((jaw - _OPEN[0]) / (_OPEN[1] - _OPEN[0])).clip(0, 1)
    kernel = np.array([0.25, 0.5, 0.25])
    return np.convolve(np.pad(out * room, 1, mode="edge"), kernel, "valid")
