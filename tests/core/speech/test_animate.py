"""A sound file to curves, with a tiny decoder: rates, silence, determinism, damaged weights, stopping."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.speech.animate import Animation, Animator, animate, open_animator
from dnpm.core.speech.audio import open_sound
from dnpm.core.speech.config import SpeechConfig
from dnpm.core.speech.controls import SPEAKING, Controls
from dnpm.core.speech.decoder import SpeechDecoder
from dnpm.core.speech.weights import load_speech, save_speech

CONFIG = SpeechConfig("whisper-tiny.en", 384, width=16, heads=2, feedforward=16, past=8, reach=1, speakers=("a", "b"))
ABOUT = {"name": "tiny", "data": "none", "licence": "CC0-1.0", "command": "test", "seed": 0, "hours": 0, "scores": {}}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    decoder = SpeechDecoder(CONFIG)
    torch.nn.init.normal_(decoder.out.weight, 0, 0.1)
    torch.nn.init.constant_(decoder.out.bias, 0.3)
    folder = tmp_path_factory.mktemp("weights")
    save_speech(folder, decoder, ABOUT)
    return folder


@pytest.fixture(scope="module")
def animator(weights: Path, encoder_file: Path) -> Animator:
    return open_animator(weights, encoder_file)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    samples = np.concatenate([rng.normal(0, 0.2, 33075), np.zeros(44100)])
    soundfile.write(path, samples, 22050)
    return path


def test_frames_end_with_the_sound_at_any_rate(animator: Animator, speech: Path):
    sound = open_sound(speech)
    base = animate(sound, animator)
    assert isinstance(base, Animation)
    for fps, count in ((24, 85), (23.976, 85), (30, 106), (60, 211), (7.5, 28)):
        track = animate(sound, animator, fps=fps).track
        assert len(track.times) == count
        np.testing.assert_allclose(np.diff(track.times), 1 / fps)
        assert track.times[-1] >= 3.5 - 1e-6 > track.times[-2]
        assert 0 <= track.expression.min() <= track.expression.max() <= 1
    np.testing.assert_array_equal(
        animate(sound, animator, fps=60).track.expression[0:200:2], base.track.expression[:100]
    )
    with pytest.raises(DnpmError, match="frames a second"):
        animate(sound, animator, fps=0)


def test_a_style_that_is_no_longer_offered_still_speaks_and_says_so(weights: Path, encoder_file: Path, speech: Path):
    opened = replace(open_animator(weights, encoder_file), withdrawn={"b": "it was worse"})
    said = animate(open_sound(speech), opened, speaker="b")
    assert [note for note in said.notes if "no longer offered: it was worse" in note]
    assert said.track.expression.std() > 0
    assert not [note for note in animate(open_sound(speech), opened).notes if "no longer" in note]


def test_it_is_deterministic_still_in_silence_and_styled(animator: Animator, speech: Path):
    sound = open_sound(speech)
    controls = Controls(blinks=True, head_life=0.5, seed=3)
    first, again = (animate(sound, animator, controls=controls).track for _ in range(2))
    np.testing.assert_array_equal(first.expression, again.expression)
    np.testing.assert_array_equal(first.rotations, again.rotations)
    assert first.expression[:40, SPEAKING].std() > 0.01
    assert np.abs(first.expression[first.times > 1.8][:, SPEAKING]).max() == 0
    other = animate(sound, animator, speaker="b").track
    assert np.abs(other.expression - animate(sound, animator).track.expression).max() > 1e-3
    with pytest.raises(DnpmError, match="speaker 'c'"):
        animate(sound, animator, speaker="c")


def test_it_can_be_stopped_and_tells_how_far_it_is(animator: Animator, speech: Path):
    shares: list[float] = []
    animate(open_sound(speech), animator, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)

    def stop(_share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        animate(open_sound(speech), animator, progress=stop)


def test_the_shortest_sound(animator: Animator, tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.full(3, 0.1), 16000)
    assert len(animate(open_sound(tmp_path / "a.wav"), animator).track.times) == 2


def test_what_was_done_to_a_sound_is_told(animator: Animator, tmp_path: Path):
    soundfile.write(tmp_path / "still.wav", np.full((16000, 2), 3e-5), 16000, subtype="FLOAT")
    made = animate(open_sound(tmp_path / "still.wav"), animator)
    assert len(made.notes) == 1
    assert "silent throughout" in made.notes[0]
    assert np.abs(made.track.expression[:, SPEAKING]).max() == 0
    one = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    soundfile.write(tmp_path / "mono.wav", one, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "opposite.wav", np.stack([one, -one], 1), 16000, subtype="FLOAT")
    mono = animate(open_sound(tmp_path / "mono.wav"), animator)
    made = animate(open_sound(tmp_path / "opposite.wav"), animator)
    assert (len(mono.notes), "channel 1 of 2 was taken" in made.notes[0]) == (0, True)
    np.testing.assert_array_equal(made.track.expression, mono.track.expression)


def test_weights_travel(weights: Path):
    decoder, card = load_speech(weights)
    assert decoder.config == CONFIG
    assert card["name"] == "tiny"
    assert card["file"]["bytes"] == (weights / "speech.safetensors").stat().st_size


def test_weights_that_do_not_fit_are_refused(weights: Path, tmp_path: Path, encoder_file: Path):
    with pytest.raises(DnpmError, match="no speech weights there"):
        open_animator(tmp_path)
    decoder, _ = load_speech(weights)
    with pytest.raises(DnpmError, match="lacks name"):
        save_speech(tmp_path, decoder, {k: v for k, v in ABOUT.items() if k != "name"})
    save_speech(tmp_path, decoder, ABOUT)
    data = (tmp_path / "speech.safetensors").read_bytes()
    (tmp_path / "speech.safetensors").write_bytes(data[:-2] + b"xx")
    with pytest.raises(DnpmError, match="damaged or another"):
        load_speech(tmp_path)
    (tmp_path / "speech.safetensors").write_bytes(data)
    card = json.loads((tmp_path / "speech.json").read_text())
    card["config"]["width"] = 32
    (tmp_path / "speech.json").write_text(json.dumps(card))
    with pytest.raises(DnpmError, match="does not fit its description"):
        load_speech(tmp_path)
    (tmp_path / "speech.json").write_text("{")
    with pytest.raises(DnpmError, match="is not valid JSON"):
        load_speech(tmp_path)
    from dnpm.core.speech.encoders import open_encoder

    with pytest.raises(DnpmError, match="were trained with wav2vec2"):
        Animator(open_encoder(place=encoder_file), SpeechDecoder(replace(CONFIG, encoder="wav2vec2")), "x")
