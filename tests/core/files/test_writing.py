"""Files are written whole or not at all, and what goes wrong names the file that was wanted."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files import writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_at_once_and_readable_by_others_as_ever(tmp_path):
    before = os.umask(0o022)
    try:
        path = writing.write_text(tmp_path / "deep" / "a.json", "Größe", make_folder=True)
    finally:
        os.umask(before)
    assert path.read_bytes() == "Größe".encode()
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(path.parent) == ["a.json"]


def write(path: Path, error: Exception, *failures: type[Exception]) -> None:
    """Half of it, then the error."""
    with writing.writing(path, *failures) as beside:
        assert beside.suffix == path.suffix
        beside.write_text("half")
        raise error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, code):
    path = writing.write_text(tmp_path / "map.exr", "old")
    with pytest.raises(DnpmError, match=r"map\.exr: cannot be written \(.*\); make room there") as caught:
        write(path, OSError(code, os.strerror(code)))
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["map.exr"]


def test_what_a_library_raises_names_the_file_too(tmp_path):
    with pytest.raises(DnpmError, match=r"a\.png: cannot be written \(encoder error\)"):
        write(tmp_path / "a.png", RuntimeError("library\nencoder error"), RuntimeError)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "a.png", ZeroDivisionError(), RuntimeError)
    assert names(tmp_path) == []


def test_a_writer_that_writes_nothing_is_found_out(tmp_path):
    with pytest.raises(DnpmError, match=r"a\.png: nothing was written"), writing.writing(tmp_path / "a.png") as beside:
        beside.touch()
    with pytest.raises(DnpmError, match=r"a\.png: cannot be written"), writing.writing(tmp_path / "a.png"):
        pass
    assert names(tmp_path) == []


def test_folders_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DnpmError, match=r"file: cannot be written \(a file stands where a folder is wanted\)"):
        writing.folder(tmp_path / "file")
    with pytest.raises(DnpmError, match=r"file.below: cannot be written \(a file stands where"):
        writing.folder(tmp_path / "file" / "below")
    with pytest.raises(DnpmError, match=r"a\.txt: cannot be written"):
        writing.write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(DnpmError, match=r"none.a\.txt: cannot be written"):
        writing.write_text(tmp_path / "none" / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DnpmError, match=r"folder: cannot be written"):
        writing.write_text(tmp_path / "folder", "x")
    assert names(tmp_path) == ["file", "folder"]


def test_names_as_long_as_they_may_be(tmp_path):
    path = tmp_path / ("й" * 120 + ".json")
    writing.write_text(path, "x")
    assert names(tmp_path) == [path.name]


def test_a_log_keeps_no_half_line(tmp_path, monkeypatch):
    log = tmp_path / "log.csv"
    writing.append_text(log, "a,b\n")
    writing.append_text(log, "1,2\n")
    assert log.read_text() == "a,b\n1,2\n"
    if os.name == "nt":
        return
    code = f"""
import resource, sys
from dnpm.core.files import writing
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
writing.append_text({str(log)!r}, "3,4567890\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert f"{log}: cannot be written (File too large); make room" in done.stderr
    assert log.read_text() == "a,b\n1,2\n"


def test_a_file_grows_with_room_on_the_disk(tmp_path):
    path = tmp_path / "maps.f16"
    writing.grow(path, 100_000)
    assert path.stat().st_size == 100_000
    if hasattr(os, "posix_fallocate"):
        assert path.stat().st_blocks * 512 >= 100_000
    path.write_bytes(b"x" * 200_000)
    writing.grow(path, 100_000)
    assert path.read_bytes() == b"x" * 200_000, "it never shrinks"
    with pytest.raises(DnpmError, match=r"none.maps\.f16: cannot be written"):
        writing.grow(tmp_path / "none" / "maps.f16", 10)


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_ending", threading.Lock())  # Which this process would else hold to its end.
    left = writing.writing(tmp_path / "face_0001.exr")
    beside = left.__enter__()
    beside.write_text("half")
    (tmp_path / "face_0002.exr").write_text("whole")
    (tmp_path / ".hidden").write_text("")
    writing.sweep(tmp_path, "other_*")
    assert beside.exists()
    writing.sweep(tmp_path, "face_*")
    assert names(tmp_path) == [".hidden", "face_0002.exr"]
    beside.write_text("half")
    writing.drop_unfinished()
    assert names(tmp_path) == [".hidden", "face_0002.exr"]
    with pytest.raises(DnpmError):
        left.__exit__(None, None, None)


def test_who_begins_or_opens_a_file_at_the_end_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_ending", threading.Lock())
    named, dropped = threading.Event(), threading.Event()

    def open_late():
        with contextlib.suppress(DnpmError), writing.writing(tmp_path / "late.png") as beside:
            named.set()
            time.sleep(0.005)
            beside.write_text("half")
            dropped.wait()

    def begin():
        time.sleep(0.01)
        writing.write_text(tmp_path / "begun.txt", "whole")

    late, begun = threading.Thread(target=open_late), threading.Thread(target=begin)
    late.start()
    named.wait()
    begun.start()
    writing.drop_unfinished()
    assert names(tmp_path) == [], "the late one is found, the other waits for an end that is coming"
    dropped.set()
    late.join()
    writing._ending.release()
    begun.join()
    assert names(tmp_path) == ["begun.txt"]
