"""Path mapping rules of a farm: whole folders, the longest rule first, and files that are none are told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files import path_mapping

RULES = [
    {"source_path_format": "POSIX", "source_path": "/home/ann", "destination_path": "/mnt/ann"},
    {"source_path_format": "POSIX", "source_path": "/home/ann/shots/", "destination_path": "/fast/shots"},
    {"source_path_format": "WINDOWS", "source_path": "C:\\Users\\Ann", "destination_path": "/mnt/c"},
]


def rules(tmp_path: Path, data: object) -> path_mapping.PathMapping:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(data))
    return path_mapping.read(file)


@pytest.mark.skipif(os.name == "nt", reason="destinations are this machine's")
@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("/home/ann/a/b.png", "/mnt/ann/a/b.png"),
        ("/home/ann", "/mnt/ann"),
        ("/home/ann/shots/x.blend", "/fast/shots/x.blend"),
        ("/home/anna/a.png", "/home/anna/a.png"),
        ("//textures/a.png", "//textures/a.png"),
        ("c:\\users\\ann\\a\\b.png", "/mnt/c/a/b.png"),
        ("C:/Users/Ann/b.png", "/mnt/c/b.png"),
        ("/home/ann/../eve/a.png", "/home/ann/../eve/a.png"),
    ],
)
def test_paths_are_mapped(tmp_path: Path, path: str, mapped: str) -> None:
    assert rules(tmp_path, {"version": "pathmapping-1.0", "path_mapping_rules": RULES}).apply(path) == mapped


def test_no_rules_change_nothing(tmp_path: Path) -> None:
    for mapping in (path_mapping.read(None), rules(tmp_path, {}), rules(tmp_path, {"version": "pathmapping-1.0"})):
        assert mapping.apply("/home/ann/a.png") == "/home/ann/a.png"


@pytest.mark.parametrize(
    "data",
    [
        [], {"version": "2"}, {"version": "pathmapping-1.0", "path_mapping_rules": {}},
        {"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path": "/a"}]},
        {"version": "pathmapping-1.0", "path_mapping_rules": [RULES[0] | {"source_path_format": "MAC"}]},
        {"version": "pathmapping-1.0", "path_mapping_rules": [RULES[0] | {"destination_path": "\0"}]},
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, data: object) -> None:
    with pytest.raises(DnpmError, match=r"rules\.json: ") as told:
        rules(tmp_path, data)
    assert "\n" not in str(told.value)
