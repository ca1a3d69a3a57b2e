"""What small layers read in the encoder's features: whether somebody speaks, where tongue and lips are. numpy alone.

Learnt by logistic regression (`core/training/speech/readout.py`), kept in the file of the speech weights. Weights of an
older version, and of other encoders, have none: then every sound that is not silent counts as speech, and the tongue
stays where it is. Where the tongue is, a layer of its own reads from a feature and those around it (`TongueLayer`),
because th is told from t, d, f and v by how it begins and ends; older weights have two rows for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.tongue import reach
from .silence import LEVEL_RATE

LEARNT_FIRST = ("voice", "dental", "coronal")
"""Somebody speaks; the tongue is between the teeth (th); its tip is behind them (t, d, n, l, s, z)."""
ROWS = (*LEARNT_FIRST, "bilabial", "labiodental")
"""And the lips meet (m, b, p, of any language); the lower lip is at the upper teeth (f, v). Older weights have the
first three or four."""
COUNTS = (len(LEARNT_FIRST), len(ROWS) - 1, len(ROWS))
_LIPS, _AT_TEETH = ROWS.index("bilabial"), ROWS.index("labiodental")
NAMES = ("readout.weight", "readout.bias")
"""Arrays in the weights' file: (3 to 5, width) and (3 to 5,) float32."""
TONGUE_NAMES = ("tongue.hidden_weight", "tongue.hidden_bias", "tongue.weight", "tongue.bias")
TONGUE_CLASSES = ("other", "dental", "stop", "labiodental", "sibilant", "nasal", "lateral")
"""Rows of `TongueLayer`: th; t, d; f, v; s, z; n; l. f and v are there to be told from th, and not used: they have a
row of the readout. Older weights have the first four, and all of t, d, s, z, n, l in the third."""
TONGUE_COUNTS = (4, len(TONGUE_CLASSES))
_DENTAL = TONGUE_CLASSES.index("dental")
_TIP_UP = [TONGUE_CLASSES.index(name) for name in ("stop", "sibilant", "nasal", "lateral")]
AROUND = 2
"""Features before and after one that the tongue is read from, 20 ms each."""
_SPEAKS, _SURELY, _AROUND_S, _OVER_S = 0.12, 0.35, 0.16, 0.10
"""A moment is speech when within so many seconds the probability, averaged over a tenth, is above a low threshold, in a
stretch that somewhere is above the higher one: a word that is lost is worse than a mouth that closes late, and the
onset of a noise is unsure for a frame or two."""
_NOTHING_DB = -120.0
_BETWEEN, _BEHIND = (0.6, 0.8), 0.2
"""Probability of th from which the tongue begins to come out, and from which it is out; where t, d, n, l, s, z are as
likely or up to so much more, else it is one of those. Chosen on three synthetic voices that the layer had not heard."""
_HISSES = (-20.0, -17.0)
"""Decibels of hiss over the loud parts of the sound (`prosody.hissing`) from which a th is in doubt, and from which it
is an s or z: those are louder than th by 10 dB and more (Jongman et al. 2000). Five in a hundred frames of the th of
three voices lie above the first, one or two above the second."""
_TIP = (0.4, 0.7)
"""Probability of t, d, n, l, s, z from which the tongue's tip begins to rise, and from which it is up."""
_MEET = (0.6, 0.75)
"""Probability from which lips begin to meet, and from which they do."""
_TEETH = (0.7, 0.85)
"""Probability of f and v from which the lower lip is on its way to the upper teeth, and from which it is there."""
_OUT = 0.42
"""tongueOut of a th, as far as the mouth is open."""
DENTAL_UP = 0.2
"""How far up the tip is then: over the lower teeth, under the upper ones."""
_ON_ITS_WAY = 0.45
"""How far out the tongue is in the frames beside a th."""
_OPEN = (0.03, 0.12)
"""jawOpen from which the tongue begins to show, and from which it shows wholly."""


@dataclass(frozen=True)
class TongueLayer:
    """Which of TONGUE_CLASSES sounds, from 2 AROUND + 1 features in order of time, through a few rectified units:
    hidden_weight (h, (2 AROUND + 1) width), hidden_bias (h,), weight (7 or 4, h), bias (7 or 4,)."""

    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> probabilities (max(n - 2 AROUND, 0), 7 or 4) float32: of all but the outermost."""
        if len(features) <= 2 * AROUND:
            return np.zeros((0, len(self.bias)), np.float32)
        count, width = len(features) - 2 * AROUND, features.shape[1]
        units = np.tile(self.hidden_bias, (count, 1)).astype(np.float32)
        for k in range(2 * AROUND + 1):
            part = self.hidden_weight[:, k * width : (k + 1) * width]
            units += features[k : k + count].astype(np.float32) @ part.T
        score = np.maximum(units, 0) @ self.weight.T + self.bias
        score = np.exp(score - score.max(1, keepdims=True))
        return (score / score.sum(1, keepdims=True)).astype(np.float32)


class TongueListener:
    """Hears features as they come, at the encoder's rate; the first and the last are taken to go on."""

    def __init__(self, layer: TongueLayer) -> None:
        self._layer, self._held = layer, np.zeros((0, 0), np.float32)
        self._found: list[np.ndarray] = []

    def add(self, features: np.ndarray) -> None:
        """(n, width), the next ones."""
        if not len(features):
            return
        before = self._held if len(self._held) else np.repeat(features[:1], AROUND, 0)
        known = np.concatenate([before, features])
        self._found.append(self._layer(known))
        self._held = known[-2 * AROUND :]

    def at(self, times: np.ndarray, rate: float) -> np.ndarray:
        """(T, 2) float32: probabilities of th, and of t, d, n, l, s, z, at times (T,) s; rate: features a second."""
        if not len(self._held):
            return np.zeros((len(times), 2), np.float32)
        end = self._layer(np.concatenate([self._held, np.repeat(self._held[-1:], AROUND, 0)]))
        chance = np.concatenate([*self._found, end])
        rising = chance[:, [k for k in _TIP_UP if k < chance.shape[1]]].sum(1)
        places = np.arange(len(chance)) / rate
        return np.stack([np.interp(times, places, row) for row in (chance[:, _DENTAL], rising)], 1).astype(np.float32)


@dataclass(frozen=True)
class Readout:
    """weight (3 to 5, width), bias (3 to 5,); and where the tongue is, if the weights know it better."""

    weight: np.ndarray
    bias: np.ndarray
    tongue: TongueLayer | None = None

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> probabilities (n, 3 to 5) float32, in the order of ROWS."""
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
    """Probabilities (T, 3 to 5) -> how much the lips are heard to meet (T,): at the surest frame of each m, b and p,
    and half at its neighbours; 0 where the weights cannot tell."""
    heard = np.zeros(len(probabilities))
    if probabilities.shape[1] <= _LIPS or not len(heard):
        return heard
    chance = probabilities[:, _LIPS].astype(np.float64)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(chance, 2), 5).max(1)
    surest = np.where(chance >= around, ((chance - _MEET[0]) / (_MEET[1] - _MEET[0])).clip(0, 1), 0)
    beside = np.pad(surest, 1)
    return np.maximum(surest, 0.5 * np.maximum(beside[:-2], beside[2:]))


def teeth(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (T, 3 to 5) -> how much the lower lip is heard at the upper teeth (T,), and how much the lips
    therefore do not meet (T,), a frame longer at either end; 0 where the weights cannot tell."""
    if probabilities.shape[1] <= _AT_TEETH or not len(probabilities):
        return np.zeros(len(probabilities)), np.zeros(len(probabilities))
    chance = probabilities[:, _AT_TEETH].astype(np.float64)
    heard = ((chance - _TEETH[0]) / (_TEETH[1] - _TEETH[0])).clip(0, 1)
    return heard, np.lib.stride_tricks.sliding_window_view(np.pad(heard, 1), 3).max(1)


def sibilant(probabilities: np.ndarray, hissing: np.ndarray) -> np.ndarray:
    """Probabilities (T, 3 to 5) and decibels of hiss at their times (T,) (`prosody.hissing`) -> the probabilities, in
    which what hisses too loudly for th is t, d, n, l, s, z."""
    result = np.array(probabilities)
    moved = result[:, 1] * ((hissing - _HISSES[0]) / (_HISSES[1] - _HISSES[0])).clip(0, 1)
    result[:, 1] -= moved
    result[:, 2] += moved
    return result


def tongue(probabilities: np.ndarray, jaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (T, 3 to 5) and jawOpen (T,) -> how far the tongue comes out, tongueOut (T,), and how far its tip
    is on its way to the ridge behind the upper teeth (T,), 0 to 1, however far that is (`tip_up`)."""
    dental, rising = (
        ((probabilities[:, k].astype(np.float64) - low) / (high - low)).clip(0, 1)
        for k, (low, high) in ((1, _BETWEEN), (2, _TIP))
    )
    lead = probabilities[:, 1].astype(np.float64) - probabilities[:, 2]
    dental = dental * np.clip(lead / _BEHIND + 1, 0, 1)
    room = ((jaw - _OPEN[0]) / (_OPEN[1] - _OPEN[0])).clip(0, 1)
    # A t lasts two or three frames: the tip arrives in them, and is under way in those beside.
    held = np.lib.stride_tricks.sliding_window_view(np.pad(rising, 1), 3).max(1)
    # A th is often heard in one frame alone: the tongue is out in it, and on its way in those beside.
    out = _OUT * dental * room
    beside = np.pad(_ON_ITS_WAY * out, 1)
    return np.maximum(out, np.maximum(beside[:-2], beside[2:])), _blurred(held * (1 - dental))


def _blurred(values: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(values, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def tip_up(ridge: np.ndarray, out: np.ndarray, jaw: np.ndarray) -> np.ndarray:
    """How far the tip is on its way to the ridge (T,), tongueOut and jawOpen (T,) -> tongueTipUp (T,) float32."""
    dental = DENTAL_UP * (out / _OUT).clip(0, 1)
    return np.maximum(ridge * reach(jaw), dental).astype(np.float32)
