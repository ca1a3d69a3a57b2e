"""Adaptive discriminator augmentation (Karras et al. 2020b) for signed heights that are registered on a face.

Real and painted maps go through the same random changes before D sees them, so that a few maps cannot be learnt by
heart; each change happens with probability p, and p follows a measure of overfitting (`AdaptiveP`). While p stays well
below 1 G does not learn the changes themselves. What is done, because a scan or sculpt could differ by it:

* shift, turn and scale by very little (deviations: 1/256 of the side, half a degree, 1 %): maps are registered on the
  mesh as well as a fit is, and no better;
* gain (deviation 15 %): relief of the same shape is deeper on one person than on another;
* octave bands louder or softer (deviation 25 % each): scanners and brushes differ in what they resolve;
* noise (up to a tenth of the set's deviation): a scanner's;
* cutout of a square of up to half the side, put to 0: a part that was not measured.

What is left out of the paper's list, and why:

* mirroring: left and right sliders exist apart (a smile to the left is another sample), and brows, moles and folds are
  not symmetric. Only together with mirrored sliders would it be right, and G alone knows none;
* quarter turns, free rotation, large zooms and shifts: a texel means a place on the face. G would have to learn that
  a nose can lie anywhere;
* anisotropic scaling: it moves the features apart from each other as no face model's layout does;
* sign flips, "luma flip", inversion: a wrinkle is no ridge;
* colour (hue, saturation, contrast about a mean): there is one channel, and its 0 is the smooth face.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

SHIFT, TURN_DEGREES, SCALE, GAIN, BAND = 1 / 256, 0.5, 0.01, 0.15, 0.25
"""Standard deviations: of the side, degrees, natural logarithms."""
NOISE, CUTOUT = 0.1, 0.5
"""Largest: of the set's deviation, of the side."""
BANDS = 4
HIGHEST_P = 0.85
"""Above, the changes would leak into what G paints (Karras et al. 2020b, Fig. 4)."""


@dataclass(frozen=True)
class AugmentParams:
    """What is done to each of B maps: neutral values where it is left as it is."""

    affine: np.ndarray
    """(B, 2, 3): where each place is taken from, in units of half the side."""
    gain: np.ndarray
    """(B,)"""
    bands: np.ndarray
    """(B, BANDS): factors of the finest octaves, and of what remains."""
    noise: np.ndarray
    """(B,): deviation, in the map's units."""
    cutout: np.ndarray
    """(B, 3): centre x, y and half the side, in units of half the map's side; a side of 0 cuts nothing."""

    def __getitem__(self, part: slice) -> AugmentParams:
        return AugmentParams(*(getattr(self, name)[part] for name in ("affine", "gain", "bands", "noise", "cutout")))


def draw(rng: np.random.Generator, count: int, p: float) -> AugmentParams:
    """Changes for `count` maps, each with probability p. Always draws the same amount of numbers."""
    happens = rng.random((count, 5)) < p
    normal = rng.standard_normal((count, 6 + BANDS))
    place = rng.uniform(-1, 1, (count, 4))
    x, y, angle, size, gain = (normal[:, k] for k in range(5))
    turn = np.radians(TURN_DEGREES) * angle
    scale = np.exp(SCALE * size)
    moved = np.stack([scale * np.cos(turn), -scale * np.sin(turn), 2 * SHIFT * x,
                      scale * np.sin(turn), scale * np.cos(turn), 2 * SHIFT * y], 1).reshape(-1, 2, 3)  # fmt: skip
    still = np.eye(2, 3)[None]
    bands = np.exp(BAND * normal[:, 5 : 5 + BANDS])
    bands[:, -1] = 1.0  # The longest waves are the gain's.
    hole = np.stack([place[:, 0], place[:, 1], CUTOUT * np.abs(place[:, 2])], 1)
    return AugmentParams(
        np.where(happens[:, :1, None], moved, still),
        np.where(happens[:, 1], np.exp(GAIN * gain), 1.0),
        np.where(happens[:, 2:3], bands, 1.0),
        np.where(happens[:, 3], NOISE * np.abs(place[:, 3]), 0.0),
        np.where(happens[:, 4:5], hole, 0.0),
    )


def apply(maps: Tensor, params: AugmentParams, noise_of: Callable[[int], Tensor]) -> Tensor:
    """(B, 1, R, R) in the set's deviations -> the same, changed; differentiable. Outside of the picture is 0.

    noise_of: number of the map in this batch -> (1, R, R) ~ N(0, 1); called only where there is noise. Steps that no
    map of the batch needs are skipped.
    """
    to = lambda array: torch.as_tensor(array, dtype=maps.dtype, device=maps.device)  # noqa: E731
    if (params.affine != np.eye(2, 3)).any():
        grid = F.affine_grid(to(params.affine), list(maps.shape), align_corners=False)
        maps = F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    if (params.bands != 1).any():
        maps = weigh_bands(maps, to(params.bands))
    if (params.gain != 1).any():
        maps = maps * to(params.gain)[:, None, None, None]
    if params.noise.any():
        inside = maps.detach() != 0  # Outside of the mask there is nothing to measure.
        parts = [
            noise_of(k) * float(level) if level else torch.zeros_like(maps[0]) for k, level in enumerate(params.noise)
        ]
        maps = maps + torch.stack(parts).to(maps) * inside
    if params.cutout[:, 2].any():
        maps = maps * _kept(params.cutout, maps)
    return maps


def weigh_bands(maps: Tensor, factors: Tensor) -> Tensor:
    """(B, 1, R, R), (B, K) -> the map with its K - 1 finest octaves and the rest multiplied.

    Octaves are differences of the map averaged to half the size and drawn out again; maps of under 16 texels a side
    have fewer of them.
    """
    total: Tensor | None = None
    levels = [maps]
    while len(levels) < factors.shape[1] and levels[-1].shape[-1] >= 16:
        levels.append(F.avg_pool2d(levels[-1], 2))
    for k in range(len(levels) - 1, -1, -1):
        # The rest's factor is the last one, whatever the number of levels.
        factor = factors[:, -1 if k == len(levels) - 1 else k][:, None, None, None]
        if total is None:
            total = levels[k] * factor
        else:
            total = _doubled(total) + (levels[k] - _doubled(levels[k + 1])) * factor
    assert total is not None
    return total


class AdaptiveP:
    """The probability p, led by how sure D is of real maps: r = mean sign(D(real)), kept at `target`.

    r near 1 says that D knows the training maps from what G paints without a doubt: it has learnt them by heart.
    """

    def __init__(self, target: float | None, images: int, every: int = 4) -> None:
        """target: None keeps p at 0. images: shown while p may go from 0 to 1. every: steps between params."""
        self.target, self.images, self.every = target, images, every
        self.p = self.signs = self.count = 0.0
        self.measured = 0.0
        """r at the last change."""

    def update_statistics(self, signs: float, count: float) -> None:
        """Sum of sign(D(real)) over `count` maps."""
        self.signs, self.count = self.signs + signs, self.count + count

    def update(self, step: int, batch: int) -> None:
        """After step number `step` (from 0), with `batch` maps a step."""
        if (step + 1) % self.every or not self.count:
            return
        self.measured = self.signs / self.count
        self.signs = self.count = 0.0
        if self.target is not None:
            move = math.copysign(batch * self.every / self.images, self.measured - self.target)
            self.p = min(HIGHEST_P, max(0.0, self.p + move))

    def state(self) -> np.ndarray:
        """(4,) float64."""
        return np.array([self.p, self.signs, self.count, self.measured])

    def restore(self, values: np.ndarray) -> None:
        """What `state` gave."""
        self.p, self.signs, self.count, self.measured = (float(v) for v in values)


def _doubled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)


def _kept(cutout: np.ndarray, maps: Tensor) -> Tensor:
    """(B, 1, R, R): 0 in the squares, 1 elsewhere."""
    side = maps.shape[-1]
    at = (np.arange(side) + 0.5) * 2 / side - 1
    columns, rows = (np.abs(at - cutout[:, k : k + 1]) >= cutout[:, 2:3] for k in (0, 1))
    kept = columns[:, None, :] | rows[:, :, None]
    return torch.as_tensor(kept, dtype=maps.dtype, device=maps.device)[:, None]
