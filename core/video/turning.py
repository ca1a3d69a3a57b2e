"""What a head that turns does to a person's readings, found in the clip itself and taken out.

A face at rest is not read alike from all sides: the far brow is foreshortened, shadows move, and hair, brows and bones
of each person do it in their own way, so that no reader can know it beforehand. The clip shows it: its pictures are
mostly near rest, at all angles at which the head was. Each feature's line over the two slopes of the face is fitted to
them robustly (Geman & McClure 1987): a picture counts by how little that feature, and the face as a whole, differ from
rest. The slope is held near 0 by as much as the clip cannot tell it: a head that hardly turns, or a short clip, changes
little. numpy alone.
"""

from __future__ import annotations

import numpy as np

_USUAL_SLOPE = 3.0
"""Standard deviation of a feature's slope over people, in the reader's scales for a slope of 1 (45 degrees)."""
_INDEPENDENT_HZ = 3.0
"""So many witnesses has a second of video: what pictures that follow each other leave is alike."""
_KNEE, _WHOLE_KNEE = 2.0, 1.5
"""Residuals, in their spread, from which a feature counts less; and means of all of them, against those of the calmest
pictures (_CALM), from which the whole picture does."""
_CALM = 0.3
_MOST = 6.0
_LEAST = 0.05
"""Of a feature's spread, in the reader's scales."""
_ROUNDS = 8
_PICTURES = 4000
"""Of longer videos so many, evenly spaced, tell as much, and memory stays flat."""


def slopes(features: np.ndarray, turn: np.ndarray, step: float) -> np.ndarray:
    """features (T, C) less those at rest, in the reader's scales; turn (T, 2) slopes of the face less those at rest;
    step: seconds between pictures -> (2, C): by how much a feature of the face at rest rises with each slope."""
    every = -(-len(turn) // _PICTURES)
    features, turn, step = features[::every], turn[::every], step * every
    values, across = np.asarray(features, float), np.c_[np.ones(len(turn)), np.asarray(turn, float)]
    witness = min(1.0, step * _INDEPENDENT_HZ)
    known = np.diag([1.0, _USUAL_SLOPE**-2, _USUAL_SLOPE**-2])
    line = np.zeros((3, values.shape[1]))
    line[0] = np.median(values, 0)
    for _ in range(_ROUNDS):
        left = values - across @ line
        spread = np.maximum(1.4826 * np.median(np.abs(left), 0), _LEAST)
        apart = np.abs(left) / spread
        whole = np.sqrt(np.square(np.minimum(apart, _MOST)).mean(1))
        calm = _WHOLE_KNEE * max(float(np.quantile(whole, _CALM)), 1e-6)
        share = 1 / (1 + (apart / _KNEE) ** 2) ** 2 / (1 + (whole / calm) ** 4)[:, None]
        weight = witness * share / spread**2
        precision = np.einsum("ti,tc,tj->cij", across, weight, across) + known
        line = np.linalg.solve(precision, np.einsum("ti,tc->ci", across, weight * values)[..., None])[..., 0].T
    return line[1:]
