"""Which triangle a pixel shows: a z-buffer in numpy, for pictures of up to a few megapixels."""

from __future__ import annotations

import numpy as np

_CHUNK = 3_000_000
"""Candidates of pixel and triangle at a time: keeps the memory flat."""


def rasterise(
    points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest triangle at every pixel's middle.

    points: (N, 2) pixels; depth: (N,) mm, more is farther; triangles: (T, 3); size: (width, height).
    Returns (h, w) int32, -1 where there is none, and (h, w, 3) float32 barycentric weights that are right in
    perspective (Hartley & Zisserman; 1 / depth is what is linear in the picture).
    """
    width, height = size
    shown = np.full(height * width, -1, np.int32)
    weights = np.zeros((height * width, 3), np.float32)
    nearest = np.full(height * width, np.inf)
    triangles = np.asarray(triangles)
    corners = np.asarray(points, float)[triangles] - 0.5
    away = np.asarray(depth, float)[triangles]
    usable = np.isfinite(corners).all((1, 2)) & (away > 0).all(1)
    x, y = np.where(usable[:, None], corners[..., 0], -9.0), np.where(usable[:, None], corners[..., 1], -9.0)
    limit = lambda a, most: np.clip(a, -1, most)  # noqa: E731
    x0, x1 = limit(np.ceil(x.min(1)), width).astype(int), limit(np.floor(x.max(1)), width - 1).astype(int)
    y0, y1 = limit(np.ceil(y.min(1)), height).astype(int), limit(np.floor(y.max(1)), height - 1).astype(int)
    x0, y0 = np.maximum(x0, 0), np.maximum(y0, 0)
    wide, high = np.maximum(x1 - x0 + 1, 0), np.maximum(y1 - y0 + 1, 0)
    count = np.where(usable, wide * high, 0)
    order = np.flatnonzero(count)
    ends = np.cumsum(count[order])
    start = 0
    while start < len(order):
        base = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, base + _CHUNK, "right")), start + 1)
        chunk = order[start:stop]
        start = stop
        t = np.repeat(chunk, count[chunk])
        local = np.arange(len(t)) - np.repeat(np.cumsum(count[chunk]) - count[chunk], count[chunk])
        column, row = x0[t] + local % wide[t], y0[t] + local // wide[t]
        ax, ay, bx, by, cx, cy = (a[t, k] for k in range(3) for a in (x, y))
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        keep = np.abs(area) > 1e-12
        area = np.where(keep, area, 1.0)
        w1 = ((column - ax) * (cy - ay) - (cx - ax) * (row - ay)) / area
        w2 = ((bx - ax) * (row - ay) - (column - ax) * (by - ay)) / area
        w = np.stack([1.0 - w1 - w2, w1, w2], 1)
        keep &= (w >= -1e-7).all(1)
        w, t, pixel = w[keep], t[keep], (row * width + column)[keep]
        inverse = w / away[t]
        total = inverse.sum(1)
        z = 1.0 / total
        # The farthest first: of those that are written to one pixel the last, the nearest, stays.
        last = np.argsort(-z, kind="stable")
        last = last[z[last] < nearest[pixel[last]]]
        nearest[pixel[last]] = z[last]
        shown[pixel[last]] = t[last]
        weights[pixel[last]] = (inverse[last] / total[last, None]).astype(np.float32)
    return shown.reshape(height, width), weights.reshape(height, width, 3)


def all_triangles(faces: np.ndarray) -> np.ndarray:
    """(F, 4) corners, -1 fourth of a triangle -> (T, 3) int: quads are cut along 0-2."""
    faces = np.asarray(faces)
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])


def interpolated(values: np.ndarray, triangles: np.ndarray, shown: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Per-vertex values (V, C) -> (h, w, C) float32; 0 where nothing is shown."""
    there = shown >= 0
    out = np.zeros((*shown.shape, values.shape[1]), np.float32)
    corners = triangles[shown[there]]
    out[there] = np.einsum("nk,nkc->nc", weights[there], np.asarray(values, np.float32)[corners])
    return out
