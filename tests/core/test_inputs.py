"""What is no regular file is refused before it is opened."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.inputs import read_bytes, read_start, regular_file


def test_regular_files(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert regular_file(tmp_path / "a") == 5
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    assert read_start(tmp_path / "a", 2) == b"12"
    assert read_start(str(tmp_path / "a"), 99) == b"12345"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes and devices among its files")
def test_what_is_no_file(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # A socket's path may have about 100 characters.
        server.bind("socket")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, message in (
        (tmp_path / "pipe", "is a pipe"), (tmp_path, "is a folder"), ("/dev/zero", "is a device"),
        (tmp_path / "socket", "is a socket"), (tmp_path / "none", "no such file"),
        (tmp_path / "loop", "cannot be read"),
        (f"{tmp_path}/a\0b", "cannot be read"), (f"{tmp_path}/{'a' * 300}", "cannot be read"),
    ):  # fmt: skip
        for read in (regular_file, lambda p: read_bytes(p, 100), lambda p: read_start(p, 4)):
            with pytest.raises(DnpmError, match=message) as error:
                read(name)
            assert "\n" not in str(error.value)


def test_too_large_files_are_not_read(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DnpmError, match=r"sparse: has 1000000 MB; at most 1 MB"):
        read_bytes(tmp_path / "sparse", 10**6)


def test_a_name_with_a_line_break_stays_in_one_line(tmp_path):
    with pytest.raises(DnpmError, match=r"a\\nb: no such file"):
        regular_file(tmp_path / "a\nb")
