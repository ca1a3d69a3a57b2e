"""A report holds no folder of its author: every path is cut to its last name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core import diagnostics

POSIX, MAC, WINDOWS = (
    PurePosixPath("/home/jane"),
    PurePosixPath("/Users/Jane Doe"),
    PureWindowsPath("C:\\Users\\Jane Doe"),
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/jane/work/a.obj: no such file", "a.obj: no such file"),
        ("error:/home/jane/work/a.obj", "error:a.obj"),
        ("file:///home/jane/work/a.obj", "file:a.obj"),
        ("python=/home/jane/venv/bin/python, device=cpu", "python=python, device=cpu"),
        ("'/home/jane/my work/a b.obj' is not a mesh", "'a b.obj' is not a mesh"),
        ("/mnt/Client X/(old), 2nd/a.obj; choose another folder", "a.obj; choose another folder"),
        ("/home/jane/a.obj and /srv/film/b.obj", "a.obj and b.obj"),
        ("/home/jane", "~"),
        ("/home/jane: is full", "~: is full"),
        ("/home/somebody/else: is full", "else: is full"),
        ("/home/somebody: is full", "~: is full"),
        ("~/film/a.obj", "a.obj"),
        ("../film/a.obj: gone", "a.obj: gone"),
        ("//textures/jane/a.exr", "a.exr"),
        ("secret/film/a.obj", "a.obj"),
        ("a face of Jane", "a face of ~"),
        ('  File "/home/jane/dnpm/core/x.py", line 3, in f', '  File "x.py", line 3, in f'),
        ("C:\\Users\\Jane\\film\\a.obj: gone", "a.obj: gone"),
        ("c:/Users/Jane/film/a.obj", "a.obj"),
        ("\\\\server\\film\\a.obj", "a.obj"),
        ("see https://pytorch.org/get-started/locally for it", "see https://pytorch.org/get-started/locally for it"),
        ("12 of 52, 3/4 done and/or 1024 / 512, exit code -9", "12 of 52, 3/4 done and/or 1024 / 512, exit code -9"),
        ("2026-11-28 18:40:01.123 INFO dnpm.x: on cuda:0", "2026-11-28 18:40:01.123 INFO dnpm.x: on cuda:0"),
    ],
)  # fmt: skip
def test_paths_are_cut_to_names(text: str, left: str) -> None:
    assert diagnostics.without_paths(text, POSIX) == left


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("/Users/Jane Doe: is full", MAC),
        ("/Users/Jane Doe/film/a.obj", MAC),
        ("C:\\Users\\Jane Doe: is full", WINDOWS),
        ("c:/users/jane doe/film/a.obj", WINDOWS),
        ("'C:\\\\Users\\\\Jane Doe\\\\film\\\\a.obj'", WINDOWS),
    ],
)
def test_homes_with_spaces(text: str, home: Path) -> None:
    left = diagnostics.without_paths(text, home)
    assert "jane" not in left.lower()
    assert "doe" not in left.lower()
    assert "film" not in left
    assert left.strip("'") in ("~: is full", "a.obj")


NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" _-.,()'&+"), min_size=1, max_size=12).map(
    lambda text: f"q{text.strip()}q"
)


AROUND = ("%s", "%s: gone", "cannot read %s", "'%s' (12): gone", 'a "%s" b', "file=%s")


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["/", "C:\\", "\\\\"]), st.sampled_from(AROUND))
def test_no_folder_of_an_absolute_path_is_left(folders: list[str], root: str, around: str) -> None:
    separator = "/" if root == "/" else "\\"
    marked = [f"{name}zz{k}zz" for k, name in enumerate(folders)]
    text = around.replace("%s", root + separator.join([*marked, "face.obj"]))
    left = diagnostics.without_paths(text)
    assert left == around.replace("%s", "face.obj")


def test_the_last_lines_of_two_logs_in_the_order_of_time(tmp_path: Path) -> None:
    moment = "2026-11-28 18:40:0%d.000 "
    file = tmp_path / "worker.log"
    file.write_text(
        "the rest of a record that was cut\n"
        + moment % 1 + "INFO one\n" + moment % 3 + "ERROR three\nTraceback:\n  line\n" + moment % 5 + "INFO five\n",
        encoding="utf-8",
    )  # fmt: skip
    ours = [moment % 2 + "INFO two", moment % 4 + "INFO four"]
    lines = diagnostics.last_lines(ours, diagnostics.tail(file))
    assert [line.split()[-1] for line in lines] == ["one", "two", "three", "Traceback:", "line", "four", "five"]
    assert diagnostics.last_lines(ours, diagnostics.tail(file), count=3) == lines[-3:]


def test_what_the_worker_logged_itself_stands_there_once() -> None:
    moment = "2026-11-28 18:40:0%d.000 "
    workers = [moment % 1 + "WARNING 7 dnpm.core.backend.worker.process: request displacement: too small"]
    heard = moment % 2 + "INFO 5 dnpm.core.backend.client.process: worker 7: "
    ours = [
        heard + "warning: request displacement: too small", heard + "Fatal Python error: Segmentation fault",
        moment % 3 + "INFO 5 dnpm.x: the worker 7 is ready on cpu",
    ]  # fmt: skip
    assert diagnostics.not_forwarded(ours, workers) == ours[1:]
    assert diagnostics.not_forwarded(ours, []) == ours


def test_a_log_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    assert diagnostics.tail(tmp_path / "none.log") == []
    assert diagnostics.tail(tmp_path) == []
    (tmp_path / "noise.log").write_bytes(bytes(range(256)) * 4)
    assert diagnostics.tail(tmp_path / "noise.log") == []


def test_of_a_large_log_the_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    file.write_text("".join(f"2026-11-28 18:40:00.000 INFO record {k}\n" for k in range(20_000)))
    found = diagnostics.tail(file)
    assert found[-1].endswith("record 19999")
    assert 100 < len(found) < 20_000


def test_the_report_is_cut_everywhere() -> None:
    text = diagnostics.report(
        {"Settings": {"python": "/home/jane/venv/bin/python3", "threads": 0}},
        ["a log of /home/jane/secret/a.obj"],
        POSIX,
    )
    assert "  python: python3\n  threads: 0\n" in text
    assert text.endswith("Last 100 log lines\n  a log of a.obj\n")
    assert "jane" not in text
    assert "secret" not in text
