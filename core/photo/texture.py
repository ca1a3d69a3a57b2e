"""From a photo's pixels to the detail UV: what the camera saw of the skin, and what it did not.

Rows begin at the top, as everywhere (`UVMap`). Colours are sRGB, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..face_model.skin_paint import outer_fade
from ..geometry.mesh import vertex_normals
from ..geometry.rasteriser import all_triangles, rasterise
from ..geometry.uv_map import UVMap, mask_at
from .camera import Camera
from .degrade import resized

_GRAZING, _FACING = 0.2, 0.5
"""Cosines of the angle between the skin and the look: below the first nothing is trusted, from the second all is."""
_BEHIND_MM = 2.5
"""A texel that lies farther behind what the picture shows is hidden."""
_BUFFER = 512
"""Longer side of the z-buffer at most, pixels."""
_RIM = (0.006, 0.02)
"""Shares of the z-buffer's side: nearer to an outline than the first nothing is trusted, because a fit is never exact
and the pixel may show what lies behind; from the second on all is."""
_JUMP_MM = 12.0
"""A step in depth between two pixels of the z-buffer that is an outline."""
_SOFT = 0.025
"""Shares of the layer's side over which a photo's colours go out."""
_MEETING = 0.06
"""Shares of the layer's side over which broad colours lead over to the head's."""
_UNLIKE = 0.2
"""Logarithm of brightness against the skin's by which a colour counts a quarter as skin."""
_COARSE = 256
"""Texels a side at which colours are spread and light is compared: both are smooth."""


@dataclass(frozen=True)
class Texture:
    """colour (R, R, 3) float32 sRGB; visible (R, R) float32, 0 (unseen) to 1 (seen well)."""

    colour: np.ndarray
    visible: np.ndarray


def unwrap(image: np.ndarray, vertices: np.ndarray, camera: Camera, model: FaceModel, resolution: int) -> Texture:
    """The picture (h, w, 3) float32 on the detail UV of a face with vertices (V, 3) mm, which `camera` sees.

    Unseen texels have the colour of wherever they project to; `visible` says how little that is worth. Raises DnpmError
    when the picture's and the camera's sizes differ.
    """
    height, width = image.shape[:2]
    if (width, height) != tuple(camera.size) or image.ndim != 3 or image.shape[2] != 3:
        raise DnpmError(f"the picture is {width} x {height}, its camera's {camera.size[0]} x {camera.size[1]}, RGB")
    table = uv_table(model, resolution)
    places = table.to_texels(vertices)
    normals = table.to_texels(vertex_normals(vertices, model.faces))
    pixels, depth = camera.project(places.reshape(-1, 3))
    look = places.reshape(-1, 3) - camera.position
    facing = -(normals.reshape(-1, 3) * look).sum(1) / np.maximum(
        np.linalg.norm(look, axis=1) * np.linalg.norm(normals.reshape(-1, 3), axis=1), 1e-9
    )
    seen = np.clip((facing - _GRAZING) / (_FACING - _GRAZING), 0, 1)
    seen *= _unhidden(vertices, camera, model, pixels, depth, min(_BUFFER, max(192, resolution)))
    inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    covered = mask_at(model.detail_mask, resolution) > 0.02
    visible = (seen * inside).reshape(resolution, resolution).astype(np.float32) * covered
    colour = sampled(image, np.where(np.isfinite(pixels), pixels, 0)).reshape(resolution, resolution, 3)
    return Texture(colour, visible)


def fill_mirrored(texture: Texture) -> Texture:
    """Fill what was not seen from the other half of the face, and what neither half saw, smoothly, from around.

    `visible` stays as it was: what is filled in was not seen. The halves' colours are brought together first, as light
    comes from one side: what is lent is multiplied by how the two differ around the place, where both were seen.
    """
    colour, visible = texture.colour, texture.visible
    mirrored, seen_there = colour[:, ::-1], visible[:, ::-1]
    lent = seen_there * (1 - visible)
    known = np.clip(visible + lent, 0, 1)
    if lent.any():
        mirrored = mirrored * _gain(colour, mirrored, np.minimum(visible, seen_there))
    mixed = visible[..., None] * colour + lent[..., None] * mirrored
    mixed = np.clip(mixed / np.maximum(visible + lent, 1e-6)[..., None], 0, 1)
    around = enlarged(_spread(*reduced_by(mixed, known)), len(colour))
    return Texture((known[..., None] * mixed + (1 - known[..., None]) * around).astype(np.float32), visible)


def joined(texture: Texture, others: Sequence[Texture]) -> Texture:
    """A photo's texture, and where it saw little of the skin, what other photos of the same person saw there, of the
    same size; their light is brought to the first one's, as a mirrored half's is (`fill_mirrored`)."""
    colour, visible = texture.colour, texture.visible
    for other in others:
        lent = other.visible * (1 - visible)
        if not lent.any():
            continue
        theirs = other.colour * _gain(colour, other.colour, np.minimum(visible, other.visible))
        mixed = visible[..., None] * colour + lent[..., None] * theirs
        known = visible + lent
        there = known[..., None] > 1e-6
        colour = np.where(there, np.clip(mixed / np.maximum(known, 1e-6)[..., None], 0, 1), colour)
        visible = known
    return Texture(colour.astype(np.float32), visible.astype(np.float32))


def _gain(colour: np.ndarray, mirrored: np.ndarray, both: np.ndarray) -> np.ndarray:
    """(R, R, 3): by what the mirrored half is multiplied; far from where both halves were seen, their common ratio."""
    ratio = np.clip(np.log((colour + 0.02) / (mirrored + 0.02)), -0.7, 0.7)
    ratio, weight = reduced_by(ratio, both)
    total = float(weight.sum())
    common = (ratio * weight[..., None]).sum((0, 1)) / total if total > 0.01 * weight.size else np.zeros(3)
    near = _smooth(weight[..., None], 0.05)
    local = _smooth(weight[..., None] * (ratio - common), 0.05) / np.maximum(near, 0.1)
    return np.exp(enlarged(common + local, len(colour)))


def skin_colour(texture: Texture, model: FaceModel) -> np.ndarray:
    """(3,) float32 sRGB: the usual colour of the skin that was seen; hair, lips and shadows are the rarer ones."""
    colour = texture.colour
    seen = (texture.visible > 0.5) & (mask_at(model.detail_mask, len(colour)) > 0.9)
    chosen = colour[seen] if seen.any() else colour.reshape(-1, 3)
    bright = chosen.mean(1)
    usual = (bright >= np.quantile(bright, 0.4)) & (bright <= np.quantile(bright, 0.95))
    return np.asarray(np.median(chosen[usual], 0), np.float32)


def photo_alpha(texture: Texture, model: FaceModel) -> np.ndarray:
    """(R, R) float32: how much of the colours is to be shown, 1 where either half of the face was seen, and smoothly 0
    towards what was not, and at the layer's border."""
    from scipy import ndimage

    size = len(texture.visible)
    fade = enlarged(outer_fade(model.detail_mask)[..., None], size)[..., 0]
    _, known = reduced_by(texture.colour, np.maximum(texture.visible, texture.visible[:, ::-1]))
    # Eyes, nostrils and the mouth are not part of the layer: nothing is seen there, and all around it is.
    small = mask_at(model.detail_mask, len(known))
    inside = resized(outer_fade(model.detail_mask)[..., None], (len(known), len(known)))[..., 0] > 0.9
    # Their rims, which lie in shadow or face aside, are filled in, and must not show the head's tint.
    holes = ndimage.maximum_filter(np.where(inside, 1 - small, 0), round(0.06 * len(known)))
    known = np.maximum(known, holes)
    # First narrower by as much as it becomes wider: so the soft border lies within what was seen.
    known = np.clip(1.6 * _smooth(known[..., None], _SOFT) - 0.6, 0, 1)
    shown = enlarged(_smooth(known, 0.5 * _SOFT), size)[..., 0]
    return np.asarray(np.clip(fade * shown, 0, 1), np.float32)


def normalise(texture: Texture, mask: np.ndarray) -> np.ndarray:
    """(R, R, 3) float32 of mean 0 and deviation .25 within mask (R, R), each channel's mean apart, one contrast for
    all: what is left of skin colour, exposure and white balance is their pattern."""
    weight = mask[..., None] * (0.2 + 0.8 * texture.visible[..., None])
    total = max(float(weight.sum()), 1e-6)
    mean = (texture.colour * weight).sum((0, 1)) / total
    apart = texture.colour - mean
    deviation = float(np.sqrt((weight * apart**2).sum() / (3 * total)))
    return (np.clip(apart * (0.25 / max(deviation, 0.02)), -1.5, 1.5) * (mask[..., None] > 0)).astype(np.float32)


def sampled(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Bilinear look-up of (h, w, C) at (N, 2) pixels -> (N, C) float32; beyond the edge the edge's value."""
    height, width = image.shape[:2]
    x, y = np.clip(pixels[:, 0] - 0.5, 0, width - 1), np.clip(pixels[:, 1] - 0.5, 0, height - 1)
    x0, y0 = np.minimum(x.astype(int), max(width - 2, 0)), np.minimum(y.astype(int), max(height - 2, 0))
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0).astype(np.float32)[:, None], (y - y0).astype(np.float32)[:, None]
    top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
    bottom = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float32)


@lru_cache(maxsize=4)
def _table(key: tuple[int, int], resolution: int) -> UVMap:
    faces, detail_uv, faces_detail_uv = _KNOWN[key]
    return UVMap(faces, detail_uv, faces_detail_uv, resolution)


_KNOWN: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}


def uv_table(model: FaceModel, resolution: int) -> UVMap:
    """The model's `UVMap` at a resolution; making one takes a while, so the last few are kept."""
    key = (id(model.faces), id(model.detail_uv))
    _KNOWN[key] = (model.faces, model.detail_uv, model.faces_detail_uv)
    return _table(key, resolution)


def uv_scale(model: FaceModel) -> float:
    """Millimetres that the detail layer's side is long on the neutral face, in the middle of its texels."""
    size = 128
    texels = uv_table(model, size).to_texels(model.neutral)
    wide = [np.linalg.norm(np.gradient(texels, axis=k), axis=-1) for k in (0, 1)]
    return float(size * np.median(np.sqrt(wide[0] * wide[1])[mask_at(model.detail_mask, size) > 0.5]))


def meeting(texture: Texture, alpha: np.ndarray, skin: np.ndarray) -> Texture:
    """The same colours, whose broad ones lead over to `skin` (3,) towards where alpha (R, R) ends: no ring is left
    where the photo's colours go out, and what is fine on the skin stays."""
    size = len(alpha)
    colour, weight = reduced_by(texture.colour, np.maximum(alpha, 1e-3))
    # Eyes, brows and hair say nothing of the skin beside them: they would leave bright spots at the temples.
    unlike = np.log((colour.mean(-1) + 0.02) / (float(skin.mean()) + 0.02)) / _UNLIKE
    counted = weight / (1 + unlike**2) ** 2
    broad = _smooth(colour * counted[..., None], _MEETING) / np.maximum(_smooth(counted[..., None], _MEETING), 1e-6)
    inner = np.clip(2 * _smooth(np.pad(weight, len(weight) // 2)[..., None], _MEETING / 2)[..., 0] - 1, 0, 1)
    quarter = len(weight) // 2
    inner = inner[quarter : quarter + len(weight), quarter : quarter + len(weight)]
    change = (1 - inner * inner * (3 - 2 * inner))[..., None] * (skin - broad)
    moved = np.clip(texture.colour + enlarged(change, size), 0, 1)
    return Texture(moved.astype(np.float32), texture.visible)


def _unhidden(
    vertices: np.ndarray, camera: Camera, model: FaceModel, pixels: np.ndarray, depth: np.ndarray, buffer: int
) -> np.ndarray:
    """(N,) 0 to 1: whether points at `pixels` and `depth` have nothing of the face before them, less near outlines."""
    from scipy import ndimage

    # The face alone fills the buffer: a picture may be far larger than what it shows of a face.
    around, away = camera.project(vertices)
    finite = np.isfinite(around).all(1)
    low, high = around[finite].min(0) - 2, around[finite].max(0) + 2
    factor = buffer / max(float((high - low).max()), 1e-6)
    size = (int(np.ceil((high[0] - low[0]) * factor)) + 1, int(np.ceil((high[1] - low[1]) * factor)) + 1)
    triangles = all_triangles(model.faces)
    shown, weights = rasterise((around - low) * factor, away, triangles, size)
    # Weights are right in perspective, so that depth is their plain mean.
    front = np.where(shown >= 0, (weights * away[triangles[shown]]).sum(-1), np.inf)
    filled = np.where(shown >= 0, front, away[finite].max() + 10 * _JUMP_MM)
    steps = ndimage.maximum_filter(filled, 3) - filled
    # An outline's near side counts: what lies before the step is next to what lies behind it.
    inner = ndimage.distance_transform_edt((steps < _JUMP_MM) & (shown >= 0)) / buffer
    trust = np.clip((inner - _RIM[0]) / (_RIM[1] - _RIM[0]), 0, 1)
    place = np.floor((np.where(np.isfinite(pixels), pixels, -9) - low) * factor).astype(int)
    inside = (place >= 0).all(1) & (place[:, 0] < size[0]) & (place[:, 1] < size[1])
    place = np.where(inside[:, None], place, 0)
    free = inside & (depth <= front[place[:, 1], place[:, 0]] + _BEHIND_MM)
    return np.asarray(free * trust[place[:, 1], place[:, 0]])


def reduced_by(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (R, R, C) and weights (R, R) as weighted means of blocks, at most _COARSE a side."""
    size = len(weight)
    block = -(-size // _COARSE)
    rest = -size % block
    w = np.pad(weight, (0, rest))
    v = np.pad(values * weight[..., None], ((0, rest), (0, rest), (0, 0)))
    n = len(w) // block
    mean_w = w.reshape(n, block, n, block).mean((1, 3))
    mean_v = v.reshape(n, block, n, block, -1).mean((1, 3))
    return mean_v / np.maximum(mean_w, 1e-6)[..., None], mean_w


def enlarged(image: np.ndarray, size: int) -> np.ndarray:
    """(N, N, C) -> (size, size, C), bilinear."""
    block = -(-size // len(image))
    middle = (np.arange(size) + 0.5) / block
    x, y = np.meshgrid(middle, middle)
    return sampled(image, np.stack([x.ravel(), y.ravel()], 1)).reshape(size, size, -1)


def _smooth(image: np.ndarray, share: float) -> np.ndarray:
    from scipy import ndimage

    sigma = share * image.shape[0]
    factor = 1
    # A wide blur needs few texels: blocks' means are blurred, and enlarged by straight lines between them.
    while sigma / factor > 6 and image.shape[0] % (2 * factor) == 0:
        factor *= 2
    size, _, channels = image.shape
    small = image.reshape(size // factor, factor, size // factor, factor, channels).mean((1, 3))
    small = ndimage.gaussian_filter(small, (sigma / factor, sigma / factor, 0), truncate=3)
    if factor == 1:
        return np.asarray(small)
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, size // factor - 1)
    low = np.minimum(place.astype(int), size // factor - 2)
    part = (place - low)[:, None, None]
    rows = small[low] * (1 - part) + small[low + 1] * part
    part = part[:, 0][None]
    return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part)


def _spread(colour: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Colours where `known` is small from those around it, at ever coarser scales (push-pull, Gortler et al. 1996)."""
    out, trust = colour * known[..., None], known[..., None]
    for share in (0.01, 0.03, 0.1, 0.3):
        lack = 1 - trust
        near, weight = _smooth(out, share), _smooth(trust, share)
        add = lack * np.clip(weight * 4, 0, 1)
        out, trust = out + add * near / np.maximum(weight, 1e-6), trust + add
    return np.asarray(np.clip(out / np.maximum(trust, 1e-6), 0, 1))
