"""How alive a face is: on curves whose figures are known, against faces that must lose."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_track
from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import performance
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.speech import emotions
from dnpm.core.speech.animate import open_animator

TIMES = np.arange(600) / 30
COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}


def still(**values: float) -> np.ndarray:
    curves = np.zeros((600, 52), np.float32)
    for name, value in values.items():
        curves[:, COLUMN[name]] = value
    return curves


def test_known_figures():
    curves = still(mouthFrownLeft=0.5)
    wave = 0.5 + 0.3 * np.sin(TIMES)
    curves[:, COLUMN["mouthSmileLeft"]], curves[:, COLUMN["mouthSmileRight"]] = wave, wave - 0.1
    for begin in (60, 200, 500):
        for side in ("Left", "Right"):
            curves[begin : begin + 5, COLUMN[f"eyeBlink{side}"]] = 1.0
    turns = np.zeros((600, 9), np.float32)
    turns[:, 0] = np.radians(3 * np.sqrt(2) * np.sin(2 * np.pi * TIMES))
    found = performance.measured(CurveTrack(TIMES, curves, (), turns), None, 0)
    assert found["channels_alive"] == 4
    # Lids and smile are the pairs that move; the frown stands still.
    assert found["asymmetry"] == pytest.approx(0.1 / np.sqrt(2), abs=1e-3)
    assert found["blinks_per_min"] == pytest.approx(9, abs=0.1)
    assert found["head_deg_rms"] == pytest.approx(3, abs=0.01)
    assert found["detail_um_rms"] is None
    assert performance.measured(CurveTrack(TIMES, still()), None, 0)["head_deg_rms"] is None


@pytest.mark.parametrize("name", emotions.EMOTIONS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_an_emotion_is_found_again(name: str, side: float):
    curves = np.tile(0.5 * emotions.table(name, side), (600, 1))
    curves[:, COLUMN["jawOpen"]] = 0.4 * np.abs(np.sin(TIMES))
    shown = performance.emotion_shown(curves)
    assert shown[name] == pytest.approx(0.5, abs=0.02)
    assert max(value for other, value in shown.items() if other != name) < 0.05
    assert not any(performance.emotion_shown(still()).values())


def test_a_jaw_on_loudness_is_not_alive():
    level = np.where(np.arange(2000) // 25 % 2, -20.0, -60.0).astype(np.float32)
    track = performance.loudness_baseline(TIMES, level)
    assert track.expression[:, COLUMN["jawOpen"]].std() > 0.1
    assert performance.measured(track, None, 0)["channels_alive"] == 1


def test_detail_moves_with_wrinkles_and_not_without():
    try:
        face_model_path(None)
    except DnpmError:
        pytest.skip("no face model")
    from dnpm.core.evaluation.painter import Painter

    painter = Painter.of(Namespace(face_model=None, weights=None))
    moving = still()
    moving[:, COLUMN["browInnerUp"]] = 0.5 + 0.5 * np.sin(TIMES)
    assert performance.detail_um(painter, still(browInnerUp=1.0), 4) < 1e-3
    assert performance.detail_um(painter, moving, 8) > 3


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    track = CurveTrack(TIMES, still(browInnerUp=0.3))
    write_track(tmp_path / "a.csv", track)
    assert main(["evaluate", "performance", "--curves", str(tmp_path / "a.csv"), "--maps", "0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["channels_alive"], said["baseline"], said["voice"]) == (0, None, None)
    try:
        open_animator()
    except DnpmError as error:
        pytest.skip(str(error))
    samples = np.random.default_rng(0).normal(0, 0.1, 32000) * (np.arange(32000) // 4000 % 2)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    words = ["evaluate", "performance", "--audio", str(tmp_path / "a.wav"), "--emotion", "fear:.8", "--maps", "0"]
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert max(said["emotion"], key=said["emotion"].get) == "fear"
    assert said["channels_alive"] > 10 > said["baseline"]["channels_alive"]
    assert main(words) == 0
    assert "channels_alive" in capsys.readouterr().out
    assert main(["evaluate", "performance"]) == 2
    assert "--audio" in capsys.readouterr().err
