"""Learns a style (`core/speech/style.py`) from a performer's takes: ridge regression on the speech encoder's features.

The features are reduced to their main directions and whitened. How strong the ridge is, is chosen on the first four
fifths of every take, in blocks that are left out in turn. The last fifth is for the scores alone, where the style
stands beside the default one; then all of it is learnt from.

What was tried in its place and lost on the one take that the shipped decoder had not learnt from (docs/speech.md): a
regression on the decoder's own curves beside the features, a style embedding, low-rank adapters of the decoder, small
networks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...speech.audio import RATE, load
from ...speech.decoder import SpeechDecoder
from ...speech.encoders import SpeechEncoder
from ...speech.encoders.windows import at_rate
from ...speech.speaking import speak
from ...speech.style import HEARD, LEARNT, LEAST_S, Style, shifted
from .captures import Take, resampled_curves

DIRECTIONS = 128
HELD_OUT = 0.2
_MOVES = 5e-3
"""Standard deviation above which a channel moves, as in the measures."""
_FOLDS = 4
_RIDGES = (10.0, 30.0, 100.0, 300.0, 1000.0)
"""For every hundred frames."""
_GAIN = (0.8, 1.6)
_BLOCK = 4 * RATE


@dataclass(frozen=True)
class Heard:
    """One take at the decoder's frame rate: features (T, width), the default style's curves (T, 52), the performer's
    (T, 52); carried (52,) bool."""

    features: np.ndarray
    motion: np.ndarray
    truth: np.ndarray
    carried: np.ndarray

    def part(self, begin: int, end: int) -> Heard:
        """Some of its frames."""
        return Heard(self.features[begin:end], self.motion[begin:end], self.truth[begin:end], self.carried)


@dataclass(frozen=True)
class _Directions:
    """Features (T, width) -> whitened main directions of the frames around each, (T, len(HEARD) * D) float64."""

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> _Directions:
        mean = features.mean(0, dtype=np.float64)
        values, vectors = np.linalg.eigh((features - mean).T @ (features - mean) / len(features))
        best = np.argsort(values)[::-1][:DIRECTIONS]
        return cls(mean, vectors[:, best] / np.sqrt(np.maximum(values[best], 1e-9)))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        main = (features - self.mean) @ self.directions
        return np.concatenate([shifted(main, offset) for offset in HEARD], 1)


def hear(take: Take, encoder: SpeechEncoder, decoder: SpeechDecoder) -> Heard:
    """Run the networks over a take's sound; what lies beyond the curves' end is left out."""
    work = hearing(take, encoder, decoder)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def hearing(
    take: Take, encoder: SpeechEncoder, decoder: SpeechDecoder, begin: float = 0.0, seconds: float | None = None
) -> Generator[float, None, Heard]:
    """`hear` in steps of some seconds of sound: yields the share done, 0 to 1. begin, seconds: the part of the sound
    that belongs to the take."""
    rate = decoder.config.rate
    samples = load(take.sound)[round(begin * RATE) :]
    if seconds is not None:
        samples = samples[: round(seconds * RATE)]
    blocks = np.split(samples, range(_BLOCK, len(samples), _BLOCK))
    total, given = max(1, round(len(samples) / RATE * rate)), 0
    features: list[np.ndarray] = []

    def frames() -> Iterator[np.ndarray]:
        for part in at_rate(encoder.stream(blocks), encoder.rate, rate):
            features.append(part)
            yield part

    motion = []
    for part in speak(decoder, frames(), 0):
        motion.append(part)
        given += len(part)
        yield min(1.0, given / total)
    spoken = np.concatenate(motion)
    count = min(len(spoken), int(take.track.times[-1] * rate) + 1)
    truth = resampled_curves(take.track, np.arange(count) / rate)
    return Heard(np.concatenate(features)[:count], spoken[:count], truth, take.carried)


Score = Callable[[list[np.ndarray], list[np.ndarray], np.ndarray], dict[str, float]]
"""Curves, the performer's (T, 52) each, and which columns these carry (52,) -> figures by name."""


def learn(
    name: str, takes: Sequence[Heard], encoder: str, rate: float, score: Score
) -> tuple[Style, dict[str, dict[str, float]]]:
    """The style, and the scores of "style" and "default" on the held-out ends. encoder, rate: as `Style`'s.

    Raises DnpmError when the takes are too short, or no channel of jaw or mouth moves in them.
    """
    seconds = sum(len(take.truth) for take in takes) / rate
    if seconds < LEAST_S:
        raise DnpmError(f"{seconds:.0f} s of takes are too little to learn a style from; give at least {LEAST_S:.0f} s")
    truth = np.concatenate([take.truth for take in takes])
    carried = np.all([take.carried for take in takes], 0)
    columns = np.array([k for k in LEARNT if carried[k] and truth[:, k].std() > _MOVES], int)
    if not len(columns):
        raise DnpmError("no channel of jaw or mouth moves in the takes: there is no manner of speaking to learn")
    ends = [round(len(take.truth) * (1 - HELD_OUT)) for take in takes]
    begun = [take.part(0, end) for take, end in zip(takes, ends, strict=True)]
    ridge, gain = chosen(begun, columns)
    tried = fitted(name, begun, columns, ridge, gain, encoder, rate)
    # The layer looks a few frames around: what is held out is spoken with its whole take, as in use.
    ours = [
        tried.spoken(tried.of_features(take.features), take.motion)[e:] for take, e in zip(takes, ends, strict=True)
    ]
    default = [take.motion[end:] for take, end in zip(takes, ends, strict=True)]
    rest = [take.truth[end:] for take, end in zip(takes, ends, strict=True)]
    scores = {
        "style": score(ours, rest, carried) | {"ridge": ridge, "gain": round(gain, 3)},
        "default": score(default, rest, carried),
    }
    return fitted(name, takes, columns, ridge, gain, encoder, rate), scores


def learnt_card(
    takes: Sequence[Take], heard: Sequence[Heard], scores: dict[str, dict[str, float]], licence: str, command: str,
    spent: float, rate: float,
) -> dict[str, Any]:  # fmt: skip
    """What a style's card says. spent: seconds that it took; licence: the takes', as the user states it."""
    seconds = sum(len(one.truth) for one in heard) / rate
    return {
        "data": f"{seconds:.0f} s of {', '.join(take.name for take in takes)}", "licence": licence.strip(),
        "command": command, "seed": 0, "hours": round(spent / 3600, 3), "scores": scores,
        "method": "ridge regression from the speech encoder's features; scores on the last fifth of each take, which "
        "was then learnt from as well",
    }  # fmt: skip


def chosen(takes: Sequence[Heard], columns: np.ndarray) -> tuple[float, float]:
    """The ridge of the best correlation on blocks that are left out, and how much livelier the curves have to be made
    to move as fast as the performer there."""
    heard = _Directions.of(np.concatenate([take.features for take in takes]))
    inputs = np.concatenate([heard(take.features) for take in takes])
    truth = np.concatenate([take.truth[:, columns] for take in takes]).astype(np.float64)
    block = np.concatenate([np.arange(len(take.truth)) * _FOLDS // len(take.truth) for take in takes])
    guesses = {ridge: np.zeros_like(truth) for ridge in _RIDGES}
    for k in range(_FOLDS):
        rest = block == k
        for ridge, solution in _solutions(inputs[~rest], truth[~rest], _RIDGES).items():
            guesses[ridge][rest] = inputs[rest] @ solution[:-1] + solution[-1]
    # Jaw and mouth count alike, as they do in the measures.
    jaw = np.array([ARKIT_NAMES[k] == "jawOpen" for k in columns])
    share = np.where(jaw, 1 / max(jaw.sum(), 1), 1 / max((~jaw).sum(), 1))

    def worth(ridge: float) -> float:
        guess = guesses[ridge]
        both = ((guess - guess.mean(0)) * (truth - truth.mean(0))).mean(0)
        return float((share * both / np.maximum(guess.std(0) * truth.std(0), 1e-9)).sum())

    best = max(_RIDGES, key=worth)
    within = np.diff(block) == 0
    ours, theirs = (float(np.abs(np.diff(x, axis=0))[within].mean()) for x in (guesses[best].clip(0, 1), truth))
    return best, float(np.clip(theirs / max(ours, 1e-9), *_GAIN))


def _solutions(inputs: np.ndarray, truth: np.ndarray, ridges: Sequence[float]) -> dict[float, np.ndarray]:
    """For each ridge: weights with the constant in the last row."""
    mean, wanted = inputs.mean(0), truth.mean(0)
    gram, right = (inputs - mean).T @ (inputs - mean), (inputs - mean).T @ (truth - wanted)
    found = {}
    for ridge in ridges:
        weights = np.linalg.solve(gram + ridge * len(truth) / 100 * np.eye(len(gram)), right)
        found[ridge] = np.vstack([weights, wanted - mean @ weights])
    return found


def fitted(
    name: str, takes: Sequence[Heard], columns: np.ndarray, ridge: float, gain: float, encoder: str, rate: float
) -> Style:
    """The regression with this ridge on all of the takes, folded into one layer."""
    heard = _Directions.of(np.concatenate([take.features for take in takes]))
    inputs = np.concatenate([heard(take.features) for take in takes])
    truth = np.concatenate([take.truth[:, columns] for take in takes]).astype(np.float64)
    solution, size = _solutions(inputs, truth, (ridge,))[ridge], heard.directions.shape[1]
    # Livelier around the mean, so that the face neither gapes nor mumbles for it.
    weights, constant = gain * solution[:-1], gain * solution[-1] + (1 - gain) * truth.mean(0)
    layer = np.stack([heard.directions @ weights[k * size : (k + 1) * size] for k in range(len(HEARD))])
    constant = constant - (heard.mean @ layer).sum(0)
    return Style(name, columns, layer.astype(np.float32), constant.astype(np.float32), encoder, rate)
