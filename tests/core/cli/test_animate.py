"""`dnpm animate`: the files agree, settings arrive, bad input is one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dnpm.core.capture.read import read_capture
from dnpm.core.cli.main import main
from dnpm.core.face_model.arkit import ARKIT_NAMES


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """weights/, encoder.safetensors and a.wav."""
    from dnpm.core.speech.config import SpeechConfig
    from dnpm.core.speech.decoder import SpeechDecoder
    from dnpm.core.speech.encoders.whisper import build_encoder
    from dnpm.core.speech.weights import save_speech

    folder = tmp_path_factory.mktemp("speech")
    torch.manual_seed(0)
    decoder = SpeechDecoder(SpeechConfig("whisper-tiny.en", 384, width=16, heads=2, feedforward=16, past=8))
    torch.nn.init.normal_(decoder.out.weight, 0, 0.1)
    torch.nn.init.constant_(decoder.out.bias, 0.3)
    card = {"name": "tiny", "data": "", "licence": "CC0-1.0", "command": "", "seed": 0, "hours": 0, "scores": {}}
    save_speech(folder / "weights", decoder, card)
    build_encoder(folder / "encoder.safetensors")
    soundfile.write(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    return folder


def command(parts: Path, out: Path, *more: str) -> list[str]:
    return ["animate", "--audio", str(parts / "a.wav"), "--out", str(out), "--weights", str(parts / "weights"),
            "--encoder-file", str(parts / "encoder.safetensors"), *more]  # fmt: skip


def test_three_files_agree(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = command(parts, tmp_path / "new" / "o", "--fps", "23.976", "--blinks", "--head-life", "1", "--json")
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["frames"], said["weights"]) == (49, "tiny")
    out = tmp_path / "new" / "o"
    first, second = read_capture(out / "curves.csv").track, read_capture(out / "live_link.csv").track
    np.testing.assert_allclose(first.expression, second.expression, atol=1e-5)
    assert second.tip_up is None
    third = read_capture(out / "curves.json")
    np.testing.assert_allclose(first.expression, third.track.expression, atol=1e-5)
    assert third.fps_from == "stated (fps)"
    np.testing.assert_allclose(first.rotations, second.rotations, atol=1e-5)
    assert np.abs(first.rotations[:, :3]).max() > 1e-3
    assert first.rate == pytest.approx(23.976, rel=1e-3)
    curves = json.loads((out / "curves.json").read_text())
    np.testing.assert_allclose(
        curves["curves"]["jawOpen"], first.expression[:, ARKIT_NAMES.index("jawOpen")], atol=1e-5
    )


def test_notes_on_the_sound_are_printed(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    whole = (parts / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) * 3 // 4])
    assert main([*command(parts, tmp_path / "o", "--json"), "--audio", str(tmp_path / "cut.wav")]) == 0
    said = capsys.readouterr()
    (note,) = json.loads(said.out)["notes"]
    assert note == "is cut short: it ends after 1.50 s, before the length in its header"
    assert f"warning: {tmp_path / 'cut.wav'}: {note}" in said.err


def test_strength_arrives(parts: Path, tmp_path: Path):
    for name, more in (("a", ()), ("b", ("--strength", "jaw=.5"))):
        assert main(command(parts, tmp_path / name, *more)) == 0
    jaws = [read_capture(tmp_path / n / "curves.csv").track.expression[:, ARKIT_NAMES.index("jawOpen")] for n in "ab"]
    np.testing.assert_allclose(jaws[1], 0.5 * jaws[0], atol=1e-5)
    assert jaws[0].max() > 0.05


@pytest.mark.parametrize(
    ("more", "message"),
    [(("--strength", "jaw"), "PART=FACTOR"), (("--strength", "ears=1"), "no such part"), (("--fps", "0"), "frames a"),
     (("--strength", "jaw=9"), "jaw must be 0 to 3"), (("--speaker", "nobody"), "speaker 'nobody'"),
     (("--audio", "/"), "is a folder")],
)  # fmt: skip
def test_bad_input(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple, message: str):
    assert main(command(parts, tmp_path / "o", *more)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_the_command_starts_from_what_the_panel_starts_from() -> None:
    import argparse

    from dnpm.core.cli import animate
    from dnpm.core.speech.controls import USUAL

    parser = argparse.ArgumentParser()
    animate.add_arguments(parser)
    args = parser.parse_args(["--audio", "a.wav", "--out", "o"])
    assert (args.blinks, args.brow_life, args.head_life) == (USUAL.blinks, USUAL.brow_life, USUAL.head_life)
    assert USUAL.blinks
    assert not parser.parse_args(["--audio", "a.wav", "--out", "o", "--no-blinks"]).blinks


def test_an_emotion_shows_in_the_curves(parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def frown(*more: str) -> float:
        assert main(command(parts, tmp_path / "o", "--no-blinks", *more)) == 0
        track = read_capture(tmp_path / "o" / "curves.csv").track
        return float(track.expression[:, ARKIT_NAMES.index("browDownLeft")].mean())

    rest, angry, later = frown(), frown("--emotion", "anger"), frown("--emotion", "neutral", "--emotion", "anger@1")
    assert rest + 0.2 < angry
    assert rest + 0.1 < later < angry
    assert main(command(parts, tmp_path / "o", "--emotion", "glee")) == 2
    assert "there are neutral, joy" in capsys.readouterr().err
