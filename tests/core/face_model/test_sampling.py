"""The person that a new face shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import average_adult


@pytest.mark.parametrize("years", [18.0, 30.0, 75.0])
def test_the_average_adult_has_the_age_and_is_the_nearest_to_the_mean(face_model: FaceModel, years: float) -> None:
    regression = age_regression(face_model)
    assert regression is not None
    weights, mean_years = regression
    adult = average_adult(face_model, years)
    assert mean_years + float(weights @ adult) == pytest.approx(years, abs=1e-3)
    other = np.random.default_rng(3).standard_normal(face_model.n_id).astype(np.float32)
    other += (years - mean_years - weights @ other) / (weights @ weights) * weights  # somebody else of that age
    assert np.linalg.norm(adult) < np.linalg.norm(other)
    assert np.abs(adult).max() < 1.5, "still an average face"


def test_a_model_without_ages_shows_its_mean(face_model: FaceModel) -> None:
    entry = json.loads(face_model.metadata["semantics"])
    del entry["age_years"]
    other = replace(face_model, metadata=face_model.metadata | {"semantics": json.dumps(entry)})
    assert not average_adult(other).any()
