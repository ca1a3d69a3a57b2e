"""Names of files: what Windows reserves or drops, what a file system takes for one, and letters of every script."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.batch import job as jobs
from dnpm.core.batch.views import read_view
from dnpm.core.errors import DnpmError
from dnpm.core.files import names

RESERVED = ["con", "NUL", "Aux.txt", "prn.a.b", "COM1", "lpt9.png", "com0", "COM¹", "LPT³.exr", "nul.tar.gz"]
SPOILT = [
    "a.", "a..", "a ", " a", "a\n", "a\x00b", "\x07", "a\tb", "a\u200bb", "a\u202eb", "\ud800", "a/b", "a\\b", "a:b",
    "..", ".", "", "-a", "_a", ".a", "a?", "a*", '"a"', "a|b", "a<b", "\u0301a", "x" * 300, "顔" * 80, 3, None,
]  # fmt: skip
GOOD = ["Лицо", "顔", "हिंदी", "a.b", "con_smile", "console", "seed7", "1", "A-b_c.d", "x" * 100]


@pytest.mark.parametrize("name", [*RESERVED, *SPOILT])
def test_what_some_system_cannot_hold_is_refused_with_its_name(name: object, tmp_path: Path) -> None:
    assert names.problem(name)
    with pytest.raises(DnpmError, match=r"items\[0\]\.name: .*it becomes a folder") as caught:
        jobs.parse({"items": [{"name": name}]}, tmp_path)
    assert "\x00" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["Лицо", "顔", "हिंदी", "a.b", "con_smile", "console", "seed7", "1", "A-b_c.d", "x" * 100]
)
def test_every_script_is_good(name: str, tmp_path: Path) -> None:
    assert names.problem(name) == ""
    assert jobs.parse({"items": [{"name": name}]}, tmp_path).items[0].name == name
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "anna"), ("ЛИЦО", "лицо"), ("é", "e\u0301"), ("É", "e\u0301"), ("Straße", "STRASSE"), ("ς", "Σ"),
     ("\u212a", "k"), ("İ", "i\u0307"), ("ŉ", "ʼN")],
)  # fmt: skip
def test_names_that_some_file_system_takes_for_one_are_refused(one: str, other: str, tmp_path: Path) -> None:
    assert names.key(one) == names.key(other)
    with pytest.raises(DnpmError, match="are one folder") as caught:
        jobs.parse({"items": [{"name": one}, {"name": other}]}, tmp_path)
    assert repr(one) in str(caught.value)
    library = {"identities": {one: {"seed": 1}, other: {"seed": 2}}, "expressions": {"rest": {}}}
    with pytest.raises(DnpmError, match="are one folder"):
        jobs.parse(library, tmp_path)


def test_the_combined_name_counts_and_the_parts_do_not(tmp_path: Path) -> None:
    good = {"identities": {"con": {"seed": 1}, "a.": {"seed": 2}}, "expressions": {"rest": {}, "x" * 100: {}}}
    assert len(jobs.parse(good, tmp_path).items) == 4
    joined = {"identities": {"a": {"seed": 1}, "a_b": {"seed": 2}}, "expressions": {"b_c": {}, "c": {}}}
    for bad in ({"identities": {"nul": {"seed": 1}}}, {"expressions": {"a.": {}}}, joined):
        with pytest.raises(DnpmError, match="items: "):
            jobs.parse(bad, tmp_path)


@pytest.mark.parametrize(("view", "told"), [("nul", "reserved"), ("Displacement", "the map's file")])
def test_a_views_name_is_a_files_too(view: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        read_view({"name": view})
    with pytest.raises(DnpmError, match="case does not count"):
        jobs.parse({"items": [{"name": "a", "views": ["front", {"name": "Front"}]}]}, tmp_path)


@given(st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII), fullmatch=True))
def test_what_was_accepted_before_and_windows_can_hold_still_is(name: str) -> None:
    expected = not name.endswith(".") and not re.fullmatch(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?", name)
    assert (names.problem(name) == "") == expected


@given(st.text())
def test_a_name_that_is_accepted_holds_nothing_hidden(name: str) -> None:
    if names.problem(name) == "":
        assert all(unicodedata.category(c)[0] in "LMN" or c in "._-" for c in name)
        assert not name.endswith(".")
        assert len(name.encode()) < 255
    assert names.key(name) == names.key(unicodedata.normalize("NFC", name)) == names.key(names.key(name))
