"""Tracks of ARKit values: both layouts, columns by name, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.read import read_track
from dnpm.core.capture.track import Track
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "speech"


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([24.0, 29.97, 60.0]))
def test_columns_are_found_by_name_in_any_order(tmp_path_factory, seed, rate):
    rng = np.random.default_rng(seed)
    values = rng.random((5, 52)).round(5)
    order = rng.permutation(52)
    lines = ["time," + ",".join(ARKIT_NAMES[k].capitalize() for k in order)]
    lines += [f"{i / rate}," + ",".join(str(values[i, k]) for k in order) for i in range(5)]
    path = tmp_path_factory.mktemp("track") / "a.csv"
    path.write_text("\n".join(lines))
    track = read_track(path)
    np.testing.assert_allclose(track.expression, values, atol=1e-6)
    assert track.rate == pytest.approx(rate, rel=1e-6)
    assert not track.missing


def test_live_link_timecodes(tmp_path: Path):
    path = tmp_path / "link.csv"
    path.write_text(
        "Timecode,BlendShapeCount,EyeBlinkLeft,JawOpen,HeadYaw\n"
        "17:03:45:58.000,61,0.1,0.2,0.3\n17:03:45:59.000,61,0.1,0.4,0.3\n17:03:46:00.000,61,0.1,0.6,0.3\n"
    )
    track = read_track(path)
    np.testing.assert_allclose(np.diff(track.times), 1 / 60)
    jaw = track.expression[:, ARKIT_NAMES.index("jawOpen")]
    np.testing.assert_allclose(jaw, [0.2, 0.4, 0.6])
    assert len(track.missing) == 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,jawOpen\n0,1\n", "two frames"),
        ("time,a,b\n0,1,1\n1,1,1\n", "ARKit name"),
        ("when,jawOpen\n0,1\n1,1\n", "no column `time`"),
        ("time,jawOpen\n0,1\n1\n", "line 3: 1 values"),
        ("time,jawOpen\n0,1\n1,open\n", "line 3"),
        ("time,jawOpen\n0,1\n0,1\n", "line 3: its time"),
        ("time,jawOpen\n0,1\n1,nan\n", "not finite"),
        ("Timecode,jawOpen\n1:2,1\n1:3,1\n", "neither seconds"),
    ],
)
def test_what_is_no_track_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DnpmError, match=message):
        read_track(path)
    with pytest.raises(DnpmError, match="cannot be read"):
        read_track(tmp_path / "absent.csv")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development data")
def test_a_real_capture():
    track = read_track(SHARED / "facegood_3_15.csv")
    assert track.rate == pytest.approx(30, rel=0.01)
    assert track.expression[:, ARKIT_NAMES.index("jawOpen")].max() > 0.2


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from([23.976, 24.0, 30.0, 60.0, 119.88]), st.floats(0, 86_399), st.booleans(),
    st.sampled_from([write_track, write_live_link]),
)  # fmt: skip
def test_what_is_written_is_read_again(tmp_path_factory, seed, rate, start, turned, write):
    rng = np.random.default_rng(seed)
    times = start + np.arange(130) / rate
    turns = rng.uniform(-1, 1, (130, 9)).astype(np.float32) if turned else None
    track = Track(times, rng.random((130, 52)).astype(np.float32), (), turns)
    path = tmp_path_factory.mktemp("track") / "take" / "a.csv"
    write(path, track)
    again = read_track(path)
    np.testing.assert_allclose(again.expression, track.expression, atol=1e-4)
    np.testing.assert_allclose(again.times, times, atol=1e-4)
    assert not again.missing
    if turned or write is write_live_link:
        np.testing.assert_allclose(again.rotations, 0 if turns is None else turns, atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


def test_live_link_layout_is_apples(tmp_path: Path):
    write_live_link(tmp_path / "a.csv", Track(np.array([3723.5, 3723.75]), np.eye(52, dtype=np.float32)[:2]))
    title, first, _ = (tmp_path / "a.csv").read_text().splitlines()
    names = title.split(",")
    assert names[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert names[-9:-7] == ["HeadYaw", "HeadPitch"]
    assert len(names) == 63
    assert names.index("JawRight") < names.index("JawLeft") < names.index("JawOpen")
    assert first.split(",")[:2] == ["01:02:03:30.000", "61"]


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DnpmError, match="cannot be written"):
        write_track(tmp_path / "file" / "a.csv", Track(np.arange(2.0), np.zeros((2, 52), np.float32)))
