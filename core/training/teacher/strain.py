"""How the expression really stretches and compresses the skin: the mesh's strain on the detail UV."""

from __future__ import annotations

import numpy as np

from ...geometry.uv_map import UVMap


class StrainField:
    """Right Cauchy-Green strain of the skin between rest and expression, on a coarse grid of the detail UV.

    A UV direction q has length sqrt(q^T M q) on the surface, M the first fundamental form. Between rest (M0) and
    expression (M1) a line element along q is stretched by sqrt(q^T M1 q / q^T M0 q).
    """

    def __init__(self, uv_map: UVMap, rest: np.ndarray, posed: np.ndarray) -> None:
        self.rest = uv_map.metric(rest)
        self.posed = uv_map.metric(posed)

    def compression(self, direction: np.ndarray) -> np.ndarray:
        """UV direction(s) (2,) or (H, W, 2) -> (H, W): 1 - stretch, positive where the skin is compressed."""
        q = np.broadcast_to(np.asarray(direction, np.float32), (*self.rest.shape[:2], 2))
        a, b, c = q[..., 0] ** 2, 2 * q[..., 0] * q[..., 1], q[..., 1] ** 2
        weights = np.stack([a, b, c], -1)
        before = np.maximum((self.rest * weights).sum(-1), 1e-6)
        after = np.maximum((self.posed * weights).sum(-1), 0.0)
        return 1.0 - np.sqrt(after / before)


def bilinear(grid: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Sample (H, W, ...) at uv (N, 2), v up, texel centres at half-integers; edges are extended."""
    height, width = grid.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1.0 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = x - x0, y - y0
    if grid.ndim > 2:
        fx, fy = fx[:, None], fy[:, None]
    top = grid[y0, x0] * (1 - fx) + grid[y0, x0 + 1] * fx
    bottom = grid[y0 + 1, x0] * (1 - fx) + grid[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + bottom * fy
