"""The displacement map in a mesh's own texture coordinates, one picture a UDIM tile. Needs numpy alone.

A texel takes its height where its place on the mesh lies in the detail layer, so the map can be used wherever the mesh
goes without our second layer. Heights stay millimetres. Around the islands the heights run on for some texels, so that
filters find no edge. Where islands overlap (both halves of a face on one place) the later triangle wins.
"""

from __future__ import annotations

import numpy as np

from ..errors import DnpmError
from ..geometry.uv_map import UVMap, sample

PADDING = 8
"""Texels that heights run on around an island."""
_MOST_TILES = 100


def resampled(
    displacement: np.ndarray, detail_uv: np.ndarray, weight: np.ndarray, triangles: np.ndarray, corner_uv: np.ndarray,
    resolution: int,
) -> dict[int, np.ndarray]:  # fmt: skip
    """UDIM number (1001 ...) -> (resolution, resolution) float32 mm, row 0 at the top.

    displacement (R, R) mm on the detail layer; detail_uv (V, 2) and weight (V,) of a `Correspondence`; triangles (T, 3)
    vertices; corner_uv (T, 3, 2) the mesh's own coordinates, v up. Tiles without detail are left out. Raises DnpmError
    when the mesh has no texture coordinates where its face is.
    """
    shown = (weight[triangles] > 0).any(1) & np.isfinite(corner_uv).all((1, 2))
    own, corners = np.asarray(corner_uv, np.float64)[shown], np.asarray(triangles)[shown]
    area = np.abs(np.cross(own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]))
    if not len(own) or not (area > 1e-12).any():
        raise DnpmError("the mesh has no texture coordinates on its face: unwrap it, or choose its UV layer")
    # A triangle lies in the tile of its middle: coordinates on a border belong to either side.
    tile = np.floor(own.mean(1)).astype(np.int64)
    if (tile[:, 0] < 0).any() or (tile[:, 0] > 9).any() or (tile[:, 1] < 0).any():
        raise DnpmError("the mesh's texture coordinates leave the UDIM tiles (u 0 to 10, v from 0): move its islands")
    numbers = 1001 + tile[:, 0] + 10 * tile[:, 1]
    if len(np.unique(numbers)) > _MOST_TILES:
        raise DnpmError(f"the face lies on {len(np.unique(numbers))} UDIM tiles; at most {_MOST_TILES} can be written")
    return {
        int(number): _tile(displacement, detail_uv, weight, corners[numbers == number],
                           own[numbers == number] - tile[numbers == number][:, None], resolution)
        for number in np.unique(numbers)
    }  # fmt: skip


def _tile(
    displacement: np.ndarray, detail_uv: np.ndarray, weight: np.ndarray, corners: np.ndarray, own: np.ndarray,
    resolution: int,
) -> np.ndarray:  # fmt: skip
    table = np.full((len(corners), 4), -1)
    table[:, :3] = np.arange(3 * len(corners)).reshape(-1, 3)
    uv_map = UVMap(np.pad(corners, ((0, 0), (0, 1)), constant_values=-1), own.reshape(-1, 2), table, resolution)
    covered = uv_map.covered
    vertices, share = uv_map.vertex_triangles[uv_map.triangle[covered]], uv_map.weights[covered]
    place = np.einsum("nk,nkc->nc", share, detail_uv[vertices])
    height = np.zeros((resolution, resolution), np.float32)
    height[covered] = sample(displacement, place) * (share * weight[vertices]).sum(1)
    return _padded(height, covered)


def _padded(height: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Texels around what is covered take the mean of their covered neighbours, ring by ring."""
    for _ in range(PADDING):
        total, count = np.zeros_like(height), np.zeros(height.shape, np.float32)
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            # What comes in over the other side is of no use.
            near = np.roll(np.where(covered, height, 0), step, axis)
            there = np.roll(covered, step, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
            near[tuple(edge)], there[tuple(edge)] = 0, False
            total += near
            count += there
        new = ~covered & (count > 0)
        height = np.where(new, total / np.maximum(count, 1), height)
        covered = covered | new
    return height.astype(np.float32)
