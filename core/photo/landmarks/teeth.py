"""Whether a smile's teeth are closed: how high the dark gap between the two rows is, read from the pixels between the
lips.

Neither the landmarks nor the networks' scores tell a broad smile on closed teeth from an open jaw: the lips are apart
alike. A rule, not learnt: down each of some columns between the lips' inner rims, teeth are as bright as the brightest
of the mouth and no redder than the skin; what is dark below the first of them is the gap.
"""

from __future__ import annotations

import numpy as np

_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_SKIN = (50, 280, 205, 425, 4, 195)
"""Points on cheeks and nose."""
_COLUMNS, _ROWS = 15, 25
_MIDDLE = (0.28, 0.72)
"""The columns' share of the mouth's width: corners are dark at any jaw."""
_BRIGHT, _DARK = 0.7, 0.5
"""Shares of the brightest tenth from which a pixel is a tooth, and below which it is a gap."""
_LEAST_OPEN = 0.05
"""Eye distances between the lips: of less nothing can be told."""
_LEAST_SHOWN = 0.6
"""Share of the columns that must show a tooth."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])


def teeth_gap(image: np.ndarray, points: np.ndarray, eye_distance: float) -> float | None:
    """Height of the gap between the rows of teeth, in eye distances; None where the mouth is closed or shows no teeth.

    image (h, w, 3) sRGB 0 to 1, points (468 or more, 2 or 3) in its pixels, eye_distance in pixels.
    """
    at = np.linspace(*_MIDDLE, _COLUMNS)
    along = np.linspace(0, 1, len(_UPPER))
    top, bottom = (
        np.stack([np.interp(at, along, points[list(rim), k].astype(float)) for k in (0, 1)], 1)
        for rim in (_UPPER, _LOWER)
    )
    opening = float(np.linalg.norm(bottom - top, axis=1).mean()) / max(eye_distance, 1e-6)
    if opening < _LEAST_OPEN:
        return None
    places = top[:, None] + (bottom - top)[:, None] * np.linspace(0, 1, _ROWS)[None, :, None]
    colour = _at(image, places.reshape(-1, 2)).reshape(_COLUMNS, _ROWS, 3)
    skin = np.median(_at(image, points[list(_SKIN), :2].astype(float)), 0)
    light = colour @ _LUMA
    brightest = float(np.quantile(light, 0.9))
    tooth = (light > _BRIGHT * brightest) & (_redness(colour) <= _redness(skin) + 0.01)
    dark = light < _DARK * brightest
    shown = tooth.any(1)
    if brightest < 0.75 * float(skin @ _LUMA) or shown.mean() < _LEAST_SHOWN:
        return None
    below = np.arange(_ROWS)[None] > tooth.argmax(1)[:, None]
    return float(np.median((dark & below)[shown].mean(1))) * opening


def _redness(colour: np.ndarray) -> np.ndarray:
    return np.asarray((colour[..., 0] - colour[..., 2]) / (colour.sum(-1) + 0.05))


def _at(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, 3): the nearest pixels' colours."""
    x = np.clip(pixels[:, 0].astype(int), 0, image.shape[1] - 1)
    y = np.clip(pixels[:, 1].astype(int), 0, image.shape[0] - 1)
    return np.asarray(image[y, x], float)
