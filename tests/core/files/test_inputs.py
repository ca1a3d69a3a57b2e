"""What is not a regular file is refused before it is opened."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files.inputs import brief, one_line, read_bytes, read_start, read_text, reading, regular_file, shown_path


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


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (ValueError("two\nlines"), "two lines"),
        (KeyError("name"), "'name' is missing"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (MemoryError(), "more memory than there is"),
        (OSError(5, "Input/output error"), "cannot be read .Input/output error"),
        (OverflowError("int too large"), "int too large"),
        (AssertionError(), "AssertionError"),
        (DnpmError("generator configuration: sizes"), "generator configuration: sizes; fetch it again"),
    ],
)
def test_what_a_parser_raises_names_the_file(raised, message, tmp_path):
    with pytest.raises(DnpmError, match=message) as error, reading(tmp_path / "a.bin", "fetch it again"):
        raise raised
    assert str(error.value).startswith(f"{tmp_path / 'a.bin'}: ")
    assert "\n" not in str(error.value)


def test_an_error_that_names_the_file_already_stays_as_it_is(tmp_path):
    with pytest.raises(DnpmError, match=r"^[^:]*a\.bin: is too short$"), reading(tmp_path / "a.bin", "again"):
        raise DnpmError(f"{tmp_path / 'a.bin'}: is too short")


def test_values_are_shown_in_a_line_of_bounded_length():
    shared = (1, 1)
    for _ in range(64):
        shared = (shared, shared)
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    for value in (shared, nested, 10**5000, "x" * 10**6, "a\nb\x1b[2J", {"k": {"k": {"k": 1}}}, "\udc80"):
        shown = brief(value)
        assert len(shown) < 250
        assert shown.isprintable()
    assert brief(10**5000) == "an integer of 16610 bits"
    assert brief([1, 2.5, "a"]) == "[1, 2.5, 'a']"
    assert one_line("a\nb\tc\x07") == r"a b c\x07"


def test_names_are_shown_as_they_are_but_for_control_characters():
    for name in ("лицо.json", "a  b.json", "a\u00a0b", "顔"):
        assert shown_path(name) == name
    assert shown_path("a\nb\x1b\udc80\u2028c") == r"a\nb\x1b\udc80\u2028c"


def test_text_is_utf_8(tmp_path):
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfhello")
    assert read_text(tmp_path / "bom", 100) == "hello"
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    with pytest.raises(DnpmError, match="latin: is not UTF-8"):
        read_text(tmp_path / "latin", 100)
