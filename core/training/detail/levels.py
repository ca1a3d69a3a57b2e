"""E's bands are made as strong as the maps' own: a regression that cannot know everything answers too softly.

What the components do not hold and E does not know is missing from every octave. It cannot be made up, but what there
is can be drawn a little stronger, so that skin does not look smoothed. Each band is read from a row of w+ of its own
(`CoefficientLoss`), so a gain of that row is a gain of the band.
"""

from __future__ import annotations

import numpy as np
import torch

from ...detail.encoder import Encoder
from .fit import CoefficientLoss
from .principal import Band, average_to, double

MOST = 1.12
"""The largest gain: 1 dB."""


@torch.no_grad()
def band_gains(
    encoder: Encoder, loss: CoefficientLoss, bands: list[Band], maps: np.ndarray, identity: np.ndarray,
    expression: np.ndarray,
) -> list[float]:  # fmt: skip
    """How much softer E's bands are than those of held-out maps (N, R, R) of these sliders; 1 to `MOST`, and 1 for
    bands finer than the maps."""
    encoder.eval()
    truth = torch.from_numpy(np.asarray(maps, np.float32))
    codes = loss.predicted(encoder(torch.from_numpy(identity), torch.from_numpy(expression)))
    total, gains = None, []
    for band, (_, part, _) in zip(bands, loss.slices, strict=True):
        if band.resolution > truth.shape[-1]:
            gains.append(1.0)
            continue
        wanted = average_to(truth, band.resolution)
        if total is not None:
            total = double(total)
            wanted = wanted - total
        own = band.coefficients(wanted) @ band.components.flatten(1)
        made = (codes[:, part] * band.sigma) @ band.components.flatten(1)
        ratio = float((wanted - band.mean).square().sum() / made.square().sum().clamp_min(1e-12))
        gains.append(float(np.clip(np.sqrt(ratio), 1.0, MOST)))
        image = band.mean + own.unflatten(1, band.mean.shape)
        total = image if total is None else total + image
    return gains


@torch.no_grad()
def scale_bands(encoder: Encoder, loss: CoefficientLoss, gains: list[float]) -> None:
    """Multiply the rows of w+ that the bands are read from."""
    size, first = encoder.config.w_dim, 0
    for head, count in zip(encoder.heads, encoder.config.groups, strict=True):
        assert isinstance(head, torch.nn.Linear)
        for (row, _, _), gain in zip(loss.slices, gains, strict=True):
            if first <= row < first + count:
                rows = slice((row - first) * size, (row - first + 1) * size)
                head.weight[rows] *= gain
                head.bias[rows] *= gain
        first += count
