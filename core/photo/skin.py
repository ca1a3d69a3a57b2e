"""What of a photo's texture is not skin: hair above the brows and at the temples, where fringes hang, and glasses
(`glasses.py`).

Approximate: a place there counts as hair when its colour is unlike that of the person's own cheeks and nose. Brows,
lids, lips and beards lie elsewhere and are left alone; hair of the skin's own colour is not told from it.
"""

from __future__ import annotations

import numpy as np

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from .glasses import without_glasses
from .texture import Texture, enlarged, reduced_by

_FROM, _TO = 0.85, 1.35
"""Differences of colour, in the spreads below, at which doubt begins and ends."""
_SPREADS = np.array([0.42, 0.05, 0.05])
"""Smallest spreads of log lightness and of the two shares of colour that one skin has under one light."""
_WIDEST = np.array([0.6, 0.11, 0.11])
"""Largest spreads: cheeks under glasses and in hard shadow vary more than skin does, and would make hair of it."""
_ROUNDS = 6
_DARKER = 1.4
"""Hair is darker than skin more often than lighter, and a forehead shines."""
_SHINE = 0.06
"""Distance from the cheeks' shares of colour within which what is brighter may be a shine."""
_EDGE = 0.03
"""Shares of the layer's side over which a region begins."""


def skin_only(texture: Texture, model: FaceModel) -> Texture:
    """The same colours (R, R, 3), and `visible` (R, R) less where they show hair or glasses."""
    return without_hair(without_glasses(texture, model), model)


def without_hair(texture: Texture, model: FaceModel) -> Texture:
    """The same colours (R, R, 3), and `visible` (R, R) less where they show hair; a model without landmarks has all."""
    if (model.landmarks68 < 0).any():
        return texture
    size = len(texture.visible)
    colour, visible = reduced_by(texture.colour, texture.visible)
    beside = cheeks(model, len(colour))
    unlike = _unlike(colour, visible, beside)
    hair = hair_regions(model, len(colour)) * unlike
    hair = np.maximum(hair, np.maximum(_over_a_brow(model, hair), _down_to_brows(model, hair)) * unlike)
    hair = _widened(hair * (1 - _shines(hair, colour, visible, beside)))
    keep = 1 - enlarged(hair[..., None], size)[..., 0]
    return Texture(texture.colour, (texture.visible * np.clip(keep, 0, 1)).astype(np.float32))


def _unlike(colour: np.ndarray, visible: np.ndarray, cheeks: np.ndarray) -> np.ndarray:
    """(N, N) 0 to 1: how unlike the cheeks' colours a place is: their middle and whole spread, or what they are there
    from side to side and a bounded spread, in which what is lighter may be a shine."""
    features = np.stack(_features(colour), -1)
    known = (visible > 0.5) & cheeks
    if known.sum() < 50:
        return np.zeros(visible.shape)
    far: np.ndarray = np.zeros(visible.shape)
    for usual, widest, lighter in (
        (np.median(features[known], 0), np.full(3, np.inf), 1 / _DARKER), (_across(features, known), _WIDEST, 0.0),
    ):  # fmt: skip
        away = features - usual
        spread = 2.2 * 1.4826 * np.median(np.abs(away[known]), 0)
        away /= np.clip(spread, _SPREADS, widest)
        away[..., 0] *= np.where(away[..., 0] > 0, lighter, _DARKER)
        far = np.maximum(far, np.linalg.norm(away, axis=-1))
    share = np.clip((far - _FROM) / (_TO - _FROM), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _across(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(1, N, F): the usual features (N, N, F) of the known places from side to side, which light from a side changes;
    beyond them as at their ends. Iterated least squares with Cauchy's weights: glasses, lids and shines pull little."""
    count = len(known)
    columns = np.nonzero(known)[1]
    low, high = np.quantile(columns, [0.02, 0.98])
    place = np.clip((np.arange(count) - low) / max(high - low, 1.0), 0, 1)
    basis = np.stack([np.ones(count), place, place * place], 1)
    rows, usual = basis[columns], np.zeros((count, features.shape[-1]))
    for k in range(features.shape[-1]):
        wanted = features[..., k][known]
        trust = np.ones(len(wanted))
        for _ in range(_ROUNDS):
            by = rows * trust[:, None]
            found = np.linalg.solve(by.T @ rows + 1e-3 * len(rows) * np.diag([0.0, 1.0, 1.0]), by.T @ wanted)
            left = np.abs(wanted - rows @ found)
            trust = 1 / (1 + (left / (1.5 * float(np.median(left)) + 1e-3)) ** 2)
        usual[:, k] = basis @ found
    return usual[None]


def _features(colour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total = colour.sum(-1) + 0.03
    return np.log(total), (colour[..., 0] - colour[..., 1]) / total, (colour[..., 1] - colour[..., 2]) / total


def hair_regions(model: FaceModel, size: int) -> np.ndarray:
    """(N, N) 0 to 1: above the brows, and beside the eyes and cheeks."""
    points = landmark_uv(model)
    u, v = _grid(size)
    brows = points[17:27]
    height = np.interp(u, brows[:, 0], brows[:, 1])
    above = np.clip((v - height - 0.018) / _EDGE, 0, 1)
    low = points[[48, 54], 1].mean()
    beside = np.maximum(points[17, 0] - u, u - points[26, 0])
    sides = np.clip((beside - 0.02) / _EDGE, 0, 1) * np.clip((v - low) / _EDGE, 0, 1)
    return np.asarray(np.maximum(above, sides))


def _over_a_brow(model: FaceModel, hair: np.ndarray) -> np.ndarray:
    """(N, N) 0 to 1: a brow that a fringe reaches, if the other brow is free: that one is mirrored."""
    above, u, outer = _above_brows(model, len(hair))
    covered = _covered(hair, above)
    one_side = covered * (1 - covered[::-1]) * (np.abs(u[0] - 0.5) < outer - 0.5 + 0.03)
    return np.asarray(one_side[None] * np.clip((above + 0.03) / 0.01, 0, 1) * (above < 0.06))


def _down_to_brows(model: FaceModel, hair: np.ndarray) -> np.ndarray:
    """(N, N) 0 to 1: a fringe over both brows, down to where the brows themselves are: no bar of hair is left there."""
    above, _, _ = _above_brows(model, len(hair))
    covered = _covered(hair, above)
    return np.asarray(np.minimum(covered, covered[::-1])[None] * np.clip(above / 0.008, 0, 1) * (above < 0.06))


def _above_brows(model: FaceModel, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """(N, N) heights over the brows, (N, N) columns, both as shares of the layer's side, and the outer end's column."""
    brows = landmark_uv(model)[17:27]
    u, v = _grid(count)
    return v - np.interp(u, brows[:, 0], brows[:, 1]), u, float(brows[-1, 0])


def _covered(hair: np.ndarray, above: np.ndarray) -> np.ndarray:
    """(N,) 0 to 1: whether there is hair right over the brows, column by column."""
    from scipy import ndimage

    band = (above > 0.03) & (above < 0.06)
    covered = (hair * band).sum(0) / np.maximum(band.sum(0), 1)
    return np.asarray(np.clip((ndimage.gaussian_filter1d(covered, 0.015 * len(hair)) - 0.5) / 0.3, 0, 1))


def _shines(hair: np.ndarray, colour: np.ndarray, visible: np.ndarray, cheeks: np.ndarray) -> np.ndarray:
    """(N, N) 0 or 1: bright places that lie within the skin: a forehead shines, and grey hair comes from the edge."""
    from scipy import ndimage

    known = (visible > 0.5) & cheeks
    labels, count = ndimage.label(hair > 0.3)
    if not count or not known.any():
        return np.zeros(hair.shape)
    bright = colour.sum(-1)
    usual = float(np.median(bright[known]))
    tints = np.stack(_features(colour)[1:], -1)
    tinted = np.linalg.norm(tints - np.median(tints[known], 0), axis=-1)
    numbers = np.arange(1, count + 1)
    lighter = ndimage.mean(bright, labels, numbers) > usual
    # The border of what the photo shows, or of the layer.
    edge = ndimage.minimum_filter(visible, 9, mode="constant") < 0.3
    free = ndimage.maximum(edge, labels, numbers) == 0
    skin = ndimage.mean(tinted, labels, numbers) < _SHINE
    return np.concatenate([[0.0], (lighter & free & skin).astype(float)])[labels]


def cheeks(model: FaceModel, size: int) -> np.ndarray:
    """(N, N) bool: between the eyes and the mouth, as wide as the brows."""
    points = landmark_uv(model)
    u, v = _grid(size)
    top, low = points[[36, 39, 42, 45], 1].min() - 0.03, points[[48, 54], 1].max()
    return np.asarray((u > points[17, 0]) & (u < points[26, 0]) & (v < top) & (v > low))


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v (up) of the texels' middles."""
    middle = (np.arange(size) + 0.5) / size
    return np.broadcast_to(middle, (size, size)), np.broadcast_to((1 - middle)[:, None], (size, size))


def _widened(hair: np.ndarray) -> np.ndarray:
    """A hair's surroundings are half hair, and a lone texel is none."""
    from scipy import ndimage

    kept = ndimage.median_filter(hair, 5)
    return np.asarray(ndimage.gaussian_filter(ndimage.maximum_filter(kept, 11), 2))
