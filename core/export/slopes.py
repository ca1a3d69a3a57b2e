"""A displacement map as the slopes of a tangent normal map, on the detail UV of a coarse face. numpy alone.

With P(u, v) the coarse surface, N its normal and h the heights, the displaced surface P + h N has, for heights that are
small beside the radius of curvature, the normal N - g, where g is the gradient of h along the surface: the vector in
the plane of P_u and P_v with g . P_u = h_u and g . P_v = h_v (Blinn 1978, Simulation of Wrinkled Surfaces; Mikkelsen
2010, Bump Mapping Unparametrized Surfaces on the GPU). In the tangent frame T (P_u made normal to N), B (N x T, turned
where the UV is mirrored) that is normalize(-g . T, -g . B, 1): the slopes are (g . T, g . B), and green points up as in
OpenGL and glTF.
"""

from __future__ import annotations

import copy
from typing import Self

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry.uv_map import UVMap

STEEPEST = 4.0
"""Slopes are cut here: 76 degrees, which no wrinkle has."""


class TangentFrames:
    """The tangent frame of a face at every texel of its detail UV, and the change of UV along it.

    model: topology and detail layer; vertices (V, 3) mm in core's axes: the coarse face in the pose that the map is
    for, since a fold is the steeper the more the skin is pushed together; resolution: texels a side. Raises DnpmError
    when no face lies in the layer.
    """

    def __init__(self, model: FaceModel, vertices: np.ndarray, resolution: int) -> None:
        self.resolution = int(resolution)
        self._faces = model.faces
        self._chart = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, self.resolution)
        if not self._chart.covered.any():
            raise DnpmError(f"no texel of a {resolution} map lies in the detail layer; use a larger resolution")
        self.covered = self._chart.covered
        """(R, R) bool: texels whose centre lies in a face."""
        self._fill = _nearest_covered(self.covered)
        self._set(vertices)

    def posed(self, vertices: np.ndarray) -> Self:
        """The frames of the same face in another pose: what of the layer does not depend on it is shared."""
        other = copy.copy(self)
        other._set(vertices)
        return other

    def _set(self, vertices: np.ndarray) -> None:
        points = np.asarray(vertices, np.float64)
        p_u, p_v = self._derivatives(points)
        normals = corner_weighted_normals(points, self._faces)
        corners = self._chart.vertex_triangles
        n = _unit(self._at_texels(normals[corners]))
        p_u, p_v = (self._at_texels(part[self._chart.corner_triangles]) for part in (p_u, p_v))
        tangent = _unit(p_u - n * (n * p_u).sum(-1, keepdims=True))
        turned = np.cross(n, tangent)
        handed = np.sign((np.cross(p_u, p_v) * n).sum(-1, keepdims=True))
        bitangent = turned * np.where(handed == 0, 1.0, handed)
        # g = a P_u + b P_v with the first fundamental form (E F; F G) (a b) = (h_u h_v).
        e, f, g = ((a * b).sum(-1) for a, b in ((p_u, p_u), (p_u, p_v), (p_v, p_v)))
        determinant = np.maximum(e * g - f * f, 1e-9)
        along_u = (g[..., None] * p_u - f[..., None] * p_v) / determinant[..., None]
        along_v = (e[..., None] * p_v - f[..., None] * p_u) / determinant[..., None]
        frame = np.stack([tangent, bitangent], -1)
        # (texels, 2, 2): rows u, v; columns T, B. Slopes are (h_u, h_v) times this.
        self._form = np.stack([along_u, along_v], -2) @ frame
        self.area = np.sqrt(determinant).astype(np.float32)
        """(texels,) mm^2 of a unit of UV at each covered texel: weights for sums over the skin."""
        self.normal, self.tangent, self.bitangent = n, tangent, bitangent
        """(texels, 3) each, at the covered texels."""

    def slopes(self, displacement: np.ndarray) -> np.ndarray:
        """(R, R) mm, row 0 at the top -> (R, R, 2) float32: the slopes along T and B.

        Outside of the faces a texel has those of one nearby, so that filtering does not bleed. Raises DnpmError when
        the map is not of the frames' size.
        """
        heights = np.asarray(displacement, np.float32)
        if heights.shape != (self.resolution, self.resolution):
            raise DnpmError(f"the map must be {self.resolution} texels square, is {heights.shape}")
        padded = np.pad(heights, 1, mode="edge")
        half = self.resolution / 2.0
        h_u = half * (padded[1:-1, 2:] - padded[1:-1, :-2])
        h_v = half * (padded[:-2, 1:-1] - padded[2:, 1:-1])  # v points up, rows go down
        both = np.stack([h_u[self.covered], h_v[self.covered]], -1)
        found = np.clip((both[:, None, :] @ self._form)[:, 0], -STEEPEST, STEEPEST).astype(np.float32)
        return found[self._fill]

    def values(self, per_vertex: np.ndarray) -> np.ndarray:
        """(V,) -> (R, R) float32: interpolated over the layer, outside a texel nearby."""
        found = self._at_texels(np.asarray(per_vertex, np.float64)[self._chart.vertex_triangles][..., None])[:, 0]
        return found.astype(np.float32)[self._fill]

    def _derivatives(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(D, 3) mm a unit of u, and of v, at the layer's corners: the triangles' mean by their area in the layer."""
        chart = self._chart
        p, uv = points[chart.vertex_triangles], chart.corner_uv[chart.corner_triangles]
        d1, d2, a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        twice = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        # The derivative times twice the area: no triangle without an area spoils the mean.
        sums, sign = [], np.sign(twice)[:, None]
        corners, count = chart.corner_triangles.ravel(), len(chart.corner_uv)
        total = np.bincount(corners, np.repeat(np.abs(twice), 3), count)
        for part in (d1 * b[:, 1:] - d2 * a[:, 1:], d2 * a[:, :1] - d1 * b[:, :1]):
            weighted = np.repeat(part * sign, 3, 0)
            summed = np.stack([np.bincount(corners, weighted[:, k], count) for k in range(3)], 1)
            sums.append(summed / np.maximum(total, 1e-12)[:, None])
        return sums[0], sums[1]

    def _at_texels(self, corners: np.ndarray) -> np.ndarray:
        """(T, 3, C) values at the triangles' corners -> (texels, C) at the covered texels."""
        chart = self._chart
        return np.einsum("tk,tkc->tc", chart.weights[chart.covered], corners[chart.triangle[chart.covered]])


def corner_weighted_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3), (F, 4) -> (V, 3) float64 of length 1: the faces' normals weighted by their angles at the vertex.

    This is how Blender shades a smooth mesh and what its exporters write; engines light the file by these normals.
    """
    quads = np.where(faces < 0, faces[:, [0, 1, 2, 2]], faces)
    p = np.asarray(vertices, np.float64)[quads]
    normal = _unit(np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1]))
    total = np.zeros((len(vertices), 3))
    is_triangle = np.asarray(faces)[:, 3] < 0
    for k in range(4):
        rows = np.flatnonzero(~is_triangle) if k == 3 else np.arange(len(faces))
        before, after = (k - 1) % 4, (k + 1) % 4
        # A triangle's fourth corner stands on its third: its neighbours are found past it.
        last = np.where(is_triangle[rows] & (before == 3), 2, before)
        following = np.where(is_triangle[rows] & (after == 3), 0, after)
        q = p[rows]
        here, each = q[:, k], np.arange(len(rows))
        one, other = _unit(q[each, last] - here), _unit(q[each, following] - here)
        angle = np.arccos(np.clip((one * other).sum(1), -1, 1))
        np.add.at(total, quads[rows, k], angle[:, None] * normal[rows])
    return _unit(total)


def encode(slopes: np.ndarray) -> np.ndarray:
    """(R, R, 2) slopes -> (R, R, 3) uint8: the normal map normalize(-slopes, 1), 128 for 0, green up."""
    normal = np.concatenate([-slopes, np.ones_like(slopes[..., :1])], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    # 128 and not 127.5: a flat map's texel must be flat.
    return np.round(np.clip(128.0 + 127.0 * normal, 0, 255)).astype(np.uint8)


def decode(pixels: np.ndarray) -> np.ndarray:
    """The inverse of `encode`, as a shader reads the texture: n = (p - 128) / 127, slopes = -n.xy / n.z."""
    normal = (np.asarray(pixels, np.float32) - 128.0) / 127.0
    return -normal[..., :2] / np.maximum(normal[..., 2:], 0.05)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-12)


def _nearest_covered(covered: np.ndarray) -> np.ndarray:
    """(R, R) int: for each texel the number of a covered one: its own, else one that is nearby.

    By jump flooding (Rong and Tan 2006): near enough to the nearest for a border that filtering alone sees.
    """
    side = len(covered)
    rows, columns = np.indices(covered.shape)
    source = np.where(covered, rows * side + columns, -1)
    best = np.where(covered, 0.0, np.inf)
    step = side // 2
    while step >= 1:
        for dr in (-step, 0, step):
            for dc in (-step, 0, step):
                here = (slice(max(0, -dr), side - max(0, dr)), slice(max(0, -dc), side - max(0, dc)))
                there = (slice(max(0, dr), side - max(0, -dr)), slice(max(0, dc), side - max(0, -dc)))
                offered = source[there]
                away = (rows[here] - offered // side) ** 2 + (columns[here] - offered % side) ** 2
                closer = (offered >= 0) & (away < best[here])
                source[here] = np.where(closer, offered, source[here])
                best[here] = np.where(closer, away, best[here])
        step //= 2
    number = np.cumsum(covered.ravel()).reshape(covered.shape) - 1
    return number.ravel()[source]
