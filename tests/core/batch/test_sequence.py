"""The ledger of a sequence: what is there is known, what was changed or cut off is not."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.batch.sequence import FORMS, first_stem, known_sequence, open_sequence, stem_of, stem_of_file
from dnpm.core.errors import DnpmError


@pytest.mark.parametrize("form", FORMS)
def test_there_and_known_again(tmp_path: Path, form: str) -> None:
    made = open_sequence(tmp_path / "a", form, "DNPM_Face.001")
    made.write([3, 7], np.full((8, 8), 0.5, np.float32), "one")
    made.save()
    again = open_sequence(tmp_path / "a", form, "DNPM_Face.001")
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


@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=8), st.sampled_from(["../a.blend", "b.blend"]))
def test_no_two_faces_have_files_of_one_name(names: list[str], blend: str) -> None:
    """Not on a file system that ignores case, nor on one that normalises Unicode; and every name can be written."""
    stems = [stem_of(name, f"{blend}\n{name}") for name in names]
    distinct = {unicodedata.normalize("NFC", name) for name in names}
    assert len({unicodedata.normalize("NFD", stem).casefold() for stem in stems}) == len(distinct)
    assert stems == [stem_of(name, f"{blend}\n{name}") for name in names]
    for stem in stems:
        assert len(f"{stem}_100000.exr.partial".encode()) < 255
        assert not set(stem) & set('<>:"/\\|?*')
        assert all(unicodedata.category(c)[0] != "C" for c in stem)
        assert stem_of_file(Path(f"{stem}_0001.exr")) == stem


@pytest.mark.parametrize(
    ("name", "readable"),
    [("Лицо", "Лицо"), ("顔", "顔"), ("Face 1", "Face_1"), ("Face_1", "Face_1"), ("con", "con"), ("..", "face"),
     ("\x07/", "face"), ("हिंदी", "हिंदी"), ("x" * 300, "x" * 40)],
)  # fmt: skip
def test_a_stem_can_be_read(name: str, readable: str) -> None:
    stem, digits = stem_of(name, name).rsplit("-", 1)
    assert stem == readable
    assert len(digits) == 8


def test_a_stem_is_its_owners_and_avoids_what_others_show() -> None:
    one = stem_of("Face", "../a.blend\nFace")
    assert one != stem_of("Face", "../b.blend\nFace")
    second = stem_of("Face", "../a.blend\nFace", [one.upper()])
    assert second not in {one, one.upper()}
    assert second == stem_of("Face", "../a.blend\nFace", [one])


def test_what_is_there_is_copied_and_never_written(tmp_path: Path) -> None:
    old = open_sequence(tmp_path, "EXR16", first_stem("DNPM Face"))
    assert old.stem == "DNPM_Face"
    old.write([1], np.full((4, 4), 0.5, np.float32), "one")
    old.save()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    new = open_sequence(tmp_path, "EXR16", stem_of("DNPM Face", "a"))
    source = known_sequence(tmp_path, "EXR16", "DNPM_Face")
    assert new.take(1, "one", source)
    assert new.has(1, "one")
    assert not new.take(1, "two", source)
    assert not new.take(2, "one", source)
    assert not new.take(1, "one", known_sequence(tmp_path, "PNG16", "DNPM_Face"))
    assert all(path.read_bytes() == data for path, data in before.items())
    assert new.path(1).read_bytes() == source.path(1).read_bytes()
    assert not known_sequence(tmp_path / "nowhere", "EXR16", "a").done
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["a_1.exr", "a.exr", "a_0001.jpg", "_0001.exr"])
def test_other_files_belong_to_no_sequence(name: str) -> None:
    assert stem_of_file(Path(name)) is None
