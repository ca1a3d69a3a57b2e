"""Parts of a job: every number is in exactly one of them, and machines that share a folder know of each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.batch.chunks import Chunk, read_chunk, read_frames
from dnpm.core.batch.frames import FrameFiles, with_ledgers
from dnpm.core.batch.sequence import open_sequence
from dnpm.core.errors import DnpmError


def test_chunks_are_read() -> None:
    assert read_chunk(None) is None
    assert read_chunk("9:4") == Chunk(9, 4)
    assert [n for n in range(20) if n in Chunk(9, 4)] == [9, 10, 11, 12]
    assert list(read_frames("7")) == [7]
    assert list(read_frames("0-2")) == [0, 1, 2]


@pytest.mark.parametrize("text", ["", "9", "9:0", "-1:3", "a:b", "1:2:3", "12345678:1"])
def test_what_is_no_chunk_is_told(text: str) -> None:
    with pytest.raises(DnpmError, match="must be FIRST:COUNT"):
        read_chunk(text)


@pytest.mark.parametrize("text", ["", "a", "5-3", "1-", "-3", "1-9999999", "1,2"])
def test_what_are_no_frames_is_told(text: str) -> None:
    with pytest.raises(DnpmError, match="--frames"):
        read_frames(text)


@given(first=st.integers(0, 50), count=st.integers(1, 60), size=st.integers(1, 70))
def test_every_number_is_in_one_chunk(first: int, count: int, size: int) -> None:
    chunks = [Chunk(start, size) for start in range(first, first + count, size)]
    for number in range(first, first + count):
        assert sum(number in chunk for chunk in chunks) == 1


def made(folder: Path, part: range | None, digest: str) -> FrameFiles:
    files = with_ledgers(FrameFiles(folder, ".png", "shot", part=part))
    for frame in part or range(1, 7):
        files.path(frame).write_bytes(digest.encode())
        files.note(frame, digest)
    files.save()
    return files


def test_parts_know_each_other_and_write_ledgers_of_their_own(tmp_path: Path) -> None:
    made(tmp_path, range(1, 4), "one")
    made(tmp_path, range(4, 7), "one")
    assert len(list(tmp_path.glob("*sequence.json"))) == 2
    known = with_ledgers(FrameFiles(tmp_path, ".png", "shot"))
    assert all(known.has(frame, "one") for frame in range(1, 7))
    assert not with_ledgers(FrameFiles(tmp_path, ".png", "sho")).done, "another stem"
    assert not with_ledgers(FrameFiles(tmp_path, ".exr", "shot")).done, "another form"


def test_the_newer_ledger_counts(tmp_path: Path) -> None:
    """Other parts than last time: what those said of the same frames is old."""
    made(tmp_path, range(4, 7), "one")
    old = tmp_path / "shot.0000004.sequence.json"
    os.utime(old, (1, 1))
    made(tmp_path, range(1, 7), "two")
    known = with_ledgers(FrameFiles(tmp_path, ".png", "shot"))
    assert all(known.has(frame, "two") for frame in range(1, 7))


def test_a_part_leaves_what_others_are_writing(tmp_path: Path) -> None:
    mine, others = tmp_path / ".a_0003.12ab34cd.partial.exr", tmp_path / ".a_0004.12ab34cd.partial.exr"
    for file in (mine, others):
        file.write_bytes(b"half")
    open_sequence(tmp_path, "EXR16", "a", range(1, 4))
    assert not mine.exists()
    assert others.exists()
    open_sequence(tmp_path, "EXR16", "a")
    assert not others.exists()
