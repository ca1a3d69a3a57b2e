"""From a photo's pixels to the detail UV: what the camera saw of the skin, and what it did not.

Rows begin at the top, as everywhere (`UVMap`). Colours are sRGB, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..detail.mesh import vertex_normals
from ..detail.uv_map import UVMap, mask_at
from ..errors import DnpmError
from ..face_model.model import FaceModel
from .camera import Camera
from .raster import all_triangles, rasterise

_GRAZING, _FACING = 0.12, 0.45
"""Cosines of the angle between the skin and the look: below the first nothing is trusted, from the second all is."""
_BEHIND_MM = 2.5
"""A texel that lies farther behind what the picture shows is hidden."""
_BUFFER = 512
"""Longer side of the z-buffer, pixels."""


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
    seen *= _unhidden(vertices, camera, model, pixels, depth)
    inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    covered = mask_at(model.detail_mask, resolution) > 0.02
    visible = (seen * inside).reshape(resolution, resolution).astype(np.float32) * covered
    colour = sampled(image, np.where(np.isfinite(pixels), pixels, 0)).reshape(resolution, resolution, 3)
    return Texture(colour, visible)


def fill_mirrored(texture: Texture) -> Texture:
    """Fill what was not seen from the other half of the face, and what neither half saw, smoothly, from around.

    `visible` stays as it was: what is filled in was not seen. The halves' colours are brought together first, as light
    comes from one side.
    """
    colour, visible = texture.colour, texture.visible
    mirrored, seen_there = colour[:, ::-1], visible[:, ::-1]
    both = np.minimum(visible, seen_there)
    if both.sum() > 0.01 * both.size:
        gain = (colour * both[..., None]).sum((0, 1)) / np.maximum((mirrored * both[..., None]).sum((0, 1)), 1e-6)
        low = _smooth(both[..., None] * (colour - gain * mirrored), 0.04) / np.maximum(
            _smooth(both[..., None], 0.04), 1e-3
        )
        mirrored = np.clip(gain * mirrored + low, 0, 1)
    lent = seen_there * (1 - visible)
    known = visible + lent
    mixed = (visible[..., None] * colour + lent[..., None] * mirrored) / np.maximum(known, 1e-6)[..., None]
    return Texture(_spread(mixed, known).astype(np.float32), visible)


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


def _unhidden(
    vertices: np.ndarray, camera: Camera, model: FaceModel, pixels: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """(N,) bool: points at `pixels` and `depth` that nothing of the face lies before."""
    # The face alone fills the buffer: a picture may be far larger than what it shows of a face.
    around, away = camera.project(vertices)
    finite = np.isfinite(around).all(1)
    low, high = around[finite].min(0) - 2, around[finite].max(0) + 2
    factor = _BUFFER / max(float((high - low).max()), 1e-6)
    size = (int(np.ceil((high[0] - low[0]) * factor)) + 1, int(np.ceil((high[1] - low[1]) * factor)) + 1)
    triangles = all_triangles(model)
    shown, weights = rasterise((around - low) * factor, away, triangles, size)
    # Weights are right in perspective, so that depth is their plain mean.
    front = np.where(shown >= 0, (weights * away[triangles[shown]]).sum(-1), np.inf)
    place = np.floor((np.where(np.isfinite(pixels), pixels, -9) - low) * factor).astype(int)
    inside = (place >= 0).all(1) & (place[:, 0] < size[0]) & (place[:, 1] < size[1])
    place = np.where(inside[:, None], place, 0)
    return np.asarray(inside & (depth <= front[place[:, 1], place[:, 0]] + _BEHIND_MM))


def _smooth(image: np.ndarray, share: float) -> np.ndarray:
    from scipy import ndimage

    sigma = share * image.shape[0]
    return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0)))


def _spread(colour: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Colours where `known` is small from those around it, at ever coarser scales (push-pull, Gortler et al. 1996)."""
    out, trust = colour * np.clip(known, 0, 1)[..., None], np.clip(known, 0, 1)[..., None]
    for share in (0.01, 0.03, 0.1, 0.3):
        lack = 1 - trust
        near, weight = _smooth(out, share), _smooth(trust, share)
        add = lack * np.clip(weight * 4, 0, 1)
        out, trust = out + add * near / np.maximum(weight, 1e-6), trust + add
    return np.asarray(np.clip(out / np.maximum(trust, 1e-6), 0, 1))
