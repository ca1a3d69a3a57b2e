"""On Windows a virus scanner or a sync client holds files for a moment: renaming over one is tried again. Simulated."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files import writing


class HeldError(PermissionError):
    """What Windows raises; elsewhere Python keeps no `winerror`."""

    def __init__(self, winerror: int | None) -> None:
        super().__init__(13, "Access is denied")
        self.winerror = winerror


@pytest.fixture
def hold(monkeypatch):
    """Makes the next renames fail; how many were tried."""
    tried: list[float] = []
    rename = Path.replace

    def start(winerror: int | None, times: int) -> list[float]:
        def replace(self: Path, target: Path) -> Path:
            tried.append(time.monotonic())
            if len(tried) <= times:
                raise HeldError(winerror)
            return rename(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        return tried

    return start


@pytest.mark.parametrize("winerror", [5, 32])
def test_a_file_that_is_held_for_a_moment_is_written(tmp_path, hold, winerror):
    path = writing.write_text(tmp_path / "map.exr", "old")
    tried = hold(winerror, 4)
    assert writing.write_text(path, "new").read_text() == "new"
    assert len(tried) == 5
    assert tried[-1] - tried[0] > 0.2, "with pauses between"
    assert [file.name for file in tmp_path.iterdir()] == ["map.exr"]


def test_a_file_that_stays_held_is_told_after_some_seconds(tmp_path, hold, monkeypatch):
    assert 2 <= writing._HELD_LIMIT_S <= 10
    monkeypatch.setattr(writing, "_HELD_LIMIT_S", 0.3)
    path = writing.write_text(tmp_path / "map.exr", "old")
    tried = hold(32, 10**6)
    with pytest.raises(DnpmError, match=r"map\.exr: cannot be written \(Access is denied\); close the program that"):
        writing.write_text(path, "new")
    assert len(tried) > 2
    assert 0.1 < tried[-1] - tried[0] < 2
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["map.exr"]


@pytest.mark.parametrize("winerror", [None, 19])
def test_what_will_not_change_is_told_at_once(tmp_path, hold, winerror):
    path = writing.write_text(tmp_path / "map.exr", "old")
    tried = hold(winerror, 10**6)
    with pytest.raises(DnpmError, match=r"map\.exr: cannot be written"):
        writing.write_text(path, "new")
    assert len(tried) == 1


def test_a_folder_of_that_name_and_a_read_only_file_are_told_at_once(tmp_path, hold, monkeypatch):
    (tmp_path / "folder").mkdir()
    tried = hold(5, 10**6)
    with pytest.raises(DnpmError, match=r"folder: cannot be written"):
        writing.write_text(tmp_path / "folder", "new")
    assert len(tried) == 1
    path = tmp_path / "old.json"
    path.write_text("old")
    monkeypatch.setattr(writing.os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(DnpmError, match=r"old\.json: cannot be written"):
        writing.write_text(path, "new")
    assert len(tried) == 2
