"""The ledger of a sequence: what is there is known, what was changed or cut off is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.batch.sequence import FORMS, open_sequence
from dnpm.core.errors import DnpmError


@pytest.mark.parametrize("form", FORMS)
def test_there_and_known_again(tmp_path: Path, form: str) -> None:
    made = open_sequence(tmp_path / "a", form, "DNPM Face.001")
    made.write([3, 7], np.full((8, 8), 0.5, np.float32), "one")
    made.save()
    again = open_sequence(tmp_path / "a", form, "DNPM Face.001")
    assert made.path(3).name == f"DNPM_Face.001_0003{FORMS[form]}"
    assert again.has(3, "one")
    assert again.has(7, "one")
    assert not again.has(3, "two")
    assert not again.has(4, "one")
    assert made.path(3).read_bytes() == made.path(7).read_bytes()
    made.path(7).write_bytes(b"cut")
    assert not again.has(7, "one")
    made.path(3).unlink()
    assert not again.has(3, "one")


def test_another_form_or_a_damaged_ledger_is_none(tmp_path: Path) -> None:
    made = open_sequence(tmp_path, "EXR16", "a")
    made.write([1], np.zeros((4, 4), np.float32), "one")
    made.save()
    assert not open_sequence(tmp_path, "EXR32", "a").done
    assert not open_sequence(tmp_path, "EXR16", "b").done
    for text in ("{", "[]", '{"format": "dnpm-sequence-1", "form": "EXR16", "frames": {"x": 1}}'):
        (tmp_path / "a.sequence.json").write_text(text)
        assert not open_sequence(tmp_path, "EXR16", "a").done


def test_no_folder_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DnpmError, match="choose another folder"):
        open_sequence(tmp_path / "file" / "a", "EXR16", "a")
    made = open_sequence(tmp_path / "b", "PNG16", "a")
    (tmp_path / "b").rmdir()
    with pytest.raises(DnpmError, match="cannot be written"):
        made.write([1], np.zeros((4, 4), np.float32), "one")
    with pytest.raises(DnpmError, match="cannot be written"):
        made.save()
