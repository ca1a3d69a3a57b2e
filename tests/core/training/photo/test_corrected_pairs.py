"""Sliders as a fit finds them, for rendered photos that are corrected."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model import skin_components
from dnpm.core.face_model.checks import age_regression
from dnpm.core.training.detail import samples
from dnpm.core.training.photo.corrected_pairs import fitted_sliders
from dnpm.core.training.photo.simulated import YEARS_OFF


def test_a_fit_errs_in_skin_age_and_expression_and_not_in_what_rests(face_model) -> None:
    fitted, rng = fitted_sliders(face_model), np.random.default_rng(3)
    places = list(skin_components.places(face_model.identity_labels))
    weights, _ = age_regression(face_model)
    years, r = [], []
    for number in range(60):
        identity, expression = samples.draw(face_model, "test", number, 0)
        found, moved = fitted(identity, expression, rng)
        years.append(float(weights @ (found - identity)))
        r.append(np.corrcoef(found[places], identity[places])[0, 1])
        assert np.array_equal(moved[expression <= 0.01], expression[expression <= 0.01])
        assert moved.min() >= 0
        assert moved.max() <= 1
    assert 0.7 * YEARS_OFF < np.std(years) < 1.4 * YEARS_OFF
    assert 0.2 < np.mean(r) < 0.9, "some of a person's skin is known, and not all of it"


def test_the_same_number_gives_the_same_fit(face_model) -> None:
    fitted = fitted_sliders(face_model)
    pair = samples.draw(face_model, "test", 5, 0)
    one, two = (fitted(*pair, np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
