"""Wrinkle maps for engines: a few groups of keys, each with its slopes at full strength, and how every key drives them.

A generator gives a new map for every expression; an engine blends a few. The slopes of an expression x are taken as

    slope = rest + sum over groups k and sides s of  w[k, s] m[s] (slope_k - rest)
    w[k, s] = u[k, s] / (1 + sum over groups j of d[k, s, j] u[j, s])
    u[k, s] = clamp(sum over keys of a[k, s, key] x[key], 0, 1)

with slope_k those of group k at full strength on the face in that pose, m the two halves of the face (they sum to 1), a
what each key calls for, and d how much a group gives way to another. Smile, sneer and squint bring the same fold:
without d it comes as deep as all of them together (divisive normalisation, Heeger 1992, Normalization of cell
responses in cat striate cortex). a and d are fitted to one face: `weight_fit.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from ..face_model.model import FaceModel
from .slopes import TangentFrames

GROUPS: dict[str, tuple[str, ...]] = {
    "brows_up": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brows_down": ("browDownLeft", "browDownRight"),
    "squint": ("eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight"),
    "sneer": ("noseSneerLeft", "noseSneerRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "pucker": ("mouthPucker", "mouthFunnel"),
    "chin": ("mouthShrugLower",),
    "corners": (
        "mouthFrownLeft", "mouthFrownRight", "mouthStretchLeft", "mouthStretchRight", "mouthDimpleLeft",
        "mouthDimpleRight",
    ),
}  # fmt: skip
"""Group -> the keys at 1 of whose map it is made. An open jaw has none: it smooths the face and draws no lines."""
SIDES = ("left", "right")
"""The subject's; the mask's red and green."""
_MIDLINE_MM = 6.0
"""Half the width over which one side's mask gives way to the other's."""


@dataclass(frozen=True)
class Weights:
    """How keys drive the groups."""

    groups: tuple[str, ...]
    keys: tuple[str, ...]
    coefficients: np.ndarray
    """(groups, 2, keys) float32, 0 to 1: what each key calls for, for the left half, then the right."""
    damping: np.ndarray
    """(groups, 2, groups) float32, 0 or more: how much the first group gives way to the last."""

    def of(self, expression: np.ndarray) -> np.ndarray:
        """(keys,) 0 to 1 -> (groups, 2), 0 to 1."""
        called = np.clip(self.coefficients @ np.asarray(expression, np.float32), 0.0, 1.0)
        return called / (1 + np.einsum("ksj,js->ks", self.damping, called))

    def without(self, keys: Collection[str]) -> Weights:
        """The same, these keys calling for nothing."""
        kept = np.array([key not in keys for key in self.keys], np.float32)
        return replace(self, coefficients=self.coefficients * kept)


def groups_of(model: FaceModel) -> dict[str, tuple[str, ...]]:
    """The groups whose keys this model has, at least in part."""
    known = {name: tuple(key for key in keys if key in model.expression_index) for name, keys in GROUPS.items()}
    return {name: keys for name, keys in known.items() if keys}


def half_masks(frames: TangentFrames, vertices: np.ndarray) -> np.ndarray:
    """(R, R, 2) float32: 1 on the subject's left half (+x), and on the right; a smooth step over the midline."""
    t = np.clip(0.5 + 0.5 * frames.values(vertices[:, 0]) / _MIDLINE_MM, 0, 1)
    left = t * t * (3 - 2 * t)
    return np.stack([left, 1 - left], -1).astype(np.float32)


def blended(rest: np.ndarray, groups: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The module's formula: (R, R, 2) rest, (K, R, R, 2) groups, (R, R, 2) masks, (K, 2) weights -> (R, R, 2)."""
    result = rest.copy()
    for slopes, weight in zip(groups, weights, strict=True):
        if weight.any():
            result += (masks @ weight.astype(np.float32))[..., None] * (slopes - rest)
    return result
