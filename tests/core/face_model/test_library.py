"""The presets that ship: they fit the default model, differ from one another, and are what their script writes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dnpm.core.face_model import presets
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.model import FaceModel

PEOPLE, EXPRESSIONS = presets.shipped("people"), presets.shipped("expressions")


def test_there_are_as_many_as_the_menus_say() -> None:
    assert (len(PEOPLE), len(EXPRESSIONS)) == (12, 20)


@pytest.mark.parametrize("path", [*PEOPLE, *EXPRESSIONS], ids=presets.shown_name)
def test_a_preset_speaks_of_its_kind_alone_and_fits_the_model(path, face_model: FaceModel) -> None:
    preset = presets.read_preset(path)
    identity, expression, unknown = presets.vectors(preset, face_model)
    assert unknown == []
    if path in PEOPLE:
        assert expression is None
        assert identity is not None
        assert preset.look is not None
        assert np.abs(identity).max() <= 2.5
    else:
        assert identity is None
        assert preset.look is None
        assert expression is not None
        assert expression.max() > 0.2


def test_people_have_the_age_in_their_name(face_model: FaceModel) -> None:
    regression = age_regression(face_model)
    assert regression is not None
    for path in PEOPLE:
        identity = presets.vectors(presets.read_preset(path), face_model)[0]
        years = regression[1] + float(regression[0] @ identity)
        assert years == pytest.approx(float(path.stem.split("_")[1]), abs=1.5), path.stem


def test_no_two_are_alike(face_model: FaceModel) -> None:
    people = [presets.vectors(presets.read_preset(path), face_model)[0] for path in PEOPLE]
    moods = [presets.vectors(presets.read_preset(path), face_model)[1] for path in EXPRESSIONS]
    for a, b in itertools.combinations(people, 2):
        moved = np.linalg.norm(face_model.neutral_of(a) - face_model.neutral_of(b), axis=1)
        assert moved.mean() > 1.5, "millimetres"
    for a, b in itertools.combinations(moods, 2):
        assert np.abs(a - b).max() >= 0.2
