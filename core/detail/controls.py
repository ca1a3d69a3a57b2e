"""What an artist steers beyond the sliders, on the same weights: the skin's age, how much of it is one's own, whose
fine skin, and how strong which region is. The paper has none of these.

* Age: E is asked for a person who is so many years older, along the direction in identity space in which the sampled
  people's age grows (a linear regression that travels with the face model); the mesh V_p keeps its shape.
* Truncation (Karras et al. 2019): w = w_mean + psi E; below 1 nearer to the average skin, above 1 more of the person's.
* Style mixing (Karras et al. 2019): the first rows of w_plus from one person, the rest from another, so folds from the
  one and pores from the other.
* Relief: heights added to the map, a photo's own wrinkles (core/photo/restore/).
* Gain: a map of factors on the displacement, relief and all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..errors import DnpmError
from ..face_model.checks import age_regression
from ..face_model.model import FaceModel
from .weights import Detail

AGE_LIMIT = 80.0
"""Years either way."""
MIX_RESOLUTIONS = (32, 64, 128, 256, 512)
"""From the block of this size on, the rows of w_plus may come from another person."""


@dataclass(frozen=True)
class Controls:
    """For one face or a batch of B that share them."""

    age: float = 0.0
    """Years by which the skin is older (+) or younger (-) than the person."""
    truncation: float = 1.0
    mix_identity: Tensor | None = None
    """(B, n_id): whose skin the finer rows show; None: one's own."""
    mix_from: int = 128
    """The block's resolution from which on `mix_identity` rules."""
    gain: Tensor | None = None
    """(G, G) factors on the map, row 0 at the top; None: 1 everywhere."""
    relief: Tensor | None = None
    """(r, r) mm added to the map before the gain, row 0 at the top; None: nothing."""


def age_direction(model: FaceModel) -> np.ndarray:
    """(n_id,) identity step that makes the face model's regression one year older, the shortest there is.

    Raises DnpmError when the face model says nothing about age (converted ones).
    """
    regression = age_regression(model)
    if regression is None:
        raise DnpmError(f"face model {model.name!r} does not say what age is: its skin cannot be aged by a slider")
    weights = regression[0]
    return weights / max(float(weights @ weights), 1e-12)


def check(controls: Controls) -> None:
    """Raises DnpmError on what no face can have."""
    if not np.isfinite(controls.age) or abs(controls.age) > AGE_LIMIT:
        raise DnpmError(f"age {controls.age}: must lie between -{AGE_LIMIT:.0f} and {AGE_LIMIT:.0f} years")
    if not np.isfinite(controls.truncation):
        raise DnpmError(f"truncation {controls.truncation}: must be a number")
    if controls.mix_from not in MIX_RESOLUTIONS:
        raise DnpmError(f"mix_from {controls.mix_from}: must be one of {', '.join(map(str, MIX_RESOLUTIONS))}")
    for name, image in (("gain", controls.gain), ("relief", controls.relief)):
        if image is not None and (image.ndim != 2 or image.shape[0] != image.shape[1]):
            raise DnpmError(f"{name}: must be a square map, has the shape {tuple(image.shape)}")


def first_row(resolution: int) -> int:
    """The first row of w_plus that no coarser block reads: this block's second convolution's."""
    return 2 * (resolution.bit_length() - 1) - 4


def w_plus(
    detail: Detail, identity: Tensor, expression: Tensor, controls: Controls, direction: Tensor | None,
    w_offset: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """(B, n_id), (B, n_exp) -> (B, w_layers, w_dim); `direction` (n_id,): `age_direction`, for an age."""
    check(controls)
    step: Tensor | float = 0.0
    if controls.age:
        if direction is None:
            raise DnpmError("these weights' face model does not say what age is: the age must be 0")
        step = controls.age * direction
    w = detail.w_plus(identity + step, expression, w_offset, controls.truncation)
    if controls.mix_identity is None:
        return w
    other = detail.w_plus(controls.mix_identity + step, expression, w_offset, controls.truncation)
    row = first_row(controls.mix_from)
    return torch.cat([w[:, :row], other[:, row:]], 1)


def apply_gain(displacement: Tensor, gain: Tensor | None) -> Tensor:
    """(B, 1, R, R) mm times the factors, which are resized smoothly."""
    if gain is None:
        return displacement
    factors = F.interpolate(gain[None, None], size=displacement.shape[-2:], mode="bilinear", align_corners=False)
    return displacement * factors


def add_relief(displacement: Tensor, relief: Tensor | None) -> Tensor:
    """(B, 1, R, R) mm and the same relief (r, r) mm on each: means of its texels in smaller maps, straight lines
    between them in larger ones."""
    if relief is None:
        return displacement
    size, own = displacement.shape[-1], relief.shape[-1]
    heights = relief[None, None]
    if size < own and own % size == 0:
        heights = F.avg_pool2d(heights, own // size)
    elif size != own:
        heights = F.interpolate(heights, (size, size), mode="bilinear", align_corners=False)
    return displacement + heights
