"""The teacher: lips meet on m, b, p, the lip meets the teeth on f, v, rounding comes early, silence is rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.track import CurveTrack
from dnpm.core.evaluation.speech import score
from dnpm.core.evaluation.speech_measures import Phone, opening
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.training.speech.coarticulation import _CLASS, _LIKE, TARGETS, Manner, animate_phones
from dnpm.core.training.speech.phones import ALL, DIPHTHONGS, SILENCE, Spoken, from_ipa, from_radio, joined

COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}


def spoken(names: str, each: float = 0.09) -> list[Spoken]:
    return [Spoken(i * each, (i + 1) * each, name) for i, name in enumerate(names.split())]


def curves(phones: list[Spoken], manner: Manner | None = None, rate: float = 120) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0, phones[-1].end + 0.3, 1 / rate)
    return times, animate_phones(phones, times, manner)


def test_every_phone_has_a_target_and_a_class():
    single = ALL - set(DIPHTHONGS)
    assert {n for n in single if _LIKE.get(n, n) not in TARGETS} == set()
    assert single - set(_CLASS) == set()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["M", "B", "P", "AA", "IY", "UW", "S", "T", "AE", "R"]), min_size=6, max_size=20),
    st.floats(0.05, 0.15), st.integers(0, 99),
)  # fmt: skip
def test_lips_meet_on_every_bilabial(names, each, seed):
    phones = spoken(" ".join(["SIL", *names, "SIL"]), each)
    times, values = curves(phones, Manner.drawn(np.random.default_rng(seed)))
    lips = opening(values)
    assert 0 <= values.min() <= values.max() <= 1
    for phone in phones:
        if phone.name in ("M", "B", "P"):
            assert lips[(times >= phone.start) & (times <= phone.end)].min() < 0.01


def test_its_own_measures_are_those_of_clear_speech():
    rng = np.random.default_rng(0)
    words = ["M AA M", "B AY", "P IY P AH L", "S IH K S", "W UH D", "K AE T", "F AO R", "T EY B AH L", "N OW"]
    phones = spoken("SIL " + " ".join(words[k] for k in rng.integers(0, len(words), 60)) + " SIL", 0.08)
    times, values = curves(phones, rate=30)
    result = score(CurveTrack(times, values), None, [Phone(p.start, p.end, p.name) for p in phones], np.zeros(10))
    assert result["closure_q10"] > 0.9
    assert result["contrast_sd"] > 1.8
    assert 0.1 < values[:, COLUMN["jawOpen"]].mean() < 0.35


def test_the_lower_lip_goes_to_the_teeth():
    times, values = curves(spoken("SIL AA F AA V AA SIL", 0.12))
    at = np.searchsorted(times, 2.5 * 0.12)
    assert values[at, COLUMN["mouthRollLower"]] > 0.3
    assert opening(values)[at] < 0.5 * opening(values)[np.searchsorted(times, 1.5 * 0.12)]
    assert opening(values)[at] > 0.02  # air must get out


def test_rounding_comes_before_the_vowel_and_goes_sooner_than_it_came():
    times, values = curves(spoken("SIL T T UW T T SIL", 0.1))
    pucker = values[:, COLUMN["mouthPucker"]]
    before, after = (pucker[np.searchsorted(times, t)] for t in (0.3 - 0.06, 0.4 + 0.06))
    assert before > 1.4 * after
    assert pucker.max() == pytest.approx(0.75, abs=0.12)
    assert opening(values)[np.searchsorted(times, 0.36)] < 0.15  # a small hole


def test_fast_speech_undershoots_and_silence_is_rest():
    slow = opening(curves(spoken("SIL T AA T SIL", 0.2))[1]).max()
    fast = opening(curves(spoken("SIL T AA T SIL", 0.05))[1]).max()
    assert fast < 0.8 * slow
    times, values = curves([Spoken(0, 1, SILENCE), Spoken(1, 1.2, "AA"), Spoken(1.2, 3, SILENCE)])
    assert values[(times < 0.7) | (times > 1.5)].max() < 0.01


def test_manner_and_loudness():
    phones = spoken("SIL AA T AA SIL", 0.15)
    times = np.arange(0, 1, 1 / 60)
    jaw = lambda **m: animate_phones(phones, times, Manner(**m))[:, COLUMN["jawOpen"]].max()  # noqa: E731
    assert jaw(articulation=1.2) > jaw() > jaw(articulation=0.8)
    level = np.full(100, -30.0)
    level[15:30] = -20
    loud = animate_phones(phones, times, Manner(), level)[:, COLUMN["jawOpen"]]
    assert loud[(times > 0.15) & (times < 0.3)].max() > 1.1 * loud[(times > 0.45) & (times < 0.6)].max()
    with pytest.raises(KeyError):
        animate_phones([Spoken(0, 1, "QQ")], times)


def test_names_of_the_voices_phones():
    assert [from_radio(s) for s in ("pau", "aa", "hh", "ax", "dx", "AH1")] == ["SIL", "AA", "HH", "AX", "D", "AH"]
    assert [from_ipa(s) for s in ("tʃ", "aɪ", "ˈaʊ", "iː", "ɹ", "ɾ", "ˈ", "_", "əl", "ɑːɹ")] == [
        "CH", "AY", "AW", "IY", "R", "D", None, "SIL", "AX", "AA"]  # fmt: skip
    for bad in ("qq", "zz"):
        with pytest.raises(KeyError):
            from_radio(bad)


def test_phones_are_put_in_order():
    mixed = [Spoken(0.5, 0.9, "AA"), Spoken(0, 0.2, "SIL"), Spoken(0.2, 0.3, "SIL"), Spoken(0.85, 0.85, "T")]
    assert joined(mixed) == [Spoken(0, 0.3, "SIL"), Spoken(0.3, 0.9, "AA")]
