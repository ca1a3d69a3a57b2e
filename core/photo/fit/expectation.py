"""What the networks' 52 scores say about the expression: a linear map from rendered people whose sliders are known.

A score is not a slider: some are blind, some answer to another expression, and most sliders rest at any time.
Regression tells all of it, and how far off it is: half as much as with scores taken for sliders, which is what a face
model with other expressions, or a face without scores, still gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_SCORE_SPREAD, _REST_SPREAD, _GAZE_SPREAD = 0.22, 0.18, 0.05
_UNSEEN = ("tongueOut",)
"""What neither a landmark nor a score tells."""
_UNSEEN_SPREAD, _LEAST_SPREAD = 0.02, 0.03
_RIDGE = 3.0


@dataclass(frozen=True)
class Expectation:
    """weights (1 + n_exp, n_exp): a constant, and each score's part in each slider; deviation (n_exp,): how far the
    sliders are off, both in sliders."""

    weights: np.ndarray
    deviation: np.ndarray

    @classmethod
    def measured(cls, scores: np.ndarray, expression: np.ndarray) -> Expectation:
        """Of M faces' scores (M, n_exp), 0 where there is none, and expressions (M, n_exp)."""
        given = np.concatenate([np.ones((len(scores), 1)), scores], 1)
        weights = np.linalg.solve(given.T @ given + _RIDGE * np.eye(given.shape[1]), given.T @ expression)
        return cls(weights, np.sqrt(((expression - given @ weights) ** 2).mean(0)))

    def of(self, names: Sequence[str], scores: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Scores by name -> the expected expression (n_exp,), 0 to 1, and how sure it is: 1 / standard deviation."""
        expected = (np.append(1.0, score_row(names, scores)) @ self.weights).clip(0, 1)
        deviation = np.maximum(self.deviation, _LEAST_SPREAD)
        unseen = np.isin(names, _UNSEEN)
        expected[unseen], deviation[unseen] = 0.0, _UNSEEN_SPREAD
        return expected, 1 / deviation


def score_row(names: Sequence[str], scores: Mapping[str, float]) -> np.ndarray:
    """(n_exp,): the scores in the model's order, 0 where there is none."""
    return np.array([scores.get(name, 0.0) for name in names], float)


def by_name(names: Sequence[str], scores: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Scores taken for the sliders of their names -> expected expression (n_exp,) and 1 / standard deviation."""
    spread = [
        _UNSEEN_SPREAD if name in _UNSEEN
        else _REST_SPREAD if name not in scores
        else _GAZE_SPREAD if name.startswith("eyeLook")
        else _SCORE_SPREAD
        for name in names
    ]  # fmt: skip
    return score_row(names, scores), 1 / np.array(spread)
