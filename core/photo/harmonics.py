"""Light on a surface as spherical harmonics (Ramamoorthi & Hanrahan 2001), for all that read light from photos."""

from __future__ import annotations

import numpy as np


def harmonics(normals: np.ndarray) -> np.ndarray:
    """Unit normals (..., 3) -> (..., 9): the spherical harmonics to the second order, up to their constants."""
    x, y, z = np.moveaxis(normals, -1, 0)
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], -1)
