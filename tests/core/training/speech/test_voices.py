"""Sentences, voices, copies: repeatable, with phones that lie where they sound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.speech import silence
from dnpm.core.training.speech import voices
from dnpm.core.training.speech.augment import altered
from dnpm.core.training.speech.phones import ALL, SILENCE
from dnpm.core.training.speech.sentences import sentence

TEXT = "My mom buys very big fish, who loves the blue moon."


def test_sentences_are_many_and_repeatable():
    made = [sentence(0, k) for k in range(400)]
    assert made == [sentence(0, k) for k in range(400)]
    assert len(set(made)) > 330
    assert sum(text.endswith("?") for text in made) > 40
    assert sum(any(c.isdigit() for c in text) for text in made) > 30
    assert sentence(1, 0) != made[0]


@pytest.mark.parametrize("kind", ["flite", "festival", "espeak"])
def test_a_voice_says_when_its_phones_sound(kind: str):
    there = [voice for name, voice in voices.installed().items() if name.startswith(kind)]
    if not there:
        assert any(kind in what for what in voices.missing())
        pytest.skip(f"{kind} is not installed")
    spoken = there[0].say(TEXT, 1.0)
    seconds = len(spoken.samples) / 16000
    assert 2 < seconds < 6
    assert {p.name for p in spoken.phones} <= ALL
    assert all(a.end <= b.start + 1e-6 and a.end > a.start for a, b in itertools.pairwise(spoken.phones))
    names = [p.name for p in spoken.phones]
    assert sum(n in ("M", "B", "P") for n in names) >= 6
    # Vowels are loud, what is named silence is not.
    level = silence.levels([spoken.samples])
    mean = lambda keep: np.mean([level[round(50 * (p.start + p.end))] for p in spoken.phones[:-1] if keep(p)])  # noqa: E731
    assert mean(lambda p: p.name in ("AY", "UW", "AA", "IY", "AH")) > mean(lambda p: p.name == SILENCE) + 15
    faster = there[0].say(TEXT, 1.4)
    assert len(faster.samples) < 0.85 * len(spoken.samples)


def test_a_voice_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(voices, "installed", dict)
    monkeypatch.setattr(voices, "missing", lambda: ["flite (package flite)"])
    with pytest.raises(DnpmError, match=r"no voice is installed; not installed: flite \(package flite\)"):
        voices.choose(None)
    monkeypatch.setattr(voices, "installed", lambda: {"a": voices.Voice("a", lambda text, rate: None)})
    with pytest.raises(DnpmError, match="no voice b; there are a"):
        voices.choose(["b"])
    assert [v.name for v in voices.choose(None)] == ["a"]


def test_copies_differ_in_sound_and_say_how_they_are_paced():
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(48000) / 16000)).astype(np.float32)
    copies = [altered(tone, np.random.default_rng(k)) for k in range(60)]
    again = altered(tone, np.random.default_rng(0))
    np.testing.assert_array_equal(again.samples, copies[0].samples)
    for copy in copies:
        assert len(copy.samples) == pytest.approx(48000 / copy.pace, rel=2e-3)
        assert np.isfinite(copy.samples).all()
        assert np.abs(copy.samples).max() <= 1
    assert len({round(c.pace, 2) for c in copies}) > 10
    muted = [c for c in copies if c.muted]
    assert 8 < len(muted) < 30
    assert min(np.abs(c.samples).max() for c in copies) < 0.1 < max(np.abs(c.samples).max() for c in copies)
