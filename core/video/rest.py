"""The person's neutral: what the readings are when the face is at rest, to be taken out of all of them.

Nobody says which pictures these are, so the most frequent still face of the clip is taken: mean shift (Fukunaga &
Hostetler 1975) to where readings of pictures that hardly move lie densest. Pictures with open lips count less: who is
about to speak holds still with open lips, and a rest with open lips shuts them through the whole clip. It is a rule: a
person who smiles through the whole clip rests smiling, unless a picture of the true rest is named.
"""

from __future__ import annotations

import numpy as np

_STILL = 0.4
"""Share of the pictures that are still, by how little they move."""
_MOST = 1500
_WIDTH = 0.35
"""Of the kernel, in the readings' spread."""
_ROUNDS = 30
_NEAR = 0.02
"""Share of the pictures at least whose mean is the rest."""
_NEAR_LEAST = 3
_PARTED = 0.08
"""Opening of the lips, jawOpen at 1 being 1 (2.2 mm), with which a picture counts for the rest 1/e of what it counts
with the clip's least one."""
_LEAST_PARTED = 0.05
"""Share of the pictures whose lips are at least as near as the least opening."""


def rest_of(
    times: np.ndarray, readings: np.ndarray, chosen_s: float | None = None, opening: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(T,) seconds, (T, C) readings -> (C,) those of the face at rest, and the places (n,) of the pictures that they
    are the mean of. chosen_s: the moment of a picture that shows it; opening (T,): of the lips, as
    `core/speech/contact.py` has it."""
    count = len(readings)
    if chosen_s is not None:
        near = np.flatnonzero(np.abs(times - chosen_s) <= 0.06)
        if not len(near):
            near = np.array([int(np.abs(times - chosen_s).argmin())])
        return readings[near].mean(0), near
    scale = np.maximum(readings.std(0), 1e-3)
    scaled = readings / scale
    pace = np.full(count, np.inf)
    if count > 2:
        pace[1:-1] = np.linalg.norm(scaled[2:] - scaled[:-2], axis=1) / np.maximum(times[2:] - times[:-2], 1e-4)
    still = np.argsort(pace, kind="stable")[: max(_NEAR_LEAST, round(_STILL * count))]
    if len(still) > _MOST:
        still = still[np.linspace(0, len(still) - 1, _MOST).round().astype(int)]
    points = scaled[still]
    share = np.ones(len(still))
    if opening is not None:
        share = np.exp(-np.maximum(opening[still] - np.quantile(opening, _LEAST_PARTED), 0) / _PARTED)
    width = max(_WIDTH * float(np.sqrt((points.var(0)).sum())), 1e-6)
    squared = ((points[:, None] - points[None]) ** 2).sum(2) if len(points) <= 400 else _squared(points)
    centre = points[(np.exp(-squared / (2 * width**2)) @ share).argmax()]
    for _ in range(_ROUNDS):
        weights = share * np.exp(-((points - centre) ** 2).sum(1) / (2 * width**2))
        moved = weights @ points / weights.sum()
        if np.abs(moved - centre).max() < 1e-4:
            break
        centre = moved
    away = ((scaled - centre) ** 2).sum(1)
    near = np.sort(np.argsort(away, kind="stable")[: max(_NEAR_LEAST, round(_NEAR * count))])
    return readings[near].mean(0), near


def _squared(points: np.ndarray) -> np.ndarray:
    """(n, n) squared distances, by their expansion: n x n x C numbers would be too many."""
    lengths = (points**2).sum(1)
    return np.maximum(lengths[:, None] + lengths[None] - 2 * points @ points.T, 0)
