"""The map between the mesh and the detail UV: T' of Eq. 4 and its inverse, with numpy alone.

Texel centres: texel (row, column) of an (R, R) map lies at u = (column + .5) / R, v = 1 - (row + .5) / R; row 0 is the
top. A mesh's detail layer is per corner, so that layers with seams (FaceScape's) work as well.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..errors import DnpmError


class UVMap:
    """Which triangle, with which barycentric weights, covers each texel of the detail layer.

    faces: (F, 4) int, -1 as the fourth index of a triangle; detail_uv: (D, 2); faces_detail_uv: (F, 4) int, -1
    outside of
    the layer; resolution: texels a side. Raises DnpmError when no face lies in the layer.
    """

    def __init__(self, faces: np.ndarray, detail_uv: np.ndarray, faces_detail_uv: np.ndarray, resolution: int) -> None:
        self.resolution = int(resolution)
        self.corner_uv = np.asarray(detail_uv, np.float64)
        self.vertex_triangles, self.corner_triangles = triangles(faces, faces_detail_uv)
        if not len(self.vertex_triangles):
            raise DnpmError("the mesh has no face in its detail UV layer")
        self.triangle, self.weights = self._rasterise()
        self.covered = self.triangle >= 0
        """(R, R) bool: texels whose centre lies in a face."""

    def to_texels(self, values: np.ndarray) -> np.ndarray:
        """Per-vertex values (V,) or (V, C) -> (R, R) or (R, R, C) float32; outside, the nearest covered texel's
        value."""
        values = np.asarray(values, np.float32)
        rows, columns = self._source
        corners = self.vertex_triangles[self.triangle[rows, columns]]
        weights = self.weights[rows, columns]
        out = np.zeros((self.resolution, self.resolution, *values.shape[1:]), np.float32)
        for k in range(3):
            w = weights[..., k] if values.ndim == 1 else weights[..., k, None]
            out += w * values[corners[..., k]]
        return out

    def metric(self, vertices: np.ndarray) -> np.ndarray:
        """First fundamental form: vertices (V, 3) mm -> (R, R, 3) float32 components E, F, G in mm^2 per unit of u, v.

        A UV step (du, dv) has the length sqrt(E du^2 + 2 F du dv + G dv^2). Taken per triangle, averaged onto the
        corners by
        UV area and interpolated, so that it is continuous. Source: any text on surfaces; Sander et al. 2001 for the
        Jacobian.
        """
        p = np.asarray(vertices, np.float64)[self.vertex_triangles]
        edge1, edge2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
        inverse, area = self._uv_inverse
        du = edge1 * inverse[:, 0, 0, None] + edge2 * inverse[:, 1, 0, None]
        dv = edge1 * inverse[:, 0, 1, None] + edge2 * inverse[:, 1, 1, None]
        per_triangle = np.stack([(du * du).sum(1), (du * dv).sum(1), (dv * dv).sum(1)], 1)
        n = len(vertices)
        corners = self.vertex_triangles.ravel()
        weight = np.repeat(area, 3)
        total = np.bincount(corners, weight, n)
        per_vertex = np.stack(
            [np.bincount(corners, weight * np.repeat(per_triangle[:, c], 3), n) for c in range(3)], 1
        ) / np.maximum(total, 1e-30)[:, None]  # fmt: skip
        return self.to_texels(per_vertex)

    @cached_property
    def _uv_inverse(self) -> tuple[np.ndarray, np.ndarray]:
        uv = self.corner_uv[self.corner_triangles]
        a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        determinant = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        safe = np.where(np.abs(determinant) < 1e-14, 1e-14, determinant)
        # [edge1 edge2] = [d/du d/dv] [a b], so d/du = (edge1 b_v - edge2 a_v) / det and d/dv = (edge2 a_u - edge1
        # b_u) / det
        inverse = np.stack(
            [np.stack([b[:, 1], -b[:, 0]], 1), np.stack([-a[:, 1], a[:, 0]], 1)], 1
        ) / safe[:, None, None]  # fmt: skip
        return inverse, np.abs(determinant) / 2

    @cached_property
    def _source(self) -> tuple[np.ndarray, np.ndarray]:
        """For every texel the covered texel that speaks for it (itself, or the nearest)."""
        from scipy import ndimage

        if not self.covered.any():
            raise DnpmError(f"no texel of a {self.resolution} map lies in the detail layer; use a larger resolution")
        return tuple(ndimage.distance_transform_edt(~self.covered, return_distances=False, return_indices=True))

    def _rasterise(self) -> tuple[np.ndarray, np.ndarray]:
        size = self.resolution
        uv = self.corner_uv[self.corner_triangles]
        x, y = uv[..., 0] * size - 0.5, (1.0 - uv[..., 1]) * size - 0.5
        triangle = np.full((size, size), -1, np.int32)
        weights = np.zeros((size, size, 3), np.float32)
        x0, x1 = np.ceil(x.min(1) - 1e-6).astype(int), np.floor(x.max(1) + 1e-6).astype(int)
        y0, y1 = np.ceil(y.min(1) - 1e-6).astype(int), np.floor(y.max(1) + 1e-6).astype(int)
        x0, y0 = np.maximum(x0, 0), np.maximum(y0, 0)
        x1, y1 = np.minimum(x1, size - 1), np.minimum(y1, size - 1)
        wide, high = np.maximum(x1 - x0 + 1, 0), np.maximum(y1 - y0 + 1, 0)
        count = wide * high
        # Every texel of every triangle's box at once, in chunks that keep the memory flat.
        order = np.flatnonzero(count)
        ends = np.cumsum(count[order])
        start = 0
        while start < len(order):
            base = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, base + 4_000_000, "right")), start + 1)
            chunk = order[start:stop]
            t = np.repeat(chunk, count[chunk])
            local = np.arange(len(t)) - np.repeat(np.cumsum(count[chunk]) - count[chunk], count[chunk])
            column, row = x0[t] + local % wide[t], y0[t] + local // wide[t]
            ax, ay, bx, by, cx, cy = (a[t, k] for k in range(3) for a in (x, y))
            determinant = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
            determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
            w1 = ((column - ax) * (cy - ay) - (cx - ax) * (row - ay)) / determinant
            w2 = ((bx - ax) * (row - ay) - (column - ax) * (by - ay)) / determinant
            w0 = 1.0 - w1 - w2
            inside = (w0 >= -1e-7) & (w1 >= -1e-7) & (w2 >= -1e-7)
            row, column, t = row[inside], column[inside], t[inside]
            triangle[row, column] = t
            weights[row, column] = np.stack([w0[inside], w1[inside], w2[inside]], 1)
            start = stop
        return triangle, weights


def triangles(faces: np.ndarray, faces_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split quads along 0-2: (F, 4) vertex and corner indices -> (T, 3) twice, of faces inside of the UV layer
    alone."""
    faces, faces_uv = np.asarray(faces), np.asarray(faces_uv)
    inside = faces_uv[:, 0] >= 0
    quad = inside & (faces[:, 3] >= 0)
    first, second = [0, 1, 2], [0, 2, 3]
    return (
        np.concatenate([faces[inside][:, first], faces[quad][:, second]]),
        np.concatenate([faces_uv[inside][:, first], faces_uv[quad][:, second]]),
    )


def sample(displacement: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """T': bilinear look-up of a map (H, W) at uv (N, 2) -> (N,) float32; beyond the border the edge's value."""
    image = np.asarray(displacement, np.float32)
    height, width = image.shape
    x = np.clip(uv[..., 0] * width - 0.5, 0, width - 1)
    y = np.clip((1.0 - uv[..., 1]) * height - 0.5, 0, height - 1)
    x0, y0 = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    bottom = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + bottom * fy


def mask_at(mask: np.ndarray, resolution: int) -> np.ndarray:
    """(M, M) -> (R, R) float32: means of blocks where the size divides, else bilinear."""
    size = len(mask)
    if size % resolution == 0:
        block = size // resolution
        return mask.reshape(resolution, block, resolution, block).mean((1, 3), dtype=np.float32)
    middle = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(middle, 1 - middle)
    return sample(mask, np.stack([u, v], -1))
