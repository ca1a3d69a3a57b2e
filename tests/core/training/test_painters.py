"""Folders of samples that several processes make: whose they are, arrays that grow, results and progress."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.training.painters import claim, open_grown, paint


def test_another_recipe_is_refused(tmp_path: Path):
    note = tmp_path / "maps" / "train.json"
    for _ in range(2):
        claim(note, {"seed": 0, "teacher": "a"}, "maps")
    with pytest.raises(DnpmError, match="these maps were made by another recipe"):
        claim(note, {"seed": 1, "teacher": "a"}, "maps")
    claim(note, {"seed": 0, "teacher": "a"}, "maps")


def test_arrays_grow_and_keep_what_they_hold(tmp_path: Path):
    first = open_grown(tmp_path / "maps.f16", (2, 3), np.float16)
    first[:] = [[1, 2, 3], [4, 5, 6]]
    first.flush()
    more = open_grown(tmp_path / "maps.f16", (4, 3), np.float16)
    assert more.tolist() == [[1, 2, 3], [4, 5, 6], [0, 0, 0], [0, 0, 0]]


def test_every_result_comes_and_is_counted(capsys):
    made = list(paint("maps train", "maps", 8, abs, [-3, 2, -1], 2, str, ("started",)))
    assert sorted(made) == [1, 2, 3]
    assert "maps train: 24/24 maps" in capsys.readouterr().err
    assert list(paint("maps train", "maps", 8, abs, [], 2, str, ("started",))) == []
    assert capsys.readouterr().err == ""
