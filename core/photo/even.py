"""A forehead of one colour: what hair, fringes and their shadows leave on a photo's skin above the brows and at the
temples.

The networks that look for lines read the skin up to the hair (`skin.py`). Colours that are shown need more care: skin
next to hair is half hair, and between strands lie islands that nothing tells from skin. Here both go unseen, and what
is broad on the forehead is drawn to the person's own usual colour. What is narrow stays: moles, wrinkles, pores; brows,
eyes, cheeks and beards lie elsewhere. Approximate: a mark on the forehead that is broader than some 12 mm fades, too.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..geometry.uv_map import mask_at
from .render import from_linear, to_linear
from .skin import cheeks, hair_regions
from .texture import Texture, enlarged, reduced_by, uv_scale

_MARGIN_MM, _BRIDGE_MM, _SOFT_MM = 4.0, 3.0, 2.0
"""Beside hair so much is not shown; islands are what hangs together with the face by less than twice the second."""
_BROAD_MM = 5.0
"""Standard deviation: what is wider is light, hair or shadow, not a mole."""
_LEFT, _MOST = 0.3, 0.06
"""Of a broad deviation's logarithm so much stays, and never more than that."""
_FROM_CHEEKS = np.array([0.18, 0.05, 0.05])
"""By how much a forehead's logarithms of luminance and of two ratios of colour may differ from the cheeks'."""
_ENOUGH_MM2 = 250.0
_BROW_MM = 3.5
_LUMINANCE = np.array([0.3, 0.55, 0.15])


def surely_skin(texture: Texture, model: FaceModel) -> Texture:
    """The same colours (R, R, 3), and `visible` (R, R) less on the forehead and at the temples where hair is near, or
    where hair parts a place from the face; a model without landmarks has all."""
    if (model.landmarks68 < 0).any():
        return texture
    size = len(texture.visible)
    _, visible = reduced_by(texture.colour, texture.visible)
    count, mm = len(visible), uv_scale(model) / len(visible)
    region = hair_regions(model, count)
    free = (visible > 0.5) | (region < 0.5)
    apart = ndimage.distance_transform_edt(free) * mm
    labels, _ = ndimage.label(apart > _BRIDGE_MM)
    body = labels == np.bincount(labels[(labels > 0) & cheeks(model, count)], minlength=2).argmax()
    near = ndimage.distance_transform_edt(~(body & (apart > _BRIDGE_MM))) * mm
    kept = np.clip((apart - _MARGIN_MM) / _SOFT_MM, 0, 1) * (near <= _BRIDGE_MM)
    kept = ndimage.gaussian_filter(kept.astype(float), 0.5 * _SOFT_MM / mm)
    keep = 1 - enlarged((region * (1 - kept))[..., None], size)[..., 0]
    return Texture(texture.colour, (texture.visible * np.clip(keep, 0, 1)).astype(np.float32))


def evened(texture: Texture, model: FaceModel) -> Texture:
    """The filled colours (R, R, 3), the forehead and temples of one broad colour; a model without landmarks has all."""
    if (model.landmarks68 < 0).any():
        return texture
    size = len(texture.visible)
    colour, _ = reduced_by(texture.colour, np.ones_like(texture.visible))
    _, visible = reduced_by(texture.colour, texture.visible)
    count, mm = len(visible), uv_scale(model) / len(visible)
    region = hair_regions(model, count) * mask_at(model.detail_mask, count)
    logs = np.log(np.maximum(to_linear(colour), 0.003))
    ratios = np.stack([logs @ _LUMINANCE, logs[..., 0] - logs[..., 1], logs[..., 1] - logs[..., 2]], -1)
    skin = 1 - _brows(model, count, mm)
    weight = ndimage.gaussian_filter(skin, _BROAD_MM / mm)
    broad = np.stack([ndimage.gaussian_filter(ratios[..., k] * skin, _BROAD_MM / mm) for k in range(3)], -1)
    broad = broad / np.maximum(weight, 1e-3)[..., None]
    usual = _usual(ratios, visible, region, cheeks(model, count), mm)
    if usual is None:
        return texture
    away = broad - usual
    change = (np.clip(_LEFT * away, -_MOST, _MOST) - away) * region[..., None]
    # Back to three channels: the first is the weighted mean of their logarithms.
    red, blue = change[..., 1], -change[..., 2]
    green = change[..., 0] - _LUMINANCE[0] * red - _LUMINANCE[2] * blue
    gain = np.stack([green + red, green, green + blue], -1)
    bright = to_linear(texture.colour) * np.exp(enlarged(gain, size))
    return Texture(from_linear(bright), texture.visible)


def _usual(
    ratios: np.ndarray, visible: np.ndarray, region: np.ndarray, cheek: np.ndarray, mm: float
) -> np.ndarray | None:
    """(3,): the forehead's usual colour, near to the cheeks'; theirs where too little of it is seen; None where nothing
    is."""
    beside, above = cheek & (visible > 0.5), (region > 0.9) & (visible > 0.7)
    if beside.sum() * mm * mm < _ENOUGH_MM2:
        return None
    middle = np.median(ratios[beside], 0)
    if above.sum() * mm * mm < _ENOUGH_MM2:
        return np.asarray(middle)
    return np.asarray(middle + np.clip(np.median(ratios[above], 0) - middle, -_FROM_CHEEKS, _FROM_CHEEKS))


def _brows(model: FaceModel, count: int, mm: float) -> np.ndarray:
    """(N, N) 0 to 1: brows and what lies below them, which is not to colour the forehead."""
    points = landmark_uv(model)
    middle = (np.arange(count) + 0.5) / count
    u, v = np.meshgrid(middle, 1 - middle)
    height = np.interp(u, points[17:27, 0], points[17:27, 1])
    between = (u > points[17, 0]) & (u < points[26, 0])
    above = (v - height) * count * mm - _BROW_MM
    return np.where(between, np.clip(-above / 2, 0, 1), 0.0)
