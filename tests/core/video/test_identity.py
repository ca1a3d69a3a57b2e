"""Who a video shows: the face at rest is the person's, whatever the fit says that it does there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import IDENTITY_LIMIT
from dnpm.core.video.identity import identity_at_rest


@pytest.fixture
def person(tiny_model: FaceModel) -> np.ndarray:
    return np.full(tiny_model.n_id, 0.3, np.float32)


def _with_jaw(model: FaceModel, step: np.ndarray) -> FaceModel:
    """The model with a jaw that opens as identities differ: by `step`."""
    core = np.array(model.core)
    jaw = 1 + model.expression_index["jawOpen"]
    core[0, jaw] = np.tensordot(step, core[1:, 0], 1)
    core[1:, jaw] = 0
    return replace(model, core=core)


def test_what_a_face_does_at_rest_is_whose_face_it_is(tiny_model: FaceModel, person: np.ndarray) -> None:
    step = np.zeros(tiny_model.n_id)
    step[0] = 0.8
    model = _with_jaw(tiny_model, step)
    sliders = np.zeros(len(ARKIT_NAMES))
    sliders[ARKIT_NAMES.index("jawOpen")] = 1.0
    found = identity_at_rest(model, person, sliders)
    expression = np.zeros(model.n_exp, np.float32)
    expression[model.expression_index["jawOpen"]] = 1.0
    wanted = model.vertices(person, expression)
    before = abs(model.neutral_of(person) - wanted).max()
    assert abs(model.neutral_of(found) - wanted).max() < 0.25 * before
    assert abs(found).max() <= IDENTITY_LIMIT


def test_a_face_that_does_nothing_at_rest_stays(tiny_model: FaceModel, person: np.ndarray) -> None:
    np.testing.assert_allclose(identity_at_rest(tiny_model, person, np.zeros(len(ARKIT_NAMES))), person, atol=1e-6)


def test_where_the_eyes_look_is_no_matter_of_identity(tiny_model: FaceModel, person: np.ndarray) -> None:
    sliders = np.array([1.0 * name.startswith("eyeLook") for name in ARKIT_NAMES])
    np.testing.assert_allclose(identity_at_rest(tiny_model, person, sliders), person, atol=1e-6)


def test_no_component_goes_beyond_its_limit(tiny_model: FaceModel, person: np.ndarray) -> None:
    model = _with_jaw(tiny_model, np.full(tiny_model.n_id, 50.0))
    sliders = np.zeros(len(ARKIT_NAMES))
    sliders[ARKIT_NAMES.index("jawOpen")] = 1.0
    assert abs(identity_at_rest(model, person, sliders)).max() == pytest.approx(IDENTITY_LIMIT)
