"""JSON of files: what Python's parser would believe is refused in one line, and entries are taken by type."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.files import json_file

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_what_python_writes_is_read(value, ascii_only):
    assert json_file.parse(json.dumps(value, ensure_ascii=ascii_only), "a") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested deeper than 40"),
        ('{"a":' * 50 + "1" + "}" * 50, "nested deeper than 40"),
        ("1" * 400, "an integer of 400 digits"),
        ("[" + "1" * 5000 + "]", "an integer of 5000 digits"),
        ("1e400", "beyond the range"),
        ("[NaN]", "NaN is not a number"),
        ("-Infinity", "-Infinity is not a number"),
        ('{"a": ', "line 1, column 7"),
        ("", "line 1, column 1"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
    ],
)
def test_what_is_refused(text, message, tmp_path):
    (tmp_path / "f.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DnpmError, match=message) as error:
        json_file.read(tmp_path / "f.json", "write it again")
    assert str(error.value).startswith(f"{tmp_path / 'f.json'}: ")
    assert str(error.value).endswith("; write it again")
    assert "\n" not in str(error.value)


@given(st.lists(st.sampled_from(['\\"', "\\\\", "[", "{", "]", "x"]), max_size=200))
def test_brackets_in_texts_do_not_count(parts):
    text = json.dumps({"a": ["".join(parts)]})
    assert json_file.parse(f'[{text}, "' + "".join(parts) + '"]', "a")[1] is not None


@given(st.integers(1, 60))
def test_depth_is_counted(depth):
    text = '{"[": ["{", ' + "[" * depth + "1" + "]" * depth + "]}"
    if depth + 2 <= json_file.MOST_DEPTH:
        json_file.parse(text, "a")
    else:
        with pytest.raises(DnpmError, match="nested"):
            json_file.parse(text, "a")


def test_what_is_allowed_on_request():
    assert math.isnan(json_file.parse("[NaN]", "a", constants=True)[0])
    assert json_file.parse("\ufeff{}", "a") == {}


def test_a_file_of_more_than_the_bound_is_not_read(tmp_path):
    with (tmp_path / "f.json").open("wb") as file:
        file.truncate(10**11)
    with pytest.raises(DnpmError, match=r"f\.json: has 100000 MB"):
        json_file.read(tmp_path / "f.json")


@dataclass(frozen=True)
class Settings:
    name: str
    sizes: tuple[int, ...]
    pair: tuple[int, float] = (1, 2.0)
    rate: float = 1.0
    past: int | None = None
    on: bool = False
    pairs: tuple[tuple[int, int], ...] = ()
    notes: dict[str, str] | None = None
    lines: list[str] | None = None


def test_a_dataclass_from_json():
    given_values = {
        "name": "a", "sizes": [1, 2], "pair": [3, 4], "rate": 2, "past": None, "on": True, "pairs": [[1, 2]],
        "notes": {"k": "v"}, "lines": ["x"],
    }  # fmt: skip
    made = json_file.to_dataclass(Settings, given_values, "settings")
    assert made == Settings("a", (1, 2), (3, 4), 2, None, True, ((1, 2),), {"k": "v"}, ["x"])
    assert json_file.to_dataclass(Settings, {"name": "a", "sizes": []}, "s") == Settings("a", ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "must be a JSON object"),
        ({"name": "a"}, "lacks sizes"),
        ({"name": "a", "sizes": [], "other": 1}, "unknown entries other; made"),
        ({"name": 1, "sizes": []}, "s: name must be text, is 1"),
        ({"name": "a", "sizes": [1.5]}, "s: sizes must be a whole number"),
        ({"name": "a", "sizes": [True]}, "whole number"),
        ({"name": "a", "sizes": 7}, "must be a list"),
        ({"name": "a", "sizes": [], "pair": [1]}, "must have 2 entries"),
        ({"name": "a", "sizes": [], "rate": "1"}, "rate must be a number"),
        ({"name": "a", "sizes": [], "rate": math.inf}, "rate must be a number"),
        ({"name": "a", "sizes": [], "past": "x"}, "past must be a whole number"),
        ({"name": "a", "sizes": [], "on": 1}, "on must be true or false"),
        ({"name": "a", "sizes": [], "notes": {"k": 1}}, "notes.k must be text"),
        ({"name": "a", "sizes": [], "notes": []}, "notes must be an object"),
    ],
)
def test_a_dataclass_from_wrong_json(values, message):
    with pytest.raises(DnpmError, match=message):
        json_file.to_dataclass(Settings, values, "s")


def test_arrays_from_json():
    assert np.array_equal(json_file.array([[1, 2.5]], (None, 2), "a"), [[1, 2.5]])
    assert json_file.array([], (None,), "a").shape == (0,)
    for value in ("x", [1, 2], [[1], [1, 2]], [["a", "b"]], [[10**400, 1]], [[None, 1]], [[True, False]]):
        with pytest.raises(DnpmError, match="a: must be numbers of the shape"):
            json_file.array(value, (None, 2), "a")


def test_numbers_of_any_size():
    assert json_file.is_number(10**300) is True
    assert json_file.is_number(10**400) is False
    assert json_file.is_number(math.nan) is False
    assert json_file.is_number(True) is False
    assert json_file.is_whole(3, 0, 3)
    assert not json_file.is_whole(3.0)
