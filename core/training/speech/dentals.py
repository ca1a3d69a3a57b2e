"""Teaches the layer that tells th from t, d, n, l, s, z and from f, v (`TongueLayer` in `core/speech/readout.py`).

A single feature, 20 ms of sound, hardly tells th from t, d or f: how the sound begins and ends does. So the layer reads
five features at once, through 48 units; f and v are a class of their own, because a layer that knows th alone takes
them for it. Synthetic voices say when each sounds. The voices that are held out speak other sentences than all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...speech.encoders import SpeechEncoder
from ...speech.prosody import ProsodyMeter, at, hissing
from ...speech.readout import TongueLayer, TongueListener, sibilant, tongue
from .perceptron import around, fitted
from .readout import CORONAL, DENTAL, in_noise
from .sentences import sentence
from .voices import Utterance, Voice

SENTENCES = (
    "The weather there is neither warm nor cold this month.",
    "They thought about three other things on Thursday.",
    "Both of them breathe through the mouth with their teeth together.",
    "This thin cloth is worth more than that thick leather.",
    "My father and my mother gathered these feathers.", "Nothing is smoother than the path beneath the trees.",
    "Throw the tin to Theo, then thank him for the deed.",
    "Those tides tear the thread, and dads doubt the death of faith.",
    "Did the thief find forty thieves or thirty?", "She sank when she should thank, and they sing about a thing.",
    "The fourth and the fifth of the month are the sixth birthday.",
    "Even though it is free, think of three fine threads.", "Tell the tenth teacher that the truth is tough.",
    "Dan and then Ted and Thad do the dishes themselves.",
    "With both thumbs they threaded the leather without another thought.",
    "Thus, the author bathed, clothed, and soothed the brother.",
    "A thousand thorns, a healthy throat, an earthquake in the north.",
    "There are some sums and thumbs, zen and then, van and than.",
    "Let the others lather their hands, either late or later.", "Is this the south, or is that the theatre over there?",
)  # fmt: skip
HELD_OUT = (
    "That man over there has lost the other three tickets.", "I think that both brothers will be there on the fourth.",
    "The truth is that nothing they say is worth the paper.",
    "Thirty thousand people gathered beneath the northern tower.",
    "Whether the weather is good or bad, these thieves go out together.",
    "My grandmother threw the thick feathers into the bath.",
    "Do those dentists tell their sons to brush their teeth?",
    "Thank you for this, said the father, and then he left for the north.",
    "The thin cat sat on the path, though the dog bothered it.",
    "Three free tea leaves; two thin tin threads; a theme for a team.",
    "Another month without a birthday, they thought.", "He taught the youth a thing about faith and death.",
)  # fmt: skip
"""Of our own making, both full of th beside t, d, s, z, f and v."""
UNKNOWN = frozenset({"flite-awb", "espeak-en+f3", "espeak-en-gb-scotland+m1"})
"""Voices that are held out."""
_LABIODENTAL = frozenset({"F", "V"})
_PLACES = {"TH": 1, "DH": 1, "T": 2, "D": 2, "F": 3, "V": 3, "S": 4, "Z": 4, "N": 5, "L": 6}
"""In TONGUE_CLASSES. s and z are a class apart from t and d, for they are what th is taken for; so are n and l."""
_UNSURE_S = 0.012
"""Around the borders of a th nothing is learnt."""
_WEIGHTS = (1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0)
"""Of TONGUE_CLASSES in the loss."""
_SPOKEN_FPS, _JAW = 30.0, 0.2
"""What the scores are heard at: the decoder's frames, a jaw that is open enough for the tongue to show."""
_HALF_OUT, _NEAR_S = 0.21, 2 / _SPOKEN_FPS
_KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("s, z", frozenset({"S", "Z"})), ("t, d, n, l", CORONAL), ("f, v", _LABIODENTAL), ("others", frozenset()),
)  # fmt: skip
"""The first that has a sound is its kind."""
Row = tuple[np.ndarray, list[tuple[float, float, str]], bool, np.ndarray]
"""Features (n, width), begin and end in seconds and name of each phone, held out; decibels of hiss, 100 a second
(`prosody.hissing`)."""


def spoken(encoder: SpeechEncoder, voices: Sequence[Voice], sentences: int, seed: int) -> Iterator[Row]:
    """A third of it in noise. sentences: of the grammar, of each voice."""
    rng = np.random.default_rng(seed)
    for v, voice in enumerate(voices):
        held = voice.name in UNKNOWN
        texts = [sentence(seed + (29 if held else 17), v * sentences + k) for k in range(sentences)]
        for k, text in enumerate([*(HELD_OUT if held else SENTENCES), *texts]):
            said: Utterance = voice.say(text, float(rng.uniform(0.9, 1.15)))
            heard = in_noise(rng, said.samples, rng.uniform(10, 30)) if k % 3 == 1 else said.samples
            features = encoder.features(np.asarray(heard, np.float32))
            yield features, [(p.start, p.end, p.name) for p in said.phones], held, hiss_of(heard)


def hiss_of(samples: np.ndarray) -> np.ndarray:
    """Sound at 16 kHz -> decibels of its hiss, 100 a second."""
    meter = ProsodyMeter()
    meter.add(np.asarray(samples, np.float32))
    prosody = meter.measured()
    return hissing(prosody.level, prosody.hiss)


def truth_of(count: int, rate: float, phones: Iterable[tuple[float, float, str]]) -> np.ndarray:
    """(count,) int64 places in TONGUE_CLASSES, -1 where unsure."""
    times, truth = np.arange(count) / rate, np.zeros(count, np.int64)
    unsure = np.zeros(count, bool)
    for begin, end, name in phones:
        truth[(times >= begin) & (times < end)] = _PLACES.get(name, 0)
        if name in DENTAL:
            unsure |= (np.abs(times - begin) < _UNSURE_S) | (np.abs(times - end) < _UNSURE_S)
    truth[unsure] = -1
    return truth


def train(rows: Iterable[Row], rate: float, seed: int) -> tuple[TongueLayer, dict[str, float]]:
    """The layer, and its scores on what was held out (`scores`). rate: features a second."""
    every = list(rows)
    found, truths = [], []
    for features, phones, held, _ in every:
        truth = truth_of(len(features), rate, phones)
        if not held:
            found.append(around(features)[truth >= 0].astype(np.float16))
            truths.append(truth[truth >= 0])
    layer = TongueLayer(*fitted(np.concatenate(found), np.concatenate(truths), _WEIGHTS, seed))
    return layer, scores(layer, [row for row in every if row[2]], rate)


def scores(layer: TongueLayer, rows: Iterable[Row], rate: float) -> dict[str, float]:
    """Shares, through the rules of `readout.tongue`: of th in which the tongue comes out half-way or more, and in which
    the tip rises instead; of t, d, n, l, s, z in which the tip rises; of other sounds in which the tongue is out: in
    the middle, and at any time of those that lie apart from every th, whose tongue comes and goes in its neighbours."""
    told: dict[str, list[bool]] = {}
    for features, phones, _, hiss in rows:
        listener = TongueListener(layer)
        listener.add(features)
        times = np.arange(int(len(features) / rate * _SPOKEN_FPS)) / _SPOKEN_FPS
        said = np.zeros((len(times), 3), np.float32)
        said[:, 1:] = listener.at(times, rate)
        out, ridge = tongue(sibilant(said, at(hiss, times)), np.full(len(times), _JAW))
        dental = [(begin - _NEAR_S, end + _NEAR_S) for begin, end, name in phones if name in DENTAL]
        for begin, end, name in phones:
            span = slice(int(begin * _SPOKEN_FPS), int(np.ceil(end * _SPOKEN_FPS)) + 1)
            if not len(out[span]) or name == "SIL":
                continue
            if name in DENTAL:
                told.setdefault("th out", []).append(bool(out[span].max() >= _HALF_OUT))
                told.setdefault("th tip up", []).append(bool(ridge[span].max() >= 0.8))
                continue
            if name in CORONAL:
                told.setdefault("t, d, n, l, s, z tip up", []).append(bool(ridge[span].max() >= 0.8))
            kind = next(kind for kind, names in _KINDS if not names or name in names)
            middle = min(round((begin + end) / 2 * _SPOKEN_FPS), len(out) - 1)
            told.setdefault(f"{kind} wrongly out", []).append(bool(out[middle] >= _HALF_OUT))
            if not any(begin < last and first < end for first, last in dental):
                told.setdefault(f"{kind} wrongly out, apart", []).append(bool(out[span].max() >= _HALF_OUT))
    return {name: round(float(np.mean(those)), 4) for name, those in told.items()}
