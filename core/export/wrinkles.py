"""Wrinkle maps for engines: a few groups of keys, each with its slopes at full strength, and how every key drives them.

A generator gives a new map for every expression; an engine blends a few. The slopes of an expression x are taken as

    slope = rest + sum over groups k and sides s of  w[k, s] m[s] (slope_k - rest)
    w[k, s] = clamp(sum over keys of a[k, s, key] x[key], 0, 1)

with slope_k those of group k at full strength on the face in that pose, m the two halves of the face (they sum to 1),
and a the coefficients from 0 to 1 that describe each key's own change of slopes best (least squares over one half, in
a box, and again without those that are too small to be kept). No key alone is therefore described worse than by no map:
0 lies in the box, and what is mixed of two halves is off by no more than the mean of both, by convexity.
This is a rule, not learnt: what a key wrinkles beyond the groups is left out, and keys are taken to add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
LEAST = 0.05
"""Smaller coefficients are left out: they would cost a texture lookup and show nothing."""
_SWEEPS = 2000
_MIDLINE_MM = 6.0
"""Half the width over which one side's mask gives way to the other's."""


@dataclass(frozen=True)
class Weights:
    """How keys drive the groups."""

    groups: tuple[str, ...]
    keys: tuple[str, ...]
    coefficients: np.ndarray
    """(groups, 2, keys) float32, 0 or from LEAST up: for the left half, then the right."""

    def of(self, expression: np.ndarray) -> np.ndarray:
        """(keys,) 0 to 1 -> (groups, 2), 0 to 1."""
        return np.clip(self.coefficients @ np.asarray(expression, np.float32), 0.0, 1.0)


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


def key_weights(
    frames: TangentFrames,
    rest: np.ndarray,
    groups: Mapping[str, np.ndarray],
    keys: Mapping[str, np.ndarray],
    masks: np.ndarray,
) -> Weights:
    """The coefficients. All slopes (R, R, 2) at the frames' size: at rest, of each group, of each key at 1 alone."""
    at = frames.covered
    steps = np.stack([(slopes - rest)[at] for slopes in groups.values()])  # (K, texels, 2)
    coefficients = np.zeros((len(groups), 2, len(keys)), np.float32)
    for side in range(2):
        weight = np.sqrt(masks[at][:, side] * frames.area)[:, None]
        table = (steps * weight).reshape(len(groups), -1).astype(np.float64)
        normal = table @ table.T
        for k, slopes in enumerate(keys.values()):
            own = ((slopes - rest)[at] * weight).ravel()
            coefficients[:, side, k] = _kept(normal, table @ own)
    return Weights(tuple(groups), tuple(keys), np.round(coefficients, 3))


def _kept(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`in_box`, with every coefficient 0 or from LEAST up: what is dropped is made up for by what stays."""
    result, used = np.zeros(len(right)), np.arange(len(right))
    while len(used):
        found = in_box(normal[np.ix_(used, used)], right[used])
        if (found >= LEAST).all():
            result[used] = found
            break
        used = used[found >= LEAST]
    return result


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
