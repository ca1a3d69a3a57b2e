"""Our own files: names, order, and a place that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.read import read_capture
from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES


def test_live_link_layout_is_apples(tmp_path: Path):
    write_live_link(tmp_path / "a.csv", CurveTrack(np.array([3723.5, 3724.75]), np.eye(52, dtype=np.float32)[:2]))
    title, first, _ = (tmp_path / "a.csv").read_text().splitlines()
    names = title.split(",")
    assert names[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert names[-9:-7] == ["HeadYaw", "HeadPitch"]
    assert len(names) == 63
    assert names.index("JawRight") < names.index("JawLeft") < names.index("JawOpen")
    assert first.split(",")[:2] == ["01:02:03:30.000", "61"]


def test_a_clip_within_one_second_passes_into_a_new_one(tmp_path: Path):
    """Else nothing would show what its timecodes count."""
    write_live_link(tmp_path / "a.csv", CurveTrack(0.2 + np.arange(6) / 60, np.eye(52, dtype=np.float32)[:6]))
    labels = [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert [label[6:11] for label in labels] == ["01:57", "01:58", "01:59", "02:00", "02:01", "02:02"]


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DnpmError, match="cannot be written"):
        write_track(tmp_path / "file" / "a.csv", CurveTrack(np.arange(2.0), np.zeros((2, 52), np.float32)))


def test_the_tongues_tip_goes_where_a_file_has_a_place_for_it(tmp_path):
    up = np.array([0.0, 0.5, 1.0], np.float32)
    track = CurveTrack(np.arange(3) / 30, np.zeros((3, 52), np.float32), tip_up=up)
    write_track(tmp_path / "ours.csv", track)
    read = read_capture(tmp_path / "ours.csv")
    np.testing.assert_allclose(read.track.tip_up, up, atol=1e-6)
    assert read.channels == 52
    assert "unrecognised" not in read.line()
    write_live_link(tmp_path / "theirs.csv", track)
    other = read_capture(tmp_path / "theirs.csv").track
    assert other.tip_up is None
    np.testing.assert_allclose(other.expression[:, ARKIT_NAMES.index("tongueOut")], [0, 0.11, 0.22], atol=1e-6)
