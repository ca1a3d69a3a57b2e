"""Pitch, phrases and accents of sounds whose pitch, pauses and stress are known."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.speech import prosody as prosodies
from dnpm.core.speech.phrases import accents, phrases
from dnpm.core.speech.prosody import Prosody, ProsodyMeter
from dnpm.core.speech.silence import levels

RATE = 16000


def voiced(hertz: np.ndarray, loud: np.ndarray | float = 0.3) -> np.ndarray:
    """A buzz of ten harmonics whose pitch follows `hertz` (n,)."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return (loud * sum(np.sin(k * phase) / k for k in range(1, 11)) / 2).astype(np.float32)


def measured(samples: np.ndarray, block: int = 5000) -> Prosody:
    meter = ProsodyMeter()
    for begin in range(0, len(samples), block):
        meter.add(samples[begin : begin + block])
    return meter.measured()


@pytest.mark.parametrize("hertz", [80.0, 120.0, 210.0, 400.0])
def test_pitch_of_a_steady_voice(hertz: float):
    found = measured(voiced(np.full(RATE, hertz)))
    assert found.median_hz == pytest.approx(hertz, rel=0.01)
    assert np.nanstd(found.pitch) < 0.2
    assert np.median(found.harmonicity) > 0.9


def test_pitch_follows_a_glide_and_noise_has_none():
    glide = measured(voiced(np.linspace(100, 200, 2 * RATE)))
    inner = glide.pitch[20:-20]
    assert np.nanmax(inner) - np.nanmin(inner) == pytest.approx(9.46, abs=0.3)
    noise = measured(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32))
    assert np.isnan(noise.pitch).mean() > 0.95
    assert noise.hiss.mean() > 0.4 > 0.1 > glide.hiss.mean()


def test_blocks_do_not_matter_and_places_agree_with_the_levels():
    samples = voiced(np.linspace(100, 300, RATE + 77))
    whole, pieces = measured(samples, len(samples)), measured(samples, 333)
    np.testing.assert_allclose(pieces.harmonicity, whole.harmonicity, atol=1e-4)
    np.testing.assert_allclose(pieces.pitch, whole.pitch, atol=1e-2)
    np.testing.assert_array_equal(whole.level, levels([samples]))
    assert len(whole.pitch) == len(whole.hiss) == len(whole.level)
    assert not len(measured(np.zeros(0, np.float32)).pitch)


def test_phrases_accents_and_questions():
    times = np.arange(6 * RATE) / RATE
    hertz = np.where(times > 5.2, 190.0, 120.0) + 40 * np.exp(-(((times - 1.0) / 0.1) ** 2))
    loud = 0.1 + 0.4 * np.exp(-(((times - 1.0) / 0.1) ** 2))
    loud = np.where(((times > 2.5) & (times < 3.5)) | (times > 5.5), 0.0, loud)
    found = measured(voiced(hertz, loud))
    first, second = phrases(found)
    assert (first.begin, first.end, second.begin, second.end) == pytest.approx((0, 2.5, 3.5, 5.5), abs=0.06)
    assert (first.asks, second.asks) == (False, True)
    strongest = max((a for a in accents(found) if a.time < 5), key=lambda accent: accent.weight)
    assert strongest.time == pytest.approx(1.0, abs=0.12)
    gaps = np.diff([accent.time for accent in accents(found)])
    assert not len(gaps) or gaps.min() >= 0.37


def test_gaps_are_bridged():
    values = np.array([np.nan, 1, np.nan, 3, np.nan], np.float32)
    np.testing.assert_array_equal(prosodies.filled(values), [1, 1, 2, 3, 3])
    np.testing.assert_array_equal(prosodies.filled(np.full(3, np.nan, np.float32)), 0)
    np.testing.assert_array_equal(prosodies.at(np.zeros(0, np.float32), np.arange(2.0)), 0)


@pytest.mark.parametrize("loudness", [0.05, 0.02])
def test_hiss_is_measured_against_the_loud_parts(loudness: float):
    """A voice, and a tone at 5 kHz of known level after it."""
    times = np.arange(2 * RATE) / RATE
    tone = loudness * np.sin(2 * np.pi * 5000 * times)
    sound = np.where(times < 1.5, voiced(np.full(2 * RATE, 120.0), 0.15), tone).astype(np.float32)
    found = measured(sound)
    told = prosodies.hissing(found.level, found.hiss)
    loud = np.percentile(found.level[:145], 95)
    assert told[160:190].mean() == pytest.approx(20 * np.log10(loudness / np.sqrt(2)) - loud, abs=0.5)
    assert told[20:140].max() < -20
    noisy = measured((sound + np.random.default_rng(0).normal(0, 0.05, len(sound))).astype(np.float32))
    assert (prosodies.hissing(noisy.level, noisy.hiss) == -120).all(), "noise is too loud to tell"
    assert not len(prosodies.hissing(np.zeros(0), np.zeros(0)))
    assert (prosodies.hissing(np.full(50, -90.0), np.ones(50)) == -120).all(), "silence"
