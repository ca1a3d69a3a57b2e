"""How deep a photo's lines have to be drawn: the network's map says where they lie, the photo says how strong they are.

The network answers with the mean of what a photo leaves open, which is too shallow for lines that are there, and too
deep for those that are not. Two factors mend that, place by place:

* Evidence. What the map's lines would look like in the photo's place (`line_features.light_of`) is held against the
  photo's skin. The factor by which they fit best is a regression within a Gaussian, g = (<photo, lines> + l) /
  (<lines, lines> + l). l is what a person's lines vary by against the noise of as many texels as the Gaussian holds:
  where skin is blurred, hidden or noisy, g is 1.
* Amplitude. Of what the photo shows, lines fainter than `_REAL_MM` are mostly doubt, and are drawn fainter still, as by
  a Wiener filter.
* Direction. A forehead creases across. What runs along it there, or has no direction, is hair, its shadow, or spots,
  and is drawn fainter. Frown lines run upwards, so there it does not hold.
* Frown. Lines that the brows hide are drawn as far as they run on above them (`frown.py`).

All but the last reaches as far as skin lies (`skin_zones.Zones.keep`), not only where it is trusted: beside a fringe
and in what may be a beard the lines around speak. What is around a brow says nothing of the brow.

Chosen by 36 portraits of the calibration half, some of which the network had learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..line_features import halved, light_of, shown
from ..skin_zones import Zones
from .skin_input import WINDOW, Seen

_AROUND_MM = 6.0
"""Standard deviation of the Gaussian."""
_ALIKE_MM = 1.2
"""Texels nearer than that err alike."""
_SPREAD = 1.5
"""How far a person's lines may be from the network's, as a factor's deviation."""
_GAIN = (0.4, 2.5)
_REAL_MM, _NEAR_MM, _FAINTEST = 0.03, 2.5, 0.3
"""Local root mean square of lines that are drawn as they are; within which deviation; the least factor."""
_ACROSS, _FINE_MM, _ALONG_MM = (0.5, 0.65), 0.8, 2.5
"""Shares of the slopes' energy that run up and down, up to which lines are faintest and from which on they are drawn as
they are; blurs of the map before its slopes, and of their energy."""
_AROUND_FROWN = 11
"""Texels across, by which that rule ends before the brows' inner ends."""
_SEEN_MM = (1.8, 2.6)
"""Blurs up to which a photo would show lines, and from which on it would not: there faint ones are not its doubt."""
_LEAST = 1e-6
"""Variance of a photo without noise, logarithms of luminance."""


@dataclass(frozen=True)
class Places:
    """Within `skin_input.WINDOW`, (H, W) 0 to 1: skin; forehead, whose lines run across; what the brows hide between
    them."""

    skin: np.ndarray
    forehead: np.ndarray
    frown: np.ndarray

    @classmethod
    def of(cls, zones: Zones, between: np.ndarray) -> Places:
        """A face model's; between (H, W): the brows' inner ends and what lies between them."""
        skin, forehead = (np.clip(halved(image)[WINDOW], 0, 1) for image in (zones.keep, zones.forehead))
        around = ndimage.gaussian_filter(ndimage.maximum_filter(between, _AROUND_FROWN), _AROUND_FROWN / 4)
        return cls(skin, forehead * (1 - np.clip(around, 0, 1)), between * (1 - skin))


def line_strength(seen: Seen, lines: np.ndarray, places: Places, frown: float = 1.0) -> np.ndarray:
    """(H, W) factors for lines (H, W) mm, both within `skin_input.WINDOW`; frown: the one of lines that the brows
    hide."""
    sharp = np.clip((_SEEN_MM[1] - seen.blur_mm) / (_SEEN_MM[1] - _SEEN_MM[0]), 0, 1)
    doubted = 1 + sharp * (_amplitude(lines, seen.mm) - 1)
    strength = np.clip(doubted * _evidence(seen, lines), _FAINTEST, _GAIN[1])
    strength = strength * (1 + sharp * places.forehead * (across(lines, seen.mm) - 1))
    hidden = 1 + sharp * places.frown * (frown - 1)
    return np.asarray(hidden * (1 + places.skin * (strength - 1)), np.float32)


def across(lines: np.ndarray, mm: float) -> np.ndarray:
    """_FAINTEST to 1: whether lines run from side to side."""
    down, right = np.gradient(ndimage.gaussian_filter(lines.astype(float), _FINE_MM / mm))
    vertical, horizontal = (ndimage.gaussian_filter(slope**2, _ALONG_MM / mm) for slope in (down, right))
    share = vertical / (vertical + horizontal + 1e-12)
    return np.asarray(np.interp(share, _ACROSS, (_FAINTEST, 1.0)))


def _amplitude(lines: np.ndarray, mm: float) -> np.ndarray:
    power = ndimage.gaussian_filter(lines.astype(float) ** 2, _NEAR_MM / mm) / _REAL_MM**2
    return np.asarray(np.clip(2 * power / (1 + power), _FAINTEST, 1))


def _evidence(seen: Seen, lines: np.ndarray) -> np.ndarray:
    ours = shown(light_of(lines, seen.slope, seen.blur_mm, seen.mm), seen.trust, seen.mm)
    return np.clip(fitting(seen.flat, ours, seen.trust, seen.mm), *_GAIN)


def fitting(photo: np.ndarray, ours: np.ndarray, trust: np.ndarray, mm: float) -> np.ndarray:
    """(H, W) factors by which lines that look like `ours` fit a photo's skin, both times their trust (H, W), best
    (Evidence, above)."""
    around = lambda values: ndimage.gaussian_filter(values.astype(float), _AROUND_MM / mm)  # noqa: E731
    share = around(trust**2)
    both, own = (around(a) / np.maximum(share, 0.1) for a in (photo * ours, ours * ours))
    noise = (around((photo - ours) ** 2) + _LEAST) / np.maximum(share, 0.02)
    usual = noise * (_ALIKE_MM / _AROUND_MM) ** 2 / _SPREAD**2
    return np.asarray((usual + both) / (usual + own))
