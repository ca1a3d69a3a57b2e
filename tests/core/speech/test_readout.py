"""Who speaks, and where the tongue is: rules on probabilities, the readout's training, its place in the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import languages
from dnpm.core.speech import readout as readouts
from dnpm.core.speech.animate import animate, open_animator
from dnpm.core.speech.audio import Samples
from dnpm.core.speech.config import SpeechConfig
from dnpm.core.speech.decoder import SpeechDecoder
from dnpm.core.speech.feature_layer import AROUND
from dnpm.core.speech.readout import (
    TONGUE_CLASSES,
    LipsLayer,
    LipsListener,
    Readout,
    TongueLayer,
    TongueListener,
    sibilant,
    speaking,
    tongue,
)
from dnpm.core.speech.weights import load_readout, load_speech, save_speech
from dnpm.core.training.speech import dentals, espeak
from dnpm.core.training.speech import readout as training

ABOUT = {"name": "tiny", "data": "none", "licence": "CC0-1.0", "command": "test", "seed": 0, "hours": 0, "scores": {}}
TIMES = np.arange(150) / 30


def test_a_word_is_kept_whole_and_a_flicker_is_none():
    voice = np.zeros(150, np.float32)
    voice[60:75] = 0.9  # 2.0 to 2.5 s
    speaks = speaking(voice, TIMES, 500)
    assert speaks[200:250].all()
    assert not speaks[:170].any()
    assert not speaks[285:].any()
    assert not speaking(np.full(150, 0.05), TIMES, 500).any()
    assert speaking(np.full(150, 0.4), TIMES, 500).all(), "half drowned in noise it is still speech"
    assert not len(speaking(voice, TIMES, 0))
    level = readouts.without_speech(np.full(500, -20, np.float32), speaks)
    assert level[225] == -20
    assert level[400] < -100


def test_the_tongue_shows_in_an_open_mouth():
    said = np.zeros((150, 3), np.float32)
    said[50:60, 1], said[100:110, 2] = 0.95, 0.95
    jaw = np.full(150, 0.15)
    out, ridge = tongue(said, jaw)
    assert out[55] > 0.3
    assert out[70:].max() == out[:45].max() == 0, "it comes out in th alone"
    assert ridge[105] == 1
    assert ridge[:97].max() == ridge[114:].max() == 0
    assert np.abs(np.diff(ridge)).max() <= 0.5, "on its way for three frames"
    assert tongue(said, np.zeros(150))[0].max() == 0
    assert tongue(np.full((150, 3), 0.35, np.float32), np.ones(150))[1].max() == 0, "unsure"
    up = readouts.tip_up(ridge, out, jaw)
    assert 0.1 < up[55] < 0.25, "between the teeth"
    assert up[105] > 0.5
    assert readouts.tip_up(ridge, out, jaw + 0.1)[105] > up[105], "further to go"
    assert up[:45].max() == up[120:].max() == 0


def test_a_short_t_is_reached():
    """A tap of one frame (33 ms) still brings the tip to the teeth."""
    said = np.zeros((30, 3), np.float32)
    said[15, 2] = 0.9
    assert tongue(said, np.full(30, 0.1))[1][15] == 1


def test_a_short_th_is_seen():
    """Heard in one frame, the tongue is wholly out in it, less than half-way beside it, and in nowhere else."""
    said = np.zeros((30, 3), np.float32)
    said[15, 1] = 0.95
    out = tongue(said, np.full(30, 0.3))[0]
    assert out[15] > 0.4
    assert 0.1 < out[14] == out[16] < 0.21
    assert not out[:14].any()
    assert not out[17:].any()


def test_lips_meet_at_the_surest_frame():
    said = np.zeros((60, 4), np.float32)
    said[20:25, 3] = 0.8, 0.95, 0.99, 0.9, 0.7
    said[40, 3], said[50, 3] = 0.65, 0.55
    heard = readouts.lips(said)
    np.testing.assert_allclose(heard[21:24], [0.5, 1, 0.5])
    assert heard[20] == heard[24] == 0
    assert heard[40] == pytest.approx(1 / 3, abs=1e-5)
    assert heard[50] == 0
    assert not readouts.lips(said[:, :3]).any(), "older weights cannot tell"
    assert not len(readouts.lips(said[:0]))


def test_it_learns_what_a_line_can_tell():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((4000, 6)).astype(np.float32) * [1, 5, 1, 0.1, 1, 1] + 3
    truth = (features[:, 1] - 3 > 4).astype(float)
    weight, bias = training.fitted(features, truth)
    said = Readout(np.stack([weight] * 3), np.full(3, bias, np.float32))(features)[:, 0] > 0.5
    assert (said == truth).mean() > 0.9
    assert np.abs(weight[1] * 5) > 5 * np.abs(weight[[0, 2, 4, 5]]).max()


def test_what_is_no_speech_is_loud_and_seeded():
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(12):
        made = training.no_speech(rng, 32000)
        np.testing.assert_array_equal(made, training.no_speech(again, 32000))
        assert made.shape == (32000,)
        assert np.isfinite(made).all()
        assert 1e-3 < made.std() < 1
    noisy = training.in_noise(rng, np.sin(np.arange(32000) / 5), 0.0)
    assert noisy.std() == pytest.approx(1.0, abs=0.1)  # As much noise as sound.


def test_it_travels_with_the_weights(tmp_path: Path):
    config = SpeechConfig("whisper-tiny.en", 16, width=16, heads=2, feedforward=16, past=8)
    torch.manual_seed(0)
    decoder = SpeechDecoder(config)
    rng = np.random.default_rng(0)
    made = Readout(rng.standard_normal((3, 16)).astype(np.float32), np.array([0.5, -1, 2], np.float32))
    save_speech(tmp_path / "with", decoder, ABOUT, made)
    save_speech(tmp_path / "without", decoder, ABOUT)
    four = Readout(rng.standard_normal((4, 16)).astype(np.float32), np.zeros(4, np.float32))
    save_speech(tmp_path / "four", decoder, ABOUT, four)
    again = load_readout(tmp_path / "four")
    assert again is not None
    assert again.weight.shape == (4, 16)
    save_speech(tmp_path / "six", decoder, ABOUT, Readout(np.zeros((6, 16), np.float32), np.zeros(6, np.float32)))
    with pytest.raises(DnpmError, match="its readout does not fit"):
        load_readout(tmp_path / "six")
    got = load_readout(tmp_path / "with")
    np.testing.assert_allclose(got.weight, made.weight, atol=2e-3)
    assert load_readout(tmp_path / "without") is None
    assert load_speech(tmp_path / "with")[0].config == config
    save_speech(tmp_path / "bad", decoder, ABOUT, Readout(made.weight[:, :4], made.bias))
    with pytest.raises(DnpmError, match="readout does not fit"):
        load_readout(tmp_path / "bad")


def test_the_shipped_weights_hear_no_speech_in_noise_and_tones(encoder_file: Path):
    from dnpm.core.speech.animate import animate, open_animator
    from dnpm.core.speech.audio import Samples
    from dnpm.core.speech.controls import SPEAKING, USUAL

    animator = open_animator(None, encoder_file)
    assert animator.readout is not None
    rng = np.random.default_rng(99)
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000)
    for sound in (tone, training.noise(rng, 48000) * 0.1):
        made = animate(Samples(sound.astype(np.float32), 16000), animator, controls=USUAL)
        assert np.sqrt(np.square(made.track.expression[:, SPEAKING]).mean()) < 0.01
        assert any("nothing that sounds like speech" in note for note in made.notes)


def test_the_lip_at_the_teeth_keeps_the_lips_apart():
    said = np.zeros((60, 5), np.float32)
    said[20:23, 4] = 0.95
    said[40, 4] = 0.6
    heard, apart = readouts.teeth(said)
    np.testing.assert_array_equal(np.flatnonzero(heard == 1), [20, 21, 22])
    np.testing.assert_array_equal(np.flatnonzero(apart == 1), [19, 20, 21, 22, 23])
    assert heard[40] == apart[50] == 0
    older, wider = readouts.teeth(said[:, :4])
    assert not older.any()
    assert not wider.any()


def _layer(width: int, classes: int = len(TONGUE_CLASSES)) -> TongueLayer:
    rng = np.random.default_rng(1)
    parts = (9, (2 * AROUND + 1) * width), (9,), (classes, 9), (classes,)
    return TongueLayer(*(rng.standard_normal(shape).astype(np.float32) for shape in parts))


def test_the_tongue_is_heard_alike_however_the_sound_arrives():
    layer, features = _layer(6), np.random.default_rng(2).standard_normal((50, 6)).astype(np.float32)
    whole = TongueListener(layer)
    whole.add(features)
    times = np.arange(30) / 30
    expected = whole.at(times, 50.0)
    for sizes in ([1] * 50, [3, 40, 0, 7], [49, 1]):
        listener, begin = TongueListener(layer), 0
        for size in sizes:
            listener.add(features[begin : begin + size])
            begin += size
        np.testing.assert_allclose(listener.at(times, 50.0), expected, atol=1e-5)
    padded = np.concatenate([features[:1]] * AROUND + [features] + [features[-1:]] * AROUND)
    told = layer(padded)
    rising = told[:, 2] + told[:, 4:].sum(1)
    np.testing.assert_allclose(expected[::3], np.stack([told[:, 1], rising], 1)[::5], atol=1e-5)
    np.testing.assert_allclose(told.sum(1), 1, atol=1e-5)
    older = TongueListener(_layer(6, 4))
    older.add(features)
    np.testing.assert_allclose(older.at(times, 50.0)[::3], _layer(6, 4)(padded)[::5, 1:3], atol=1e-5)
    assert not TongueListener(layer).at(times, 50.0).any()


def test_the_layer_of_the_tongue_travels_with_the_weights(tmp_path: Path):
    config = SpeechConfig("whisper-tiny.en", 16, width=16, heads=2, feedforward=16, past=8)
    decoder, rows = SpeechDecoder(config), (np.zeros((5, 16), np.float32), np.zeros(5, np.float32))
    save_speech(tmp_path / "with", decoder, ABOUT, Readout(*rows, _layer(16)))
    again = load_readout(tmp_path / "with").tongue
    np.testing.assert_allclose(again.hidden_weight, _layer(16).hidden_weight, atol=2e-3)
    np.testing.assert_allclose(again.bias, _layer(16).bias, atol=2e-3)
    assert load_speech(tmp_path / "with")[0].config == config
    save_speech(tmp_path / "without", decoder, ABOUT, Readout(*rows))
    assert load_readout(tmp_path / "without").tongue is None
    save_speech(tmp_path / "older", decoder, ABOUT, Readout(*rows, _layer(16, 4)))
    assert len(load_readout(tmp_path / "older").tongue.bias) == 4
    for bad in (_layer(15), _layer(16, 5)):
        save_speech(tmp_path / "bad", decoder, ABOUT, Readout(*rows, bad))
        with pytest.raises(DnpmError, match="its readout of the tongue does not fit"):
            load_readout(tmp_path / "bad")


def _lips(width: int, classes: int = 2) -> LipsLayer:
    return LipsLayer(*_layer(width, classes).arrays())


def test_the_layer_of_the_lips_travels_with_the_weights(tmp_path: Path):
    config = SpeechConfig("whisper-tiny.en", 16, width=16, heads=2, feedforward=16, past=8)
    decoder, rows = SpeechDecoder(config), (np.zeros((5, 16), np.float32), np.zeros(5, np.float32))
    save_speech(tmp_path / "with", decoder, ABOUT, Readout(*rows, _layer(16), _lips(16)))
    again = load_readout(tmp_path / "with")
    for got, given in zip(again.lips.arrays(), _lips(16).arrays(), strict=True):
        np.testing.assert_allclose(got, given, atol=2e-3)
    np.testing.assert_allclose(again.tongue.bias, _layer(16).bias, atol=2e-3)
    save_speech(tmp_path / "alone", decoder, ABOUT, Readout(*rows, None, _lips(16)))
    assert load_readout(tmp_path / "alone").tongue is None
    for bad in (_lips(15), _lips(16, 3)):
        save_speech(tmp_path / "bad", decoder, ABOUT, Readout(*rows, None, bad))
        with pytest.raises(DnpmError, match="its readout of the lips does not fit"):
            load_readout(tmp_path / "bad")


def test_lips_meet_in_every_frame_beside_the_surest_feature():
    """A layer whose second class is the third number of the feature itself."""
    hidden = np.zeros((1, 5 * 6), np.float32)
    hidden[0, AROUND * 6 + 2] = 1
    layer = LipsLayer(hidden, np.zeros(1, np.float32), np.array([[0], [1]], np.float32), np.array([6, 0], np.float32))
    features = np.zeros((100, 6), np.float32)
    features[[20, 50, 51, 75], 2] = 12, 12, 9, 5.35  # 0.40 s, 1.00 s, and unsure at 1.50 s
    listener, times = LipsListener(layer), np.arange(60) / 30
    assert not listener.at(times, 50.0).any()
    listener.add(features)
    meet = listener.at(times, 50.0)
    assert layer(features)[75 - AROUND, 1] == pytest.approx(0.343, abs=1e-3)
    np.testing.assert_allclose(meet[10:15], [0, 0.5, 1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(meet[28:33], [0, 0.5, 1, 0.5, 0], atol=1e-6)
    assert meet[45] == pytest.approx(0.62, abs=0.01)
    between = listener.at(times + 1 / 60, 50.0)
    np.testing.assert_allclose(between[10:14], [0, 1, 1, 0], atol=1e-6)
    beside = np.concatenate([features[k : k + 96] for k in range(2 * AROUND + 1)], 1)
    np.testing.assert_allclose(layer.of_around(beside), layer(features), atol=1e-5)


def test_the_shipped_layer_hears_more_than_the_row(encoder_file: Path):
    """Lips of sounds that espeak-ng speaks in a language that neither has learnt."""
    if not espeak.available():
        pytest.skip("espeak-ng is not installed")
    animator = open_animator(None, encoder_file)
    assert animator.readout.lips is not None
    row = replace(animator, readout=replace(animator.readout, lips=None))
    samples, phones = languages.spoken("ko", "+f1")
    shares = []
    for one in (animator, row):
        closed, shut = languages.closures(animate(Samples(samples, 16000), one).track, phones)
        shares.append(np.mean([right for _, right in closed]))
        assert np.mean(shut) < 0.05
    assert shares[0] > 0.8
    assert shares[0] >= shares[1]


def test_what_hisses_too_loudly_is_no_th():
    said = np.tile(np.array([0.9, 0.8, 0.1], np.float32), (4, 1))
    told = sibilant(said, np.array([-60.0, -20.0, -18.5, -10.0]))
    np.testing.assert_allclose(told[:, 1], [0.8, 0.8, 0.4, 0.0], atol=1e-6)
    np.testing.assert_allclose(told.sum(1), said.sum(1), atol=1e-6)
    assert said[3, 1] == np.float32(0.8), "what was given stays"


def test_th_is_learnt_from_what_is_around_it():
    """A th here is a feature that only what comes before it tells from a t."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(240):
        features, phones = 0.3 * rng.standard_normal((200, 8)).astype(np.float32), []
        for begin in range(10, 190, 20):
            name = ("TH", "T", "F")[int(rng.integers(3))]
            features[begin - 2 : begin, {"TH": 1, "T": 2, "F": 3}[name]] += 3
            features[begin : begin + 3, 0] += 3
            phones.append((begin / 50, (begin + 3) / 50, name))
        rows.append((features, phones, k % 8 == 0, np.full(400, -60.0)))
    layer, scores = dentals.train(rows, 50.0, 0)
    loud = [(features, phones, held, np.zeros(400)) for features, phones, held, _ in rows]
    assert dentals.scores(layer, loud, 50.0)["th out"] == 0, "what hisses so loudly is s"
    assert scores["th out"] > 0.75, "the tongue comes out where a th is sure"
    assert scores["t, d, n, l, s, z tip up"] > 0.9
    assert scores["f, v wrongly out"] < 0.05
    assert scores["t, d, n, l wrongly out, apart"] < 0.05
    assert layer.weight.shape[0] == len(TONGUE_CLASSES)
    truth = dentals.truth_of(10, 50.0, [(0.0, 0.06, "T"), (0.06, 0.14, "DH"), (0.14, 0.2, "AA")])
    assert truth.tolist() == [2, 2, 2, -1, 1, 1, 1, -1, 0, 0]
    assert dentals.truth_of(6, 50.0, [(k / 50, (k + 1) / 50, n) for k, n in enumerate("TFSNLM")]).tolist() == [
        2,
        3,
        4,
        5,
        6,
        0,
    ]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_row_for_the_teeth_leaves_the_layers_and_the_other_rows(count: int) -> None:
    rng = np.random.default_rng(0)
    before = Readout(
        rng.standard_normal((count, 16)).astype(np.float32), np.ones(count, np.float32), _layer(16), _lips(16)
    )
    weight, features = rng.standard_normal(16).astype(np.float32), rng.standard_normal((9, 16)).astype(np.float32)
    made = readouts.with_teeth(before, weight, 0.5)
    assert made.tongue is before.tongue
    assert made.lips is before.lips
    said, kept = made(features), min(count, 4)
    np.testing.assert_allclose(said[:, :kept], before(features)[:, :kept], rtol=1e-5)
    assert said[:, kept:4].max(initial=0) < 1e-6, "a row that was not learnt hears nothing"
    np.testing.assert_allclose(said[:, 4], 1 / (1 + np.exp(-features @ weight - 0.5)), rtol=1e-4)
