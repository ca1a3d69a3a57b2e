"""The one reader on files as they are found: the given cases, our own files, what is not a file to read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.read import read_capture, read_folder, read_open
from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES

NTSC = 30_000 / 1001
CASES = {
    "a2f_weights.json": (180, 60, 0), "beat_arkit.json": (180, 60, 0), "dropframe_semicolon_29.97.csv": (90, NTSC, 0),
    "excel_semicolon_comma.csv": (180, 60, 0), "hhmmss_ms.csv": (90, 30, 0), "ict_names.csv": (180, 60, 0),
    "landmark_link_30fps.csv": (90, 30, 0), "llf_30fps.csv": (90, 30, 0), "mediapipe.json": (30, 30, 0),
    "tabs.tsv": (180, 60, 0), "utf16_excel.csv": (35, 60, 1),
}  # fmt: skip
"""Frames, rate, gaps; the last file breaks off in its 36th frame."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_files_in_the_shape_of_public_reports(shared_data, name):
    """All hold a jaw that opens and closes once a second between 0 and 1, blinks, and a smile of .3."""
    path = shared_data.parent / "cases" / "captures" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    frames, rate, gaps = CASES[name]
    capture = read_capture(path)
    assert (len(capture.track.times), capture.gaps, capture.channels) == (frames, gaps, 52)
    assert capture.fps == pytest.approx(rate, rel=1e-4)
    assert capture.seconds == pytest.approx(frames / rate, abs=2e-3)
    jaw, smile = (capture.track.expression[:, ARKIT_NAMES.index(n)] for n in ("jawOpen", "mouthSmileLeft"))
    assert (jaw.min(), jaw.max()) == pytest.approx((0, 1), abs=2e-3)
    np.testing.assert_allclose(smile, 0.3, atol=1e-6)
    closed = capture.track.times[1:-1][(np.diff(jaw)[:-1] < 0) & (np.diff(jaw)[1:] >= 0)] - capture.track.times[0]
    assert len(closed) == int(frames / rate - 0.1)
    if len(closed) > 1:
        assert np.diff(closed) == pytest.approx(1, abs=1.5 / rate)
    if capture.track.rotations is not None:
        assert np.abs(capture.track.rotations[:, 0] - 0.1).max() < 0.11
        assert "rotations in radians" in capture.line()


def test_a_real_capture(shared_data):
    capture = read_capture(shared_data / "speech" / "facegood_3_15.csv")
    assert (capture.fps, capture.gaps) == (30, 0)
    assert capture.track.expression[:, ARKIT_NAMES.index("jawOpen")].max() > 0.2


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from([23.976, 24.0, 29.97, 30.0, 59.94, 60.0, 119.88]), st.floats(0, 86_399),
    st.booleans(), st.sampled_from([write_track, write_live_link]), st.integers(3, 130),
)  # fmt: skip
def test_what_we_write_is_read_again(tmp_path_factory, seed, rate, start, turned, write, count):
    rng = np.random.default_rng(seed)
    times = start + np.arange(count) / rate
    turns = rng.uniform(-1, 1, (count, 9)).astype(np.float32) if turned else None
    track = CurveTrack(times, rng.uniform(0.001, 1, (count, 52)).astype(np.float32), (), turns)
    path = tmp_path_factory.mktemp("track") / "take" / "a.csv"
    write(path, track)
    capture = read_capture(path)
    again = capture.track
    np.testing.assert_allclose(again.expression, track.expression, atol=1e-4)
    assert np.diff(again.times) == pytest.approx(np.diff(times), abs=1e-4)
    assert again.times[-1] - again.times[0] == pytest.approx((count - 1) / rate, abs=1e-4)
    assert capture.fps == pytest.approx(rate, rel=1e-2 if count < 20 else 1e-3)
    if write is write_track:
        np.testing.assert_allclose(again.times, times, atol=1e-4)
    assert not again.missing
    if turned or write is write_live_link:
        np.testing.assert_allclose(again.rotations, 0 if turns is None else turns, atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([24.0, 29.97, 60.0]))
def test_columns_are_found_by_name_in_any_order(written, seed, rate):
    rng = np.random.default_rng(seed)
    values = rng.random((5, 52)).round(5)
    order = rng.permutation(52)
    lines = ["time," + ",".join(ARKIT_NAMES[k].capitalize() for k in order)]
    lines += [f"{i / rate}," + ",".join(str(values[i, k]) for k in order) for i in range(5)]
    track = read_capture(written("\n".join(lines))).track
    np.testing.assert_allclose(track.expression, values, atol=1e-6)
    assert track.rate == pytest.approx(rate, rel=1e-3)


def test_the_line_says_what_was_decided(forms, written):
    times = np.arange(90) / 30
    rows = forms.plain("Timecode", [forms.timecode(k, 30) for k in range(90)], 100 * forms.performance(times))
    rows[5] = [rows[5][0], *[""] * 52]
    rows = [[*row, "x" if k == 0 else "1"] for k, row in enumerate(rows)]
    line = read_capture(written(rows)).line()
    assert "\n" not in line
    said = (
        "take.csv: CSV; 90 frames at 30 fps (timecode, frames restart at 30 (29.97 reads the same))", "3.00 s",
        "52 of 52 channels", "values 0 to 1", "gaps: 1 without a face", "in percent", "unrecognised: x",
    )  # fmt: skip
    assert [part for part in said if part not in line] == []


def test_a_device_clock_counts_from_its_first_row(forms, written):
    times = np.arange(60) / 30
    for begin, clocked in ((1.7e9, True), (48.25, True), (2.5, False)):
        labels = [f"{(begin + t) * 1000:.0f}" for t in times]
        capture = read_capture(written(forms.plain("timestamp", labels, forms.performance(times))))
        track = capture.track
        assert track.clocked == clocked
        assert ("counted from the first row" in capture.line()) == clocked
        assert track.times[0] == pytest.approx(0 if clocked else begin, abs=1e-3)


def test_what_is_no_file_to_read(tmp_path: Path):
    with pytest.raises(DnpmError, match=r"absent\.csv: no such file"):
        read_capture(tmp_path / "absent.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DnpmError, match=r"pipe\.csv: is a pipe"):
        read_capture(tmp_path / "pipe.csv")
    with pytest.raises(DnpmError, match="is a device"):
        read_capture("/dev/zero")
    with pytest.raises(DnpmError, match="is a folder"):
        read_capture(tmp_path)
    (tmp_path / "huge.csv").touch()
    os.truncate(tmp_path / "huge.csv", 10**12)
    with pytest.raises(DnpmError, match=r"huge\.csv: has 1000000 MB; at most"):
        read_capture(tmp_path / "huge.csv")
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(DnpmError, match="must be above 0"):
            read_capture(tmp_path / "huge.csv", fps=fps)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["take.csv", "take.json", "link.csv"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=6),
    st.sampled_from([None, 30.0]),
)  # fmt: skip
def test_damaged_bytes_end_in_one_line(forms, written, name, edits, fps):
    """Bytes cut out and put in anywhere: a track, or one line that names the file."""
    times = np.arange(12) / 30
    rows = forms.plain("time", [f"{t:.4f}" for t in times], forms.performance(times))
    if name == "link.csv":
        rows = forms.live_link(
            [forms.timecode(k + 25, 30, fraction=".595") for k in range(12)], forms.performance(times)
        )
    data = forms.text([row[:9] for row in rows]).encode()
    if name == "take.json":
        frames = [
            {"timestamp": 33 * k, "blendshapes": [{"categoryName": "jawOpen", "score": k / 12}]} for k in range(12)
        ]
        data = json.dumps(frames).encode()
    for place, length, new in edits:
        place %= len(data) + 1
        data = data[:place] + new + data[place + length :]
    path = written(data, name)
    capture, said = None, ""
    try:
        capture = read_capture(path, fps=fps)
    except DnpmError as error:
        said = str(error)
    if capture is None:
        assert str(path) in said
        assert "\n" not in said
        return
    assert np.isfinite(capture.track.expression).all()
    assert (np.diff(capture.track.times) > 0).all()
    assert "\n" not in capture.line()


def test_a_folder_has_one_capture_a_name(forms, written, tmp_path: Path):
    times = np.arange(40) / 30
    (tmp_path / "a.csv").write_text(
        forms.text(forms.plain("time", [f"{t:.4f}" for t in times], forms.performance(times)))
    )
    (tmp_path / "a.json").write_text('[[0.0, 0.1, "AH", "a"]]')
    (tmp_path / "b.JSON").write_text('{"fps": 30, "curves": {"jawOpen": [0, 1, 0]}}')
    (tmp_path / "c.txt").write_text("Once there was a way to get back home.")
    (tmp_path / "d.csv").write_text(forms.text(forms.plain("frame", list("012"), forms.performance(times[:3]))))
    (tmp_path / "e.wav").touch()
    found = dict(read_folder(tmp_path, fps=24))
    assert [path.name for path in found] == ["a.csv", "b.JSON", "c.txt", "d.csv"]
    assert "no ARKit" not in str(found[tmp_path / "c.txt"])
    assert "ARKit name" in found[tmp_path / "c.txt"]
    assert [found[tmp_path / name].fps for name in ("a.csv", "b.JSON", "d.csv")] == [30, 30, 24]
    with pytest.raises(DnpmError, match=r"d\.csv: .*--fps"):
        list(read_folder(tmp_path))
    with pytest.raises(DnpmError, match=r"d\.csv"):
        read_open(tmp_path / "d.csv")
