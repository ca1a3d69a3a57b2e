"""Presets: what is written comes back; what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets, w_offset
from dnpm.core.face_model.looks import Look

LABELS = ("Age", "Face width", "Face width", "Identity 4")


class Names:
    """The part of a face model that presets use."""

    name = "small"
    identity_labels = LABELS
    expression_names = ("jawOpen", "mouthSmileLeft", "mouthSmileRight")
    n_id, n_exp = 4, 3
    expression_index = {name: i for i, name in enumerate(expression_names)}


finite = st.floats(-10, 10, width=32)
unit = st.floats(0, 1, width=32)


@given(st.lists(finite, min_size=4, max_size=4), st.lists(unit, min_size=3, max_size=3), st.floats(0, 4, width=32))
def test_sliders_come_back(identity, expression, strength):
    preset = presets.preset_of(Names, np.array(identity, np.float32), np.array(expression, np.float32), strength)
    read = presets.from_text(presets.to_text(preset), "text")
    back_identity, back_expression, unknown = presets.vectors(read, Names)
    np.testing.assert_allclose(back_identity, identity, atol=1e-6)
    np.testing.assert_allclose(back_expression, expression, atol=1e-6)
    assert not unknown
    assert read.strength == pytest.approx(strength)


def test_components_with_the_same_label_go_by_number():
    preset = presets.preset_of(Names, np.array([0, 1, 2, 0], np.float32))
    assert dict(preset.identity) == {"2": 1.0, "3": 2.0}


def test_a_part_left_out_stays_as_it_is():
    preset = presets.from_text(json.dumps({"format": presets.FORMAT, "expression": {"jawOpen": 1}}), "text")
    identity, expression, unknown = presets.vectors(preset, Names)
    assert identity is None
    assert expression.tolist() == [1, 0, 0]
    assert preset.strength is None
    assert not unknown


def test_unknown_names_are_listed_and_the_rest_is_read():
    preset = presets.Preset("other", {"Nose": 1.0, "Age": 2.0}, {"snort": 1.0, "jawOpen": 0.5})
    identity, expression, unknown = presets.vectors(preset, Names)
    assert identity.tolist() == [2, 0, 0, 0]
    assert expression.tolist() == [0.5, 0, 0]
    assert unknown == ["Nose", "snort"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give a preset"),
        ("[1, 2]", "is not a preset"),
        ('{"format": "dnpm-preset-9"}', "dnpm-preset-1"),
        ('{"format": "dnpm-preset-1"}', "none of"),
        ('{"format": "dnpm-preset-1", "identity": {"Age": NaN}}', "NaN is not a number"),
        ('{"format": "dnpm-preset-1", "identity": {"Age": 11}}', "from -10 to 10"),
        ('{"format": "dnpm-preset-1", "expression": {"jawOpen": "much"}}', "'jawOpen' must be a number"),
        ('{"format": "dnpm-preset-1", "expression": [1]}', "must be an object"),
        ('{"format": "dnpm-preset-1", "strength": true}', '"strength" must be a number'),
        ('{"format": "dnpm-preset-1", "expression": {}, "smile": 1}', "unknown entry 'smile'"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_damage_is_named(tmp_path, text, said):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(DnpmError, match=r"bad\.json: ") as raised:
        presets.read_preset(file)
    assert said in str(raised.value)


def test_a_binary_or_missing_file_is_named(tmp_path):
    file = tmp_path / "bad.json"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DnpmError, match="UTF-8"):
        presets.read_preset(file)
    with pytest.raises(DnpmError, match="no such file"):
        presets.read_preset(tmp_path / "none.json")


def test_a_folder_that_cannot_be_written_is_named_and_the_old_file_stays(tmp_path, monkeypatch):
    file = tmp_path / "kept.json"
    presets.write_preset(file, presets.Preset("m", {"Age": 1.0}))
    before = file.read_text()

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(DnpmError, match="Permission denied"):
        presets.write_preset(file, presets.Preset("m", {"Age": 2.0}))
    assert file.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.json"]


@pytest.mark.parametrize(
    ("typed", "expected"), [("Old man", "Old man.json"), ("a/b\\c", "a_b_c.json"), ("..x", "x.json")]
)
def test_file_names_are_safe(typed, expected):
    assert presets.file_name(typed) == expected


@pytest.mark.parametrize("typed", ["", "...", "//"])
def test_names_without_a_letter_are_refused(typed):
    with pytest.raises(DnpmError, match="is not a name for a preset"):
        presets.file_name(typed)


def test_a_look_comes_back_and_may_be_all_there_is():
    look = Look("deep", stubble=0.5)
    read = presets.from_text(presets.to_text(presets.Preset("small", look=look)), "text")
    assert read.look == look
    assert (read.identity, read.expression, read.strength) == (None, None, None)
    with pytest.raises(DnpmError, match="purple"):
        presets.from_text('{"format": "dnpm-preset-1", "look": {"tone": "purple"}}', "text")


def test_a_photos_step_comes_back_exactly() -> None:
    step = np.random.default_rng(0).normal(0, 1, (18, 512)).astype(np.float32)
    preset = presets.preset_of(Names, None, None, None, None, w_offset.to_text(step))
    read = presets.from_text(presets.to_text(preset), "text")
    assert np.array_equal(w_offset.from_text(read.w_offset), step)
    assert w_offset.to_text(np.zeros((18, 512))) == ""
    assert presets.from_text(presets.to_text(presets.preset_of(Names, w_offset="")), "text").w_offset == ""


@pytest.mark.parametrize("text", ["18 512 AAAA", "18 512", "a b c", 5, "1 1 AADAfw=="])
def test_a_damaged_step_is_told(text: object) -> None:
    data = {"format": presets.FORMAT, "model": "m", "w_offset": text}
    with pytest.raises(DnpmError, match="w_offset"):
        presets.from_text(json.dumps(data), "text")


def test_a_preset_is_for_everyone_whom_the_umask_allows(tmp_path):
    """`dnpm reconstruct` wrote face.json for its owner alone."""
    presets.write_preset(tmp_path / "face.json", presets.preset_of(Names, np.zeros(4, np.float32)))
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert (tmp_path / "face.json").stat().st_mode == plain.stat().st_mode


def test_a_preset_of_a_model_without_skin_components_has_neutral_skin():
    """Values by label and by number stay where they were; what the preset does not know is 0."""

    class More(Names):
        identity_labels = (*LABELS, "Forehead lines", "Moles")
        n_id = 6

    old = presets.preset_of(Names, np.array([1.5, -1, 0.5, 2], np.float32))
    identity, _, unknown = presets.vectors(presets.from_text(presets.to_text(old), "text"), More)
    assert identity.tolist() == [1.5, -1, 0.5, 2, 0, 0]
    assert not unknown
