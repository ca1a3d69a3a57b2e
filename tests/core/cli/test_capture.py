"""`dnpm capture`: one line or JSON of what was read, our CSV, and one line for what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.read import read_capture
from dnpm.core.cli.main import main

KEYS = ["frames", "fps", "fps_from", "channels", "seconds", "value_range", "gaps"]


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Half a second of a jaw, in frame numbers."""
    lines = ["frame,jawOpen,eyeBlink_L"] + [f"{k},{k / 14:.4f},0.2" for k in range(15)]
    (tmp_path / "take.csv").write_text("\n".join(lines))
    return tmp_path / "take.csv"


def test_json_and_our_csv(take, tmp_path, capsys):
    assert main(["capture", str(take), "--fps", "30", "--out", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == KEYS
    assert said == {
        "frames": 15, "fps": 30.0, "fps_from": "given; frame numbers", "channels": 2, "seconds": 0.5,
        "value_range": [0.0, 1.0], "gaps": 0,
    }  # fmt: skip
    again = read_capture(tmp_path / "out" / "take.csv")
    assert again.fps == 30
    np.testing.assert_allclose(again.track.times, np.arange(15) / 30, atol=1e-6)
    np.testing.assert_allclose(again.track.expression, read_capture(take, fps=30).track.expression, atol=1e-6)


def test_one_line(take, tmp_path, capsys):
    assert main(["capture", str(take), "--fps", "30", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "15 frames at 30 fps (given; frame numbers); 0.50 s; 2 of 52 channels; values 0 to 1; gaps: none" in out
    assert "written to" in out


def test_what_cannot_be_told_is_one_line_and_nothing_written(take, tmp_path, capsys):
    assert main(["capture", str(take), "--out", str(tmp_path / "out"), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert f"error: {take}: its column 'frame' holds frame numbers" in shown.err
    assert "--fps" in shown.err
    assert not (tmp_path / "out").exists()


def test_the_capture_itself_is_not_overwritten(take, capsys):
    before = take.read_bytes()
    assert main(["capture", str(take), "--fps", "30", "--out", str(take.parent)]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert take.read_bytes() == before


def test_a_video_without_a_face_is_one_line(tmp_path, capsys):
    av = pytest.importorskip("av")
    rng = np.random.default_rng(1)
    with av.open(str(tmp_path / "noise.mkv"), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3):
            image = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    assert main(["capture", str(tmp_path / "noise.mkv"), "--out", str(tmp_path / "out"), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "no face was found in 3 pictures over the video (64 x 64 pixels)" in shown.err
    assert not (tmp_path / "out").exists()
    for words, message in (
        (["--fps", "30"], "whose pictures have times"), (["--neutral", "soon"], "must be auto, none, or seconds"),
        (["--smoothing", "-1"], "must be 0 to 10"), (["--sheet"], "--sheet needs --out"),
    ):  # fmt: skip
        assert main(["capture", str(tmp_path / "noise.mkv"), *words]) == 2
        assert message in capsys.readouterr().err
