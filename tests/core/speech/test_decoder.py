"""The decoder: cached equals uncached, chunks equal the whole, the past's window, the paper's biases."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.speech.config import CONFIGS, SpeechConfig, from_json, to_json
from dnpm.core.speech.decoder import SpeechDecoder, head_slopes, past_bias, periodic_encoding
from dnpm.core.speech.speaking import speak

TINY = SpeechConfig(
    "whisper-tiny.en", 6, width=16, heads=2, feedforward=16, layers=2, period=5, past=12, reach=2, hearing=2,
    speakers=("a", "b"),
)  # fmt: skip


def decoder_of(config: SpeechConfig, seed: int = 0) -> SpeechDecoder:
    torch.manual_seed(seed)
    decoder = SpeechDecoder(config).eval().requires_grad_(False)
    # At rest it begins; a test needs motion that depends on everything.
    torch.nn.init.normal_(decoder.out.weight, 0, 0.15)
    torch.nn.init.constant_(decoder.out.bias, 0.4)
    for layer in decoder.layers:
        torch.nn.init.normal_(layer.offset_bias)
    return decoder


def feature_array(frames: int, width: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, width)).astype(np.float32)


def uncached(decoder: SpeechDecoder, features: np.ndarray, speaker: int) -> np.ndarray:
    """Every frame from the whole sequence again, as FaceFormer's paper does it."""
    past = torch.zeros(1, len(features), decoder.config.n_exp)
    heard = torch.from_numpy(features)[None]
    for t in range(len(features)):
        frame = decoder(heard, past, torch.tensor([speaker]))[:, t].clamp(0, 1)
        if t + 1 < len(features):
            past[:, t + 1] = frame
    return torch.cat([past[:, 1:], frame[:, None]], 1)[0].numpy()


@pytest.mark.parametrize(
    "config",
    [TINY, replace(TINY, past=None), replace(TINY, reach=0, hearing=0, layers=1), replace(TINY, past=1, hearing=0)],
)
def test_cached_equals_uncached(config: SpeechConfig):
    decoder = decoder_of(config)
    features = feature_array(40)
    whole = np.concatenate(list(speak(decoder, [features], 1)))
    assert whole.shape == (40, 52)
    np.testing.assert_allclose(whole, uncached(decoder, features, 1), atol=2e-6)
    assert whole.std(0).mean() > 0.01


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=4))
def test_chunks_equal_the_whole(sizes):
    decoder = decoder_of(TINY)
    features = feature_array(sum(sizes))
    whole = np.concatenate(list(speak(decoder, [features])))
    parts = np.concatenate(list(speak(decoder, np.split(features, np.cumsum(sizes)[:-1]))))
    assert whole.shape == (sum(sizes), 52)
    np.testing.assert_allclose(parts, whole, atol=2e-6)


def test_what_a_frame_depends_on():
    decoder = decoder_of(TINY)
    features, past = torch.from_numpy(feature_array(60))[None], torch.rand(1, 60, 52)
    base = decoder(features, past, torch.tensor([0]))
    # Past motion: not what lies ahead, nor beyond two layers of 12 frames; frame 0's predecessor counts for nothing.
    changed = past.clone()
    changed[:, 30] += 1
    moved = (decoder(features, changed, torch.tensor([0])) - base).abs().amax((0, 2)) > 1e-7
    assert not moved[:30].any()
    assert moved[30:42].all()
    assert not moved[30 + 2 * 11 + 1 :].any()
    changed = past.clone()
    changed[:, 0] += 1
    assert torch.equal(decoder(features, changed, torch.tensor([0])), base)
    assert not torch.allclose(decoder(features, past, torch.tensor([1])), base)  # the style
    # Speech: `halo` frames ahead, no more.
    changed = features.clone()
    changed[:, 30] += 1
    moved = (decoder(changed, past, torch.tensor([0])) - base).abs().amax((0, 2)) > 1e-7
    assert not moved[: 30 - TINY.halo].any()
    assert moved[30 - TINY.halo]


def test_the_papers_numbers():
    encoding = periodic_encoding(30, 64)
    assert encoding.shape == (30, 64)
    assert encoding[7, 10] == pytest.approx(np.sin(7 / 10000 ** (10 / 64)), abs=1e-6)
    assert encoding[7, 11] == pytest.approx(np.cos(7 / 10000 ** (10 / 64)), abs=1e-6)
    assert head_slopes(4).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256]
    config = replace(TINY, period=3, past=8)
    bias = past_bias(torch.tensor([-1, 0, 2, 3, 7, 8]), config)
    slope = float(head_slopes(2)[0])
    assert bias[0].tolist() == [-np.inf, 0, 0, -slope, -2 * slope, -np.inf]
    paper = SpeechDecoder(CONFIGS["paper"])
    assert paper.config.halo == 0
    assert sum(p.numel() for p in SpeechDecoder(CONFIGS["default"]).parameters()) * 2 < 12 * 2**20
    rest = paper(torch.randn(1, 5, 768), torch.rand(1, 5, 52), torch.tensor([0]))
    assert (rest == 0).all()


def test_later_seconds_cost_no_more():
    decoder = decoder_of(TINY)
    seconds = []

    def chunks():
        for _ in range(8):
            seconds.append(time.process_time())
            yield feature_array(60)

    total = sum(len(part) for part in speak(decoder, chunks()))
    assert total == 480
    spent = np.diff(seconds)
    assert np.median(spent[-4:]) < 2 * np.median(spent[1:4])


def test_configurations_travel_as_json():
    for config in (*CONFIGS.values(), TINY):
        assert from_json(to_json(config)) == config
    for values, message in (
        ([], "JSON object"), ({"encoder": "x", "feature_width": 3, "colour": 1}, "unknown entries colour"),
        ({"encoder": "x"}, "feature_width"), ({"encoder": "x", "feature_width": "3"}, "must be a whole number"),
        ({"encoder": "x", "feature_width": 3, "heads": 5}, "multiple of heads"),
        ({"encoder": "x", "feature_width": 3, "speakers": "me"}, "speakers must be a list"),
        ({"encoder": "x", "feature_width": 3, "past": 0}, "past must be"),
    ):  # fmt: skip
        with pytest.raises(DnpmError, match=message):
            from_json(values)
    with pytest.raises(DnpmError, match="speaker 'c' is not one"):
        TINY.speaker("c")
    assert (TINY.speaker("b"), TINY.speaker(None)) == (1, 0)
