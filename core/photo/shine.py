"""Shine taken out of a photo's skin: Blender's own lights make it anew, in other places.

Oily skin mirrors the light on top of the colour that it scatters (the dichromatic model: Shafer 1985). A shine is
therefore both brighter and paler than the skin around it. Place by place the colour is held against that of the duller
skin around: where it is paler, on the way to white, it loses what it is brighter by. So pale marks and grey stubble,
which are not brighter, stay, and so do light skin and noses' ridges, which are not paler. Where the photo is blown out,
the colour of the skin around comes in its place. The light's own shading should have gone before (`delight.py`).

Approximate: make-up that lightens (concealer, highlighter) goes as well, and shine on the whole of a face is taken for
its colour. A photo without colour has none to tell shine by: it is left alone.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..geometry.uv_map import mask_at
from .delight import LUMINANCE
from .render import from_linear, to_linear
from .skin_zones import SIDE, away_from
from .texture import Texture, enlarged, reduced_by, uv_scale

_AROUND_MM, _FINE_MM = 14.0, 1.2
"""Standard deviation of what counts as the skin around; of the colours that are compared: photos keep hue coarsely."""
_DULLER = 40.0
"""Percentile of paleness below which skin is taken to have no shine."""
_FEWEST = 200
"""Texels."""
_COLOURFUL = 0.12
"""1 - blue / red that skin has at least where shine can be told from it."""
_PALER = (0.04, 0.16)
"""Paleness above the skin's around, 0 (its) to 1 (white), from which on it is shine, and from which on it is sure."""
_SOFT_MM = 1.5
_EYES = ((36, 42, 1.0), (42, 48, 1.0))
_PARTS = ((36, 42, 1.5), (42, 48, 1.5), (17, 22, 4.0), (22, 27, 4.0), (48, 60, 4.0))
"""Landmarks of what shines otherwise than skin, and of what has another colour; millimetres around them."""
_AMOUNT = 0.85
"""How much of it goes: skin without any shine looks like chalk."""


def without_shine(texture: Texture, model: FaceModel) -> Texture:
    """The same places (R, R, 3) sRGB, as they would be without what they mirror; a model without landmarks has all."""
    if (model.landmarks68 < 0).any():
        return texture
    size = len(texture.visible)
    colour, seen = reduced_by(texture.colour, texture.visible)
    mm = uv_scale(model) / len(seen)
    skin = seen * (mask_at(model.detail_mask, len(seen)) > 0.9)
    bare, lids = (_away(model, len(seen), parts) for parts in (_PARTS, _EYES))
    shown, skin = skin * lids, skin * bare
    linear = np.stack([ndimage.gaussian_filter(to_linear(colour)[..., k], _FINE_MM / mm) for k in range(3)], -1)
    light = linear @ LUMINANCE + 1e-4
    hue = linear / light[..., None]
    pale = hue[..., 2] / np.maximum(hue[..., 0], 1e-3)
    chosen = skin > 0.5
    if chosen.sum() < _FEWEST or 1 - float(np.median(pale[chosen])) < _COLOURFUL:
        return texture
    dull = _around(np.where(chosen, pale, np.median(pale[chosen])), mm)
    weight = skin * (pale <= dull + 0.01)
    usual_light, usual_hue = _mean(light, weight, mm), np.stack([_mean(hue[..., k], weight, mm) for k in range(3)], -1)
    paler = np.clip((pale - dull) / np.maximum(1 - dull, 0.05), 0, 1)
    sure = np.clip((paler - _PALER[0]) / (_PALER[1] - _PALER[0]), 0, 1)
    brighter = np.clip(1 - usual_light / light, 0, 1)
    share = _AMOUNT * sure * brighter * shown
    share = enlarged(np.concatenate([share[..., None], usual_hue], -1), size)
    share, hue = share[..., :1], share[..., 1:]
    linear = to_linear(texture.colour)
    light = (linear @ LUMINANCE)[..., None]
    left = light * (1 - share)
    matt = linear - light * share
    # What is left of a white that hides the skin has no colour of its own.
    blend = np.clip(share / 0.3, 0, 1)
    matt = (1 - blend) * matt + blend * left * hue
    return Texture(from_linear(np.maximum(matt, 0)), texture.visible)


def _away(model: FaceModel, count: int, parts: tuple[tuple[int, int, float], ...]) -> np.ndarray:
    """(N, N) 0 to 1: farther than so many millimetres from these landmarks' outlines."""
    places, mm = landmark_uv(model), uv_scale(model) / SIDE
    away = [away_from(places[a:b], mm, closed=a > 30) - border for a, b, border in parts]
    keep = np.clip(np.min(away, 0) / _SOFT_MM, 0, 1)
    return enlarged(keep[..., None], count)[..., 0]


def _mean(values: np.ndarray, weight: np.ndarray, mm: float) -> np.ndarray:
    size = _AROUND_MM / mm
    total = ndimage.gaussian_filter(weight, size)
    whole = float((values * weight).sum() / max(weight.sum(), 1e-6))
    return np.asarray((ndimage.gaussian_filter(values * weight, size) + 1e-3 * whole) / (total + 1e-3))


def _around(pale: np.ndarray, mm: float) -> np.ndarray:
    """The paleness of the duller skin around."""
    span = 2 * round(1.2 * _AROUND_MM / mm) + 1
    low = ndimage.percentile_filter(pale, _DULLER, size=span)
    return np.asarray(ndimage.gaussian_filter(low, 0.5 * _AROUND_MM / mm))
