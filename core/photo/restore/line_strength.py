"""How deep a photo's lines have to be drawn: the network's map says where they lie, the photo says how strong they are.

The network answers with the mean of what a photo leaves open, which is too shallow for lines that are there, and too
deep for those that are not. Two factors mend that, place by place:

* Evidence. What the map's lines would look like in the photo's place (`line_features.light_of`) is held against the
  photo's skin. The factor by which they fit best is a regression within a Gaussian, g = (<photo, lines> + l) /
  (<lines, lines> + l). l is what a person's lines vary by against the noise of as many texels as the Gaussian holds:
  where skin is blurred, hidden or noisy, g is 1.
* Amplitude. Of what the photo shows, lines fainter than `_REAL_MM` are mostly doubt, and are drawn fainter still, as by
  a Wiener filter.

Chosen by 36 portraits of the calibration half, some of which the network had learnt from.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..line_features import light_of, shown
from .skin_input import Seen

_AROUND_MM = 6.0
"""Standard deviation of the Gaussian."""
_ALIKE_MM = 1.2
"""Texels nearer than that err alike."""
_SPREAD = 1.5
"""How far a person's lines may be from the network's, as a factor's deviation."""
_GAIN = (0.4, 2.5)
_REAL_MM, _NEAR_MM, _FAINTEST = 0.03, 2.5, 0.3
"""Local root mean square of lines that are drawn as they are; within which deviation; the least factor."""
_SEEN_MM = (1.8, 2.6)
"""Blurs up to which a photo would show lines, and from which on it would not: there faint ones are not its doubt."""
_LEAST = 1e-6
"""Variance of a photo without noise, logarithms of luminance."""


def line_strength(seen: Seen, lines: np.ndarray) -> np.ndarray:
    """(H, W) factors for lines (H, W) mm, both within `skin_input.WINDOW`."""
    sharp = np.clip((_SEEN_MM[1] - seen.blur_mm) / (_SEEN_MM[1] - _SEEN_MM[0]), 0, 1)
    doubted = 1 + sharp * (_amplitude(lines, seen.mm) - 1)
    strength = np.clip(doubted * _evidence(seen, lines), _FAINTEST, _GAIN[1])
    # What is around a brow says nothing of the brow.
    return np.asarray(1 + seen.trust * (strength - 1), np.float32)


def _amplitude(lines: np.ndarray, mm: float) -> np.ndarray:
    power = ndimage.gaussian_filter(lines.astype(float) ** 2, _NEAR_MM / mm) / _REAL_MM**2
    return np.asarray(np.clip(2 * power / (1 + power), _FAINTEST, 1))


def _evidence(seen: Seen, lines: np.ndarray) -> np.ndarray:
    trust, photo = seen.trust, seen.flat
    ours = shown(light_of(lines, seen.slope, seen.blur_mm, seen.mm), trust, seen.mm)
    around = lambda values: ndimage.gaussian_filter(values.astype(float), _AROUND_MM / seen.mm)  # noqa: E731
    share = around(trust**2)
    both, own = (around(a) / np.maximum(share, 0.1) for a in (photo * ours, ours * ours))
    noise = (around((photo - ours) ** 2) + _LEAST) / np.maximum(share, 0.02)
    usual = noise * (_ALIKE_MM / _AROUND_MM) ** 2 / _SPREAD**2
    return np.asarray(np.clip((usual + both) / (usual + own), *_GAIN))
