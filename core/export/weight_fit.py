"""The keys' weights on the wrinkle maps of one face, fitted to the generator's slopes of keys alone and of mixtures.

Each key alone says what it calls for; mixtures of two to five (those of random faces) say how much of it is left when
others call too, which no sum of single keys tells. What is made small is, over keys and mixtures n,

    sum over n of |own_n - blended_n|^2 / (|own_n|^2 + median of |own|^2)

so that slight expressions count beside strong ones, and a term against keys that alone are described worse than by no
map (those for which it does not help are left out by the caller: `fidelity.harmful`). Least squares in a box for each
key give the start; then Adam (Kingma and Ba 2015) within the bounds, thrice, each time without what came out too small
to be seen. All sums over texels are in two small tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression
from .slopes import TangentFrames
from .wrinkles import Weights

MIXTURES = 96
"""Random expressions that weights are fitted to: with 40 they are two to three hundredths worse on others."""
LEAST = 0.05
"""Smaller weights and dampings are left out: they cost a line in the file and show nothing."""
MOST_DAMPING = 2.0
_FIRST_DAMPING = 0.05
_STEPS, _RATE = (1200, 400, 400), (0.02, 0.01, 0.01)
_ENOUGH = 0.97
"""Share of its own change that a key alone may leave unexplained before the extra term pulls."""
_PULL = 0.3
_SWEEPS = 2000


def mixtures(model: FaceModel, count: int = MIXTURES) -> list[np.ndarray]:
    """(n_exp,) float32 each: the same on every machine, and none of those that ship as presets."""
    return [random_expression(model, seed) for seed in range(count)]


def key_weights(
    frames: TangentFrames,
    rest: np.ndarray,
    groups: Mapping[str, np.ndarray],
    keys: Mapping[str, np.ndarray],
    mixed: Sequence[tuple[np.ndarray, np.ndarray]],
    masks: np.ndarray,
) -> Weights:
    """All slopes (R, R, 2) at the frames' size: at rest, of each group, of each key at 1 alone, and of mixtures, each
    with its expression (keys,)."""
    table = _Table.of(frames, rest, list(groups.values()), [*keys.values(), *(slopes for _, slopes in mixed)], masks)
    expressions = np.concatenate([np.eye(len(keys)), *(np.asarray(one, np.float64)[None] for one, _ in mixed)])
    called, damping = _start(table, len(keys))
    kept = np.ones_like(called), table.same_side()
    for steps, rate in zip(_STEPS, _RATE, strict=True):
        called, damping = _fitted(table, expressions, len(keys), called * kept[0], damping * kept[1], kept, steps, rate)
        kept = kept[0] * (called >= LEAST), kept[1] * (damping >= LEAST)
        active = kept[0].any(1)  # what no key calls gives way to nothing, and nothing to it
        kept = kept[0], kept[1] * np.outer(active, active)
    called, damping = np.round(called * kept[0], 3), np.round(damping * kept[1], 3)
    k = len(groups)
    sides = damping.reshape(k, 2, k, 2)
    return Weights(
        tuple(groups), tuple(keys), called.reshape(k, 2, -1).astype(np.float32),
        np.stack([sides[:, s, :, s] for s in range(2)], 1).astype(np.float32),
    )  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """Products over the skin of the groups' changes on one side each (g = groups x sides, left first) and the own
    changes (n): gram (g, g), cross (g, n), energy (n,)."""

    gram: np.ndarray
    cross: np.ndarray
    energy: np.ndarray
    median: float

    @classmethod
    def of(
        cls, frames: TangentFrames, rest: np.ndarray, groups: list[np.ndarray], own: list[np.ndarray], masks: np.ndarray
    ) -> _Table:
        at = frames.covered
        root, still, halves = np.sqrt(frames.area)[:, None], rest[at], masks[at]
        changes = [(slopes[at] - still) * root for slopes in groups]
        basis = np.stack([(halves[:, s, None] * change).ravel() for change in changes for s in range(2)])
        cross, energy = np.empty((len(basis), len(own))), np.empty(len(own))
        for n, slopes in enumerate(own):
            change = ((slopes[at] - still) * root).ravel()
            cross[:, n], energy[n] = basis @ change, float(change @ change)
        return cls((basis @ basis.T).astype(np.float64), cross, energy, max(float(np.median(energy)), 1e-9))

    def same_side(self) -> np.ndarray:
        """(g, g): 1 for two different groups of one side."""
        g = len(self.gram)
        return np.kron(np.ones((g // 2, g // 2)), np.eye(2)) * (1 - np.eye(g))

    def left(self, weights: np.ndarray) -> np.ndarray:
        """(g, m) of the first m expressions -> (m,): what of their change is not explained."""
        m = weights.shape[1]
        return self.energy[:m] - 2 * (weights * self.cross[:, :m]).sum(0) + (weights * (self.gram @ weights)).sum(0)


def _weights(called: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """(g, n) before the clamp -> (g, n)."""
    u = np.clip(called, 0, 1)
    return u / (1 + damping @ u)


def _start(table: _Table, keys: int) -> tuple[np.ndarray, np.ndarray]:
    """Each key by itself, by least squares."""
    called = np.stack([in_box(table.gram, table.cross[:, k]) for k in range(keys)], 1)
    return called, _FIRST_DAMPING * table.same_side()


def _fitted(
    table: _Table,
    expressions: np.ndarray,
    keys: int,
    called: np.ndarray,
    damping: np.ndarray,
    kept: tuple[np.ndarray, np.ndarray],
    steps: int,
    rate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Adam on both, its rate falling along a cosine; what is not kept stays 0."""
    values = [called.copy(), damping.copy()]
    first, second = ([np.zeros_like(one) for one in values] for _ in range(2))
    share = 1 / (table.energy + table.median)
    share /= (share * table.energy).sum()
    pull = _PULL / keys / np.maximum(table.energy[:keys], 1e-3 * table.median)
    for step in range(steps):
        raw = values[0] @ expressions.T
        u = np.clip(raw, 0, 1)
        over = 1 + values[1] @ u
        w = u / over
        weight = share.copy()
        weight[:keys] += pull * (table.left(w[:, :keys]) > _ENOUGH * table.energy[:keys])
        by_w = 2 * (table.gram @ w - table.cross) * weight
        by_over = -by_w * w / over
        by_u = by_w / over + values[1].T @ by_over
        by_u *= (raw < 1) | (by_u > 0)  # at the clamp only what leads back below it counts
        for i, gradient in enumerate((by_u @ expressions, by_over @ u.T)):
            first[i] += 0.1 * (gradient - first[i])
            second[i] += 0.001 * (gradient**2 - second[i])
            size = np.sqrt(second[i] / (1 - 0.999 ** (step + 1))) + 1e-12
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            values[i] -= now * first[i] / (1 - 0.9 ** (step + 1)) / size
            values[i] = np.clip(values[i], 0, (1.0, MOST_DAMPING)[i]) * kept[i]
    return values[0], values[1]


def in_box(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    """argmin over 0 <= x <= 1 of x.normal.x / 2 - right.x for a small symmetric matrix, one coordinate after the other
    (which converges for these: Luo and Tseng 1992)."""
    x, diagonal = np.zeros(len(right)), np.maximum(np.diag(normal), 1e-30)
    for _ in range(_SWEEPS):
        before = x.copy()
        for k in range(len(x)):
            x[k] = np.clip(x[k] + (right[k] - normal[k] @ x) / diagonal[k], 0.0, 1.0)
        if np.abs(x - before).max(initial=0.0) < 1e-7:
            break
    return x
