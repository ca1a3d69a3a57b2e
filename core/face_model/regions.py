"""Eight regions of the face in the detail UV, and the expressions whose wrinkles they must show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import DnpmError

# Region -> the expressions that crease it (each mirrored pair together).
EXPRESSIONS_BY_REGION: dict[str, tuple[tuple[str, ...], ...]] = {
    "forehead": (("browInnerUp",), ("browOuterUpLeft", "browOuterUpRight")),
    "glabella": (("browDownLeft", "browDownRight"),),
    "crows_feet": (
        ("eyeSquintLeft", "eyeSquintRight"), ("cheekSquintLeft", "cheekSquintRight"),
        ("mouthSmileLeft", "mouthSmileRight"),
    ),
    "nose_bridge": (("noseSneerLeft", "noseSneerRight"),),
    "nasolabial": (("mouthSmileLeft", "mouthSmileRight"), ("noseSneerLeft", "noseSneerRight")),
    "lips": (("mouthPucker",), ("mouthFunnel",)),
    "chin": (("mouthShrugLower",),),
    "under_eye": (("eyeSquintLeft", "eyeSquintRight"), ("cheekSquintLeft", "cheekSquintRight")),
}  # fmt: skip

# A expression's own muscles also move these: they count neither as its own nor as untouched.
ALSO: dict[str, tuple[str, ...]] = {
    "browInnerUp": ("glabella", "nose_bridge"),
    "browOuterUpLeft": ("glabella",),
    "browDownLeft": ("forehead", "nose_bridge", "under_eye"),
    "eyeSquintLeft": ("nose_bridge",),
    "cheekSquintLeft": ("nasolabial", "nose_bridge"),
    "mouthSmileLeft": ("under_eye", "lips", "chin"),
    "noseSneerLeft": ("glabella", "under_eye", "lips"),
    "mouthPucker": ("chin", "nasolabial"),
    "mouthFunnel": ("chin", "nasolabial"),
    "mouthShrugLower": ("lips", "nasolabial"),
}


def region_gain(uv68: np.ndarray, factors: Mapping[str, float], resolution: int = 256) -> np.ndarray:
    """Region -> factor on its relief, 1 where none is named -> (R, R) float32, smooth.

    Raises DnpmError on a region that there is not.
    """
    masks = region_masks(uv68, resolution)
    if unknown := set(factors) - set(masks):
        raise DnpmError(f"there is no region {', '.join(sorted(unknown))}; there are {', '.join(masks)}")
    gain = np.ones((resolution, resolution), np.float32)
    for name, factor in factors.items():
        gain *= 1.0 + (np.float32(factor) - 1.0) * masks[name]
    return gain


def region_masks(uv68: np.ndarray, resolution: int) -> dict[str, np.ndarray]:
    """Landmarks (68, 2) in the detail UV -> region -> (R, R) float32 in [0, 1], soft ellipses, row 0 at the top."""
    e = float(np.linalg.norm(uv68[45] - uv68[36]))
    c = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(c, 1.0 - c)

    def ellipse(point: np.ndarray, half_u: float, half_v: float) -> np.ndarray:
        r = np.hypot((u - point[0]) / (half_u * e), (v - point[1]) / (half_v * e))
        t = np.clip((1.15 - r) / 0.3, 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    def both(left: np.ndarray, half_u: float, half_v: float) -> np.ndarray:
        return np.maximum(ellipse(left, half_u, half_v), ellipse(np.array([1 - left[0], left[1]]), half_u, half_v))

    brow_v = 0.5 * (uv68[17:22, 1].max() + uv68[22:27, 1].max())
    middle = lambda height: np.array([0.5, height])  # noqa: E731
    mouth = uv68[48:60]
    lips_v = 0.5 * (mouth[:, 1].max() + mouth[:, 1].min())
    half_lips = np.ptp(mouth[:, 1]) / 2 / e + 0.1
    return {
        "forehead": ellipse(middle(brow_v + 0.3 * e), 0.5, 0.26),
        "glabella": ellipse(middle(uv68[[21, 22], 1].mean() + 0.02 * e), 0.15, 0.14),
        "crows_feet": both(uv68[45] + e * np.array([0.2, 0.02]), 0.15, 0.2),
        "nose_bridge": both(0.5 * (uv68[27] + uv68[29]) + e * np.array([0.08, 0.0]), 0.08, 0.14),
        "nasolabial": both(0.5 * (uv68[35] + uv68[54]) + e * np.array([0.12, 0.03]), 0.1, 0.2),
        "lips": ellipse(middle(lips_v), np.ptp(mouth[:, 0]) / 2 / e, half_lips),
        "chin": ellipse(middle(0.45 * uv68[57, 1] + 0.55 * uv68[8, 1]), 0.22, 0.13),
        "under_eye": both(uv68[[46, 47]].mean(0) + e * np.array([0.0, -0.11]), 0.2, 0.08),
    }
