"""Lips by language: closures of curves that are known, and sentences whose phones have times and names."""

from __future__ import annotations

from argparse import Namespace
from itertools import pairwise

import numpy as np
import pytest

from dnpm.core.capture.track import CurveTrack
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import languages
from dnpm.core.evaluation.speech_measures import Phone
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.audio import RATE
from dnpm.core.training.speech import espeak

PHONES = [Phone(k * 0.2, k * 0.2 + 0.2, name) for k, name in enumerate(("M", "AH", "T", "AH", "B", "AH", "SIL", "AH"))]


def test_closures_and_vowels_that_are_shut():
    times = np.arange(0, 1.7, 1 / 60)
    curves = np.zeros((len(times), 52), np.float32)
    curves[:, ARKIT_NAMES.index("jawOpen")] = 0.5
    curves[(times > 0.05) & (times < 0.15), ARKIT_NAMES.index("jawOpen")] = 0  # m
    curves[(times > 1.25) & (times < 1.35), ARKIT_NAMES.index("jawOpen")] = 0  # a pause, which does not count
    curves[(times > 1.45) & (times < 1.55), ARKIT_NAMES.index("jawOpen")] = 0  # the last vowel
    closed, shut = languages.closures(CurveTrack(times, curves), PHONES)
    assert closed == [("M", True), ("B", False)]
    assert shut == [False, False, False, True]


def test_what_cannot_be_asked_for_is_refused(monkeypatch):
    with pytest.raises(DnpmError, match="xx: is not in the list: en, de"):
        languages.evaluate(Namespace(only="de,xx", weights=None))
    monkeypatch.setattr(espeak, "available", lambda: False)
    with pytest.raises(DnpmError, match="espeak-ng is not installed"):
        languages.evaluate(Namespace(only=None, weights=None))


@pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed")
@pytest.mark.parametrize("language", ["it", "ko"])
def test_sentences_are_spoken_with_their_phones(language: str):
    samples, phones = languages.spoken(language, languages.VARIANTS[0])
    named = [phone.name for phone in phones]
    assert {"AH", "T", "SIL"} < set(named)
    assert sum(name in ("M", "B", "P") for name in named) >= 12
    assert all(a.start <= b.start for a, b in pairwise(phones))
    assert phones[-1].end <= len(samples) / RATE
    loud = np.array([np.abs(samples[round(p.start * RATE) : round(p.end * RATE)]).max(initial=0) for p in phones])
    assert loud[[name == "AH" for name in named]].min() > 0.01


def test_the_table_says_all_of_it():
    one = {"closure": 0.5, "bilabials": 4, "missed": {"B": "1 of 1", "M": "0 of 2", "P": "1 of 1"},
           "shut_vowels": 0.25, "vowels": 8, "silence_rms": None}  # fmt: skip
    text = languages.table({"weights": "ours", "languages": {"it": one}})
    assert "0.50" in text
    assert "b 1 of 1, m 0 of 2, p 1 of 1" in text
    assert " - " in text
