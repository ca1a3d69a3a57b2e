"""What small layers read in the encoder's features: whether somebody speaks, where tongue and lips are. numpy alone.

Learnt by logistic regression (`core/training/speech/readout.py`), kept in the file of the speech weights. Weights of an
older version, and of other encoders, have none: then every sound that is not silent counts as speech, and the tongue
stays where it is. Where the tongue is, and where lips meet, layers of their own read from a feature and those around it
(`FeatureLayer`), because th is told from t, d, f and v by how it begins and ends, and b from d by what comes after it;
older weights have rows for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..face_model.tongue import reach
from .feature_layer import FeatureLayer, FeatureListener, at_times
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
LIPS_NAMES = ("lips.hidden_weight", "lips.hidden_bias", "lips.weight", "lips.bias")
LIPS_COUNT = 2
_DENTAL = TONGUE_CLASSES.index("dental")
_TIP_UP = [TONGUE_CLASSES.index(name) for name in ("stop", "sibilant", "nasal", "lateral")]
_SPEAKS, _SURELY, _AROUND_S, _OVER_S = 0.12, 0.35, 0.16, 0.10
"""A moment is speech when within so many seconds the probability, averaged over a tenth, is above a low threshold, in a
stretch that somewhere is above the higher one: a word that is lost is worse than a mouth that closes late, and the
onset of a noise is unsure for a frame or two."""
_NOTHING_DB = -120.0
_NEVER = -30.0
"""Bias of a row whose probability is 0."""
_BETWEEN, _BEHIND = (0.6, 0.8), 0.2
"""Probability of th from which the tongue begins to come out, and from which it is out; where t, d, n, l, s, z are as
likely or up to so much more, else it is one of those. Chosen on three synthetic voices that the layer had not heard."""
_HISSES = (-20.0, -17.0)
"""Decibels of hiss over the loud parts of the sound (`prosody.hissing`) from which a th is in doubt, and from which it
is an s or z: those are louder than th by 10 dB and more (Jongman et al. 2000). Five in a hundred frames of the th of
three voices lie above the first, one or two above the second."""
_TIP = (0.4, 0.7)
"""Probability of t, d, n, l, s, z from which the tongue's tip begins to rise, and from which it is up."""
_MEET, _ROW_MEET = (0.25, 0.4), (0.6, 0.75)
"""Probability from which lips begin to meet, and from which they do, by `LipsLayer` and by the row. The first were
chosen on sentences of seven languages, and two takes, that the layer had not learnt from: with them more closures are
heard than by the row, and more of those are shut."""
_SUREST = 2
"""Features around one than which it is surer, if the lips meet in it."""
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


class TongueLayer(FeatureLayer):
    """Which of TONGUE_CLASSES sounds: 7 of them, or 4."""


class LipsLayer(FeatureLayer):
    """Whether the lips meet (m, b, p, of any language): 2 classes, no and yes."""


class TongueListener(FeatureListener):
    """Hears where the tongue is."""

    def at(self, times: np.ndarray, rate: float) -> np.ndarray:
        """(T, 2) float32: probabilities of th, and of t, d, n, l, s, z, at times (T,) s; rate: features a second."""
        chance = self.chances()
        rising = chance[:, [k for k in _TIP_UP if k < chance.shape[1]]].sum(1)
        return at_times(np.stack([chance[:, _DENTAL], rising], 1), times, rate)


class LipsListener(FeatureListener):
    """Hears where the lips meet."""

    def at(self, times: np.ndarray, rate: float) -> np.ndarray:
        """How much the lips are heard to meet at even times (T,) s: 1 within half a frame of the surest feature of each
        m, b and p, so that a stop between two frames shuts both, and down to 0 within the next frame; rate: features a
        second."""
        chance, meet = self.chances()[:, 1].astype(np.float64), np.zeros(len(times))
        if not len(chance) or len(times) < 2:
            return meet
        step = float(times[1] - times[0])
        surest = chance >= np.lib.stride_tricks.sliding_window_view(np.pad(chance, _SUREST), 2 * _SUREST + 1).max(1)
        for place in np.flatnonzero(surest & (chance > _MEET[0])):
            size = min(1.0, (chance[place] - _MEET[0]) / (_MEET[1] - _MEET[0]))
            low, high = np.searchsorted(times, place / rate + np.array([-1.5, 1.5]) * step)
            away = np.abs(times[low:high] - place / rate) / step
            meet[low:high] = np.maximum(meet[low:high], size * (1.5 - away).clip(0, 1))
        return meet


@dataclass(frozen=True)
class Readout:
    """weight (3 to 5, width), bias (3 to 5,); and where the tongue is, and where lips meet, if the weights know it
    better."""

    weight: np.ndarray
    bias: np.ndarray
    tongue: TongueLayer | None = None
    lips: LipsLayer | None = None

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) -> probabilities (n, 3 to 5) float32, in the order of ROWS."""
        score = features.astype(np.float32) @ self.weight.T + self.bias
        return (1 / (1 + np.exp(-score.clip(-30, 30)))).astype(np.float32)


def with_teeth(readout: Readout, weight: np.ndarray, bias: float) -> Readout:
    """The same with this row, weight (width,), for the lower lip at the teeth; all else stays. Where a layer hears the
    lips and no row does, their row is one that never hears them."""
    rows, biases = readout.weight[:_AT_TEETH], readout.bias[:_AT_TEETH]
    lacking = _AT_TEETH - len(rows)
    nothing = np.zeros((lacking, rows.shape[1])), np.full(lacking, _NEVER)
    return replace(
        readout,
        weight=np.vstack([rows, nothing[0], weight]).astype(np.float32),
        bias=np.concatenate([biases, nothing[1], [bias]]).astype(np.float32),
    )


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
    """Probabilities (T, 3 to 5) -> how much the row hears the lips meet (T,): at the surest frame of each m, b and p,
    and half at its neighbours; 0 where the weights cannot tell."""
    heard = np.zeros(len(probabilities))
    if probabilities.shape[1] <= _LIPS or not len(heard):
        return heard
    chance = probabilities[:, _LIPS].astype(np.float64)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(chance, 2), 5).max(1)
    low, high = _ROW_MEET
    surest = np.where(chance >= around, ((chance - low) / (high - low)).clip(0, 1), 0)
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
