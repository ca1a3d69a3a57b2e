"""Our own files: names, order, and a place that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.errors import DnpmError


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
