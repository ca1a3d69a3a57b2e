"""Learning a style from takes: what is linear is found, what is held out not looked at, what is too little refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.speech_validation import style_scores
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech import style as files
from dnpm.core.training.speech.style import Heard, learn
from dnpm.tests.tiny_speech import write

JAW, FUNNEL, BROW = (ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthFunnel", "browInnerUp"))


def take(seed: int, seconds: float = 40.0, noise: float = 0.02) -> Heard:
    """Features that wander; jaw and funnel follow them, the brow does not."""
    rng, count = np.random.default_rng(seed), round(seconds * 30)
    smooth = np.stack([np.convolve(rng.normal(0, 1, count + 8), np.hanning(9) / 2, "valid") for _ in range(24)], 1)
    truth = np.zeros((count, 52), np.float32)
    truth[:, JAW] = 0.4 + 0.08 * smooth[:, :3].sum(1) + noise * rng.normal(0, 1, count)
    truth[:, FUNNEL] = 0.3 + 0.08 * smooth[:, 3] + noise * rng.normal(0, 1, count)
    truth[:, BROW] = 0.5 + 0.2 * smooth[:, 4]
    motion = np.full((count, 52), 0.2, np.float32) + rng.uniform(0, 0.1, (count, 52)).astype(np.float32)
    return Heard(smooth.astype(np.float32), motion, truth.clip(0, 1), np.ones(52, bool))


def test_what_is_linear_is_found():
    one, scores = learn("ann", [take(0)], "whisper-tiny.en", 30.0, style_scores)
    assert one.columns.tolist() == [JAW, FUNNEL]
    assert scores["style"]["jaw_r"] > 0.9 > 0.3 > abs(scores["default"]["jaw_r"])
    assert 0.6 < scores["style"]["speed_ratio"] < 1.4
    fresh = take(1)
    said = one.spoken(one.of_features(fresh.features), fresh.motion)
    assert np.corrcoef(said[:, JAW], fresh.truth[:, JAW])[0, 1] > 0.9
    np.testing.assert_array_equal(said[:, BROW], fresh.motion[:, BROW])


def test_scores_are_of_what_was_not_looked_at():
    whole = take(2)
    rng = np.random.default_rng(0)
    end = round(0.8 * len(whole.truth))
    truth = whole.truth.copy()
    truth[end:] = rng.permutation(truth[end:])  # No feature tells these any more.
    _, scores = learn(
        "ann", [Heard(whole.features, whole.motion, truth, whole.carried)], "whisper-tiny.en", 30.0, style_scores
    )
    assert abs(scores["style"]["jaw_r"]) < 0.25


def test_noise_asks_for_a_stronger_ridge_than_clear_takes():
    clear, noisy = (
        learn("a", [take(3, noise=noise)], "e", 30.0, style_scores)[1]["style"]["ridge"] for noise in (0.001, 0.5)
    )
    assert clear < noisy


def test_too_little_and_still_takes_are_refused():
    with pytest.raises(DnpmError, match="give at least 20 s"):
        learn("ann", [take(0, 10), take(1, 9)], "e", 30.0, style_scores)
    moved = take(0)
    still = Heard(moved.features, moved.motion, 0 * moved.truth, moved.carried)
    with pytest.raises(DnpmError, match="no channel of jaw or mouth moves"):
        learn("ann", [still], "e", 30.0, style_scores)


def test_the_command_learns_from_a_capture_and_its_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    weights = write(tmp_path / "weights")
    rng, seconds = np.random.default_rng(0), 24
    times = np.arange(seconds * 30) / 30
    loud = 0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * times)
    at = np.arange(seconds * 16000) / 16000
    soundfile.write(tmp_path / "ann.wav", np.interp(at, times, loud) * 0.2 * rng.normal(0, 1, len(at)), 16000)
    lines = ["time," + ",".join(ARKIT_NAMES)]
    for time, value in zip(times, loud, strict=True):
        row = ["0"] * 52
        row[JAW] = f"{0.6 * value:.4f}"
        lines.append(f"{time:.4f}," + ",".join(row))
    (tmp_path / "ann.csv").write_text("\n".join(lines))
    command = ["train", "style", str(tmp_path / "ann.csv"), str(tmp_path / "ann.wav"), "--out", str(weights / "styles")]
    command += ["--weights", str(weights), "--encoder-file", str(weights / "speech_encoder.safetensors")]
    assert main([*command, "--licence", " ", "--device", "cpu"]) == 2
    assert "say under which terms" in capsys.readouterr().err
    assert main([*command, "--licence", "CC0-1.0", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["style"] == str(weights / "styles" / "ann.style.json")
    assert set(told["scores"]) == {"style", "default"}
    _, card = files.load(Path(told["style"]))
    assert (card["licence"], card["channels"], card["name"]) == ("CC0-1.0", ["jawOpen"], "ann")
    audio = ["--audio", str(tmp_path / "ann.wav"), "--weights", str(weights)]
    encoder = ["--encoder-file", str(weights / "speech_encoder.safetensors")]
    assert main(["animate", *audio, *encoder, "--out", str(tmp_path / "o"), "--speaker", "ann"]) == 0
    assert main([*command[:3], "--out", str(tmp_path), "--licence", "x"]) == 2
    assert "a capture and its sound, pair by pair" in capsys.readouterr().err
