"""Teaches the readout beside the speech decoder which frames are an f or v: one more linear row.

The decoder takes a quarter of them for an m, b or p, or leaves a slit. The encoder's features tell most of them.
Synthetic voices say when they sound. The voices that are held out speak other sentences than all others: what the
scores say is of voices and words that were not learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...speech.encoders import SpeechEncoder
from . import bilabials
from .readout import fitted, in_noise
from .sentences import sentence
from .voices import Voice

SENTENCES = (
    "Five voices give very funny verses.", "The fever never fades before the evening.",
    "If every river freezes, fish have few favours.", "My friend Vera bought a fine velvet vest for her wife.",
    "Leave the knife off the shelf above the stove.", "Brave Fred believes in love, not in proof.",
)  # fmt: skip
HELD_OUT = (
    "The chef finally served a fresh vegetable soup.", "I have never forgiven the driver of that van.",
    "Half of the village leaves for a festival every February.", "Move the sofa over to the far wall, if you prefer.",
)  # fmt: skip
"""Of our own making, both full of f and v."""
SURE = 0.7
_RIDGE = 300.0
_UNKNOWN = frozenset({"flite-awb", "espeak-en+f3", "espeak-en-gb-scotland+m1"})
"""Voices that are held out."""
Row = tuple[np.ndarray, np.ndarray, list[tuple[float, float]], list[tuple[float, float]], bool]
"""Features (n, width), 1 in f and v and 0 elsewhere, NaN where unsure (n,), begin and end in frames of each f and v,
and of each m, b and p, held out."""


def spoken(encoder: SpeechEncoder, voices: Sequence[Voice], sentences: int, seed: int) -> Iterator[Row]:
    """A third of it in noise. sentences: of the grammar, of each voice."""
    rng = np.random.default_rng(seed)
    for v, voice in enumerate(voices):
        held = voice.name in _UNKNOWN
        texts = [sentence(seed + (29 if held else 17), v * sentences + k) for k in range(sentences)]
        for k, text in enumerate([*texts, *(HELD_OUT if held else SENTENCES)]):
            said = voice.say(text, float(rng.uniform(0.9, 1.1)))
            heard = in_noise(rng, said.samples, rng.uniform(10, 30)) if k % 3 == 1 else said.samples
            features = encoder.features(np.asarray(heard, np.float32))
            spans = [
                [(p.start, p.end) for p in said.phones if p.name in names] for names in (("F", "V"), ("M", "B", "P"))
            ]
            # As of an m: no lead, which only stops have.
            truth = bilabials.truth_of(len(features), encoder.rate, [(a, b, "m") for a, b in spans[0]])
            at_frames = [[(a * encoder.rate, b * encoder.rate) for a, b in some] for some in spans]
            yield features, truth, at_frames[0], at_frames[1], held


def train(rows: Iterable[Row]) -> tuple[np.ndarray, float, dict[str, float]]:
    """The row's weights (width,) and bias; the shares of held-out frames that are found and wrongly found, and of
    held-out f and v, and m, b and p, that have a frame which is taken for one."""
    every = list(rows)
    learnt = [(f[np.isfinite(t)], t[np.isfinite(t)]) for f, t, _, _, held in every if not held]
    weight, bias = fitted(np.concatenate([f for f, _ in learnt]), np.concatenate([t for _, t in learnt]), _RIDGE)
    sure = np.log(SURE / (1 - SURE))
    found: dict[str, list[bool]] = {}
    for features, truth, own, others, held in every:
        if not held:
            continue
        said = features @ weight + bias > sure
        found.setdefault("labiodental frames found", []).extend(said[truth == 1])
        found.setdefault("labiodental frames wrongly", []).extend(said[truth == 0])
        for name, spans in (("f and v found", own), ("m, b and p wrongly", others)):
            found.setdefault(name, []).extend(bool(said[int(a) : int(b) + 1].any()) for a, b in spans)
    return weight, bias, {name: round(float(np.mean(told)), 4) for name, told in found.items() if told}
