"""Teaches the linear readout beside the speech decoder: who speaks, and where the tongue is (`core/speech/readout.py`).

Synthetic voices say which phone sounds when; they are heard clean and in noise down to 0 dB. Tones, melodies, chords,
drums, sweeps and noises from this file are what is no speech. Recordings of readings may be added: what stands 25 dB
below their loud parts or less counts as speech. Every fifth sound of each kind is held out for the scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...speech.audio import RATE, load
from ...speech.encoders import SpeechEncoder
from ...speech.readout import LEARNT_FIRST as ROWS
from ...speech.readout import Readout
from ...speech.silence import levels
from .sentences import sentence
from .voices import Voice

DENTAL, CORONAL = frozenset({"TH", "DH"}), frozenset({"T", "D", "N", "L", "S", "Z"})
_COLOURS = (0.0, 0.5, 1.0)
"""Exponents of white, pink and brown noise's amplitudes."""
_RIDGE = 30.0
_ROUNDS = 20
Sample = tuple[np.ndarray, np.ndarray, bool]
"""Sound (n,) at 16 kHz; what holds at 50 frames a second (T, 3), NaN where it is not known; held out."""


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """(n,) of unit power, of one of three colours."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    made = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** rng.choice(_COLOURS), count)
    return made / max(float(made.std()), 1e-9)


def in_noise(rng: np.random.Generator, samples: np.ndarray, decibels: float) -> np.ndarray:
    """The sound so many decibels above noise."""
    return samples + noise(rng, len(samples)) * float(samples.std()) * 10 ** (-decibels / 20)


def no_speech(rng: np.random.Generator, count: int) -> np.ndarray:
    """(n,) of a sound that is none: a tone, noise, notes, chords, drums, a sweep, or two of them."""
    kind = int(rng.integers(7))
    t = np.arange(count) / RATE
    if kind == 0:
        return 0.3 * np.sin(2 * np.pi * rng.uniform(80, 4000) * t)
    if kind == 1:
        return 0.2 * noise(rng, count)
    if kind in (2, 3, 4):
        return _struck(rng, count, notes=(1, 4, 0)[kind - 2])
    if kind == 5:
        pitch = 300 + 2500 * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 4) * t))
        return (0.15 * (1 + np.sin(2 * np.pi * rng.uniform(0.5, 8) * t))) * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    return no_speech(rng, count) + no_speech(rng, count)


def _struck(rng: np.random.Generator, count: int, notes: int) -> np.ndarray:
    """Events one after the other: so many notes at once with their harmonics, or 0: drums."""
    made, begin = np.zeros(count), 0
    while begin < count:
        length = int(RATE * (rng.uniform(0.1, 0.7) if notes == 1 else rng.uniform(0.3, 1.5) if notes else 0.3))
        t = np.arange(length) / RATE
        if notes:
            root = 110 * 2 ** (rng.integers(0, 36) / 12)
            steps = rng.choice([0, 3, 4, 7, 10, 12, 16, 19], notes, replace=False)
            tone = sum(
                0.6**k * np.sin(2 * np.pi * root * 2 ** (step / 12) * k * t + rng.uniform(0, 6))
                for step in steps for k in range(1, 8)
            )  # fmt: skip
            tone = tone * np.exp(-t * rng.uniform(0.2, 8))
        else:
            thump = np.sin(2 * np.pi * np.cumsum(rng.uniform(60, 200) * np.exp(-t * 5)) / RATE)
            tone = (rng.standard_normal(length) * rng.random() + thump) * np.exp(-t * rng.uniform(10, 50))
        part = made[begin : begin + length]
        part += tone[: len(part)]
        begin += length if notes else int(RATE * rng.uniform(0.15, 0.6))
    return 0.25 * made / max(float(np.abs(made).max()), 1e-9)


def samples(voices: list[Voice], sentences: int, recordings: list[Path], seed: int, rate: float) -> Iterator[Sample]:
    """All that is heard, the same for the same seed. sentences: of each voice; rate: frames a second."""
    rng = np.random.default_rng(seed)
    for v, voice in enumerate(voices):
        for k in range(sentences):
            said = voice.say(sentence(seed + 5, v * sentences + k), float(rng.uniform(0.9, 1.15)))
            before = rng.uniform(0.2, 0.8)
            sound = np.concatenate([np.zeros(int(RATE * before)), said.samples]) * rng.uniform(0.3, 1.5)
            times = np.arange(int(np.ceil(len(sound) / RATE * rate))) / rate
            truth = np.zeros((len(times), len(ROWS)))
            for phone in said.phones:
                inside = (times >= phone.start + before) & (times < phone.end + before)
                truth[inside] = [phone.name != "SIL", phone.name in DENTAL, phone.name in CORONAL]
            yield (in_noise(rng, sound, rng.uniform(0, 25)) if k % 2 else sound), truth, v % 5 == 2
    for k in range(10 * sentences):
        sound = no_speech(rng, 6 * RATE) * rng.uniform(0.2, 1.5)
        yield sound, np.zeros((int(6 * rate), len(ROWS))), k % 5 == 2
    for k, path in enumerate(recordings):
        sound = load(path)
        level = levels([sound])
        times = np.arange(int(np.ceil(len(sound) / RATE * rate))) / rate
        loud = np.interp(times, np.arange(len(level)) / 100, level) > np.percentile(level, 95) - 25
        truth = np.full((len(times), len(ROWS)), np.nan)
        truth[:, 0] = loud
        yield sound, truth, k % 5 == 2
        yield in_noise(rng, sound, rng.uniform(0, 15)), truth, k % 5 == 2


def fitted(features: np.ndarray, truth: np.ndarray, strength: float = _RIDGE) -> tuple[np.ndarray, float]:
    """Ridge logistic regression by Newton's method, classes weighing the same: (n, width), (n,) -> weight, bias."""
    mean, spread = features.mean(0), features.std(0) + 1e-3
    design = np.concatenate([(features - mean) / spread, np.ones((len(features), 1), np.float32)], 1).astype(np.float64)
    share = float(truth.mean())
    weigh = np.where(truth > 0, 0.5 / share, 0.5 / (1 - share))
    ridge = strength * np.eye(design.shape[1])
    ridge[-1, -1] = 1e-6
    row = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        guess = 1 / (1 + np.exp(-(design @ row).clip(-30, 30)))
        slope = design.T @ (weigh * (guess - truth)) + ridge @ row
        bend = (design * (weigh * guess * (1 - guess))[:, None]).T @ design + ridge
        row -= np.linalg.solve(bend, slope)
    weight = row[:-1] / spread
    return weight.astype(np.float32), float(row[-1] - weight @ mean)


def train(encoder: SpeechEncoder, heard: Iterator[Sample]) -> tuple[Readout, dict[str, float]]:
    """The readout and its scores on what was held out: share of frames that are right, found and wrongly found."""
    rows, truths, held = [], [], []
    for sound, truth, out in heard:
        found = encoder.features(np.asarray(sound, np.float32))
        count = min(len(found), len(truth))
        rows.append(found[:count])
        truths.append(truth[:count])
        held.append(np.full(count, out))
    features, truth, out = np.concatenate(rows), np.concatenate(truths), np.concatenate(held)
    pairs = []
    for k in range(len(ROWS)):
        use = ~out & np.isfinite(truth[:, k])
        pairs.append(fitted(features[use], truth[use, k]))
    readout = Readout(np.stack([weight for weight, _ in pairs]), np.array([bias for _, bias in pairs], np.float32))
    scores = {}
    said = readout(features)
    for k, name in enumerate(ROWS):
        use = out & np.isfinite(truth[:, k])
        right = truth[use, k] > 0
        scores[f"{name} found"] = round(float((said[use, k] > 0.5)[right].mean()), 4)
        scores[f"{name} wrongly"] = round(float((said[use, k] > 0.5)[~right].mean()), 4)
    return readout, scores
