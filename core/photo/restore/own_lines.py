"""What a photo's skin shows beyond the corrected map: its own lines, read without a network.

pix2pixHD works on texels of .9 mm and answers with a mean, so that much of a sharp photo stays unexplained. What is
left of the skin's logarithm of light, once the light that the map makes is taken off, becomes heights, dark for deep:

* In the band of wrinkles only, as far as the photo is sharp enough to show it, and less what noise would be.
* As far as the skin has a direction there (coherence of the structure tensor): spots, pores and stubble have none.
* A forehead creases across: what runs upwards there is hair or its shadow.
* Ridges half as high as grooves are deep: a bright streak is gloss as often as form.
* Not beside what is not skin: brows, lashes and hair have a rim of shade.
* As deep as suits the skin around: what such lines would look like in the photo's light is held against what is left of
  it, as for the network's lines (`line_strength.fitting`).

A rule, not learnt. Within some millimetres heights are in proportion to darkness, whatever the light's direction.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..line_features import light_of, shown
from ..skin_view import SkinView
from .line_strength import across, fitting

_BAND_MM = (0.8, 5.0)
_MM, _GAIN = 1.6, (0.5, 2.5)
"""Depth of a groove that takes a unit off the logarithm of light, and by what the photo may multiply it."""
_NOISE, _LEAST = 0.35, 0.003
"""Share of the usual deviation, and logarithm of light, below which nothing is drawn."""
_DIRECTED, _AROUND_MM = (0.15, 0.6), 2.5
"""Coherence from which on lines begin, and are drawn fully; within which deviation it is measured."""
_SHARP_MM = (1.2, 1.9)
"""Blurs up to which a photo shows such lines, and from which on it does not."""
_RIDGES = 0.5
_BESIDE_MM = 2.0
"""Deviation within which what is not trusted takes lines away."""
_DEEPEST, _HIGHEST = 0.5, 0.2
"""Millimetres that no groove and no ridge goes beyond."""


def own_lines(view: SkinView, heights: np.ndarray, forehead: np.ndarray) -> np.ndarray:
    """(R, R) float32 mm to be added to the corrected map, heights (R, R) mm at the view's size; forehead (R, R), 0 to
    1: where lines run across."""
    mm, nothing = view.texel_mm, np.zeros(view.flat.shape, np.float32)
    sharp = float(np.interp(view.blur_mm, _SHARP_MM, (1.0, 0.0)))
    trusted = view.trust > 0.5
    if not sharp or not trusted.any():
        return nothing
    look = lambda lines: shown(light_of(lines, view.slope, view.blur_mm, mm), view.trust, mm)  # noqa: E731
    band = _band(view.flat - look(heights), mm)
    usual = 1.4826 * float(np.median(np.abs(band[trusted])))
    drawn = np.sign(band) * np.maximum(np.abs(band) - max(_NOISE * usual, _LEAST), 0)
    drawn = np.where(drawn > 0, _RIDGES * drawn, drawn)
    directed = np.interp(_coherence(band, mm), _DIRECTED, (0.0, 1.0))
    upright = 1 + forehead * (across(band, mm) - 1)
    beside = np.clip(2 * ndimage.gaussian_filter(view.trust, _BESIDE_MM / mm) - 1, 0, 1)
    lines = _MM * drawn * directed * upright * view.trust * beside
    gain = np.clip(fitting(band * view.trust, _band(look(lines), mm) * view.trust, view.trust, mm), *_GAIN)
    lines = sharp * gain * lines
    limit = np.where(lines < 0, _DEEPEST, _HIGHEST)
    return np.asarray(limit * np.tanh(lines / limit), np.float32)


def _band(light: np.ndarray, mm: float) -> np.ndarray:
    narrow, wide = (ndimage.gaussian_filter(light, size / mm) for size in _BAND_MM)
    return np.asarray(narrow - wide)


def _coherence(band: np.ndarray, mm: float) -> np.ndarray:
    """0 (no direction) to 1, from the structure tensor."""
    down, right = np.gradient(band)
    xx, yy, xy = (ndimage.gaussian_filter(a, _AROUND_MM / mm) for a in (right * right, down * down, right * down))
    return np.asarray(np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + 1e-12))
