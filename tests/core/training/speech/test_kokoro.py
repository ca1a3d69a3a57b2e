"""Kokoro: symbols, times, the output that is added to its network, and, where it is installed, a sentence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.training.speech import espeak, kokoro, voices
from dnpm.core.training.speech.phones import ALL, SILENCE

installed = pytest.mark.skipif(not kokoro.available(), reason="Kokoro's packages or espeak-ng are not installed")


def read_fields(data: bytes) -> list[tuple[int, bytes]]:
    """Length-delimited fields of a protocol buffer, by its wire format."""
    fields, k = [], 0
    while k < len(data):
        tag, k = data[k], k + 1
        assert tag & 7 == 2
        length = shift = 0
        while True:
            byte, k = data[k], k + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        fields.append((tag >> 3, data[k : k + length]))
        k += length
    assert k == len(data)
    return fields


@given(st.text(min_size=1, max_size=400))
def test_the_added_output_is_a_protocol_buffer(name: str):
    ((graph, inside),) = read_fields(kokoro.added_output(name))
    ((output, value),) = read_fields(inside)
    ((field, text),) = read_fields(value)
    assert (graph, output, field) == (7, 12, 1)
    assert text.decode() == name


def test_diphthongs_and_affricates_are_one_symbol():
    assert "".join(kokoro.in_letters("dʒˈʌdʒ tʃeɪndʒ aɪ nˈoʊ")) == "ʤˈʌʤ ʧAnʤ I nˈO"
    assert "ː" not in kokoro.in_letters("bˈɔːt")


@given(st.lists(st.sampled_from(list("mAʧætk .,ˈ")), max_size=30), st.data())
def test_phones_follow_each_other_and_end_with_the_frames(symbols: list[str], data):
    count = len(symbols) + 2
    frames = np.array(data.draw(st.lists(st.integers(1, 20), min_size=count, max_size=count)), float)
    phones = kokoro.timed(symbols, frames)
    assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(phones))
    assert all(p.end > p.start >= 0 and p.name in ALL for p in phones)
    end = frames.sum() * kokoro.FRAME_S - kokoro.LATE_S
    if end > 0:
        assert phones[-1].end == pytest.approx(end)
        assert phones[-1].name == SILENCE or frames[-1] * kokoro.FRAME_S <= 0


def test_another_version_of_the_network_is_refused():
    with pytest.raises(DnpmError, match="4 durations for 5 symbols"):
        kokoro.timed(list("mæt"), np.ones(4))


@installed
def test_it_speaks_and_says_when():
    with pytest.raises(DnpmError, match="no voice 'nobody'"):
        kokoro.say("Hello.", "nobody")
    said = voices.installed()["kokoro-jf_alpha"].say("My mother bought five apples.", 1.0)
    names = [p.name for p in said.phones if p.name != SILENCE]
    assert names[:4] == ["M", "AY", "M", "AH"]
    assert {"B", "F", "AE", "P"} <= set(names)
    assert said.phones[-1].end == pytest.approx(len(said.samples) / 16000, abs=0.15)
    first, last = said.phones[1].start, said.phones[-1].start
    level = lambda a, b: float(np.sqrt(np.mean(said.samples[int(a * 16000) : int(b * 16000)] ** 2)))  # noqa: E731
    assert level(0, max(first - 0.08, 0.05)) < 0.1 * level(first, last)  # quiet before the first phone


@pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed")
def test_clauses_and_words_stay_apart_in_ipa():
    text = espeak.ipa("Come home, Peter. Why?")
    assert text.endswith(".")
    assert text.count(",") == 2
    assert len(text.split()) == 4
