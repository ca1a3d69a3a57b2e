"""Measures of likeness on descriptors and identity vectors: ranks, shares, ratios, areas under curves."""

from __future__ import annotations

import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    """(N, D) -> the same, each row of length 1."""
    rows = np.asarray(rows, float)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def centred(rows: np.ndarray) -> np.ndarray:
    """(N, D) -> unit rows after their mean is taken off: what all renders have in common against photos is not
    likeness, and two people are alike in how they differ from the usual one."""
    rows = np.asarray(rows, float)
    return unit(rows - rows.mean(0))


def own_ranks(scores: np.ndarray, own: np.ndarray) -> np.ndarray:
    """scores (N, M), higher is more alike; own (N,) column of each row's own -> (N,) its rank from 1; among equal
    scores the mean of their ranks, so that a score that says nothing ranks in the middle."""
    mine = scores[np.arange(len(scores)), own][:, None]
    better, equal = (scores > mine).sum(1), (scores == mine).sum(1)
    return better + (equal + 1) / 2


def similarities(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, D), (M, D) -> (N, M) cosines."""
    return unit(rows) @ unit(others).T


def ratio_of(people: np.ndarray, again: np.ndarray) -> float:
    """Identity vectors of people (N, D) and of worse pictures of the same (N, D): distance between people over distance
    between a person's two. 1 says that a worse picture makes another person of somebody."""
    count = len(people)
    between = np.linalg.norm(people[:, None] - people[None], axis=2).sum() / (count * (count - 1))
    within = float(np.linalg.norm(people - again, axis=1).mean())
    return float(between) / max(within, 1e-12)


def shuffled_ratio(people: np.ndarray, again: np.ndarray) -> float:
    """The baseline of `ratio_of`: worse pictures of somebody else, the next in the list."""
    return ratio_of(people, np.roll(again, 1, axis=0))


def nearest_is_own(people: np.ndarray, again: np.ndarray) -> float:
    """Share of worse pictures whose identity vector has the own person's as its nearest."""
    distance = np.linalg.norm(again[:, None] - people[None], axis=2)
    return float((distance.argmin(1) == np.arange(len(again))).mean())


def common_share(people: np.ndarray) -> float:
    """Share of the identity vectors' mean squared length that is one common vector; of N independent people 1 / N."""
    people = np.asarray(people, float)
    return float((people.mean(0) ** 2).sum() / max((people**2).sum(1).mean(), 1e-12))


def auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Area under the receiver operating characteristic: how often a positive one scores higher than a negative one,
    ties half. None when one of the two kinds is missing."""
    positive = np.asarray(positive, bool)
    if positive.all() or not positive.any():
        return None
    above, below = np.asarray(scores)[positive], np.asarray(scores)[~positive]
    apart = above[:, None] - below[None]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean())


def left_out_scores(rows: np.ndarray, positive: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """(N, D), (N,) bool -> (N,): each row's score by a linear discriminant of the others (difference of the kinds'
    means, whitened by the common covariance plus `ridge` times its mean variance)."""
    rows, positive = np.asarray(rows, float), np.asarray(positive, bool)
    found = np.zeros(len(rows))
    for k in range(len(rows)):
        rest = np.arange(len(rows)) != k
        a, b = rows[rest & positive], rows[rest & ~positive]
        if not len(a) or not len(b):
            continue
        within = np.concatenate([a - a.mean(0), b - b.mean(0)])
        covariance = within.T @ within / len(within)
        covariance += ridge * max(float(np.trace(covariance)) / len(covariance), 1e-12) * np.eye(len(covariance))
        direction = np.linalg.solve(covariance, a.mean(0) - b.mean(0))
        found[k] = (rows[k] - (a.mean(0) + b.mean(0)) / 2) @ direction
    return found
