"""How far two pictures lie apart, in three numbers that an eye would give: form, colour, fine detail.

A golden picture is rendered with noise, by another processor or version, so pixels may differ; what is seen may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

LIMITS = {"form": 0.06, "colour": 2.5, "detail": 0.34}
"""Above these a picture shows something else (test_goldens.py shows by what they are passed)."""
DRAWN_BY, ELSEWHERE = "4.5", {"form": 0.2, "colour": 3.6, "detail": 0.48}
"""The Blender that drew them, and the limits for others. Cycles of 5.3 lets more red out of ears, lips and the nose's
shade (3.4 at most); green and blue that are 6 % too weak make 3.8 and more. That of 5.0 has other noise in glossy skin
and in eyes (form .17, detail .45 at most); a turned head and missing detail make .35 and .87."""
_D65 = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclass(frozen=True)
class Difference:
    """form: 1 - SSIM of lightness, the mean over the face's worst tenth. colour: CIE76 distance of blurred colours, its
    98th percentile. detail: root mean square of what differs in fine lightness, over that of the golden's own."""

    form: float
    colour: float
    detail: float

    @property
    def too_large(self) -> list[str]:
        """Which of the three pass their limits."""
        return self.above(LIMITS)

    def above(self, limits: dict[str, float]) -> list[str]:
        """Which of the three pass these."""
        return [name for name, limit in limits.items() if getattr(self, name) > limit]


def read(path: Path) -> np.ndarray:
    """(H, W, 3) float64, sRGB 0 to 1."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64) / 255


def difference(golden: np.ndarray, other: np.ndarray) -> Difference:
    """(H, W, 3) sRGB each. Raises ValueError when they differ in size."""
    if golden.shape != other.shape:
        raise ValueError(f"the pictures have {golden.shape} and {other.shape} pixels")
    a, b = _lab(golden), _lab(other)
    # The backdrop is dark and plain.
    face = ndimage.binary_erosion(ndimage.gaussian_filter(a[..., 0], 2.0) > 25, iterations=2)
    similar = _ssim(a[..., 0] / 100, b[..., 0] / 100)[face]
    worst = np.sort(similar)[: max(1, len(similar) // 10)]
    blur = lambda x: ndimage.gaussian_filter(x, (3.0, 3.0, 0))  # noqa: E731
    apart = np.linalg.norm(blur(a) - blur(b), axis=2)
    fine = [x[..., 0] - ndimage.gaussian_filter(x[..., 0], 1.5) for x in (a, b)]
    inner = ndimage.binary_erosion(face, iterations=4)
    own = np.sqrt(np.mean(fine[0][inner] ** 2))
    return Difference(
        float(1 - worst.mean()),
        float(np.percentile(apart, 98)),
        float(np.sqrt(np.mean((fine[0] - fine[1])[inner] ** 2)) / own),
    )


def _lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB -> CIELAB (D65)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _D65
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], 2)


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Wang et al. 2004: Gaussian of 1.5 pixels, K 0.01 and 0.03, range 1."""
    blur = lambda x: ndimage.gaussian_filter(x, 1.5, truncate=3.5)  # noqa: E731
    ma, mb = blur(a), blur(b)
    va, vb, vab = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    return ((2 * ma * mb + 1e-4) * (2 * vab + 9e-4)) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
