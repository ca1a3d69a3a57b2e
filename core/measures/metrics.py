"""One convention for every figure: float64, inside the face mask, millimetres; SSIM and PSNR on a stated range.

PSNR and SSIM take the maps as pictures: [-RANGE_MM, RANGE_MM] -> [0, 1], data range 1, one channel. SSIM: Gaussian
11 x 11, sigma 1.5, K .01 and .03 (Wang et al. 2004), averaged over the mask.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

RANGE_MM = 1.0


class Score:
    """Gathers pairs of maps; R2 is over all of them: 1 - squared error / squared distance from the mean map."""

    def __init__(self, mask: np.ndarray, mean_map: np.ndarray) -> None:
        self._mask = mask > 0.5
        self._mean = mean_map.astype(np.float64)
        self._error = self._spread = 0.0
        self._psnr: list[float] = []
        self._ssim: list[float] = []
        self._mae: list[float] = []

    def add(self, ours: np.ndarray, truth: np.ndarray) -> None:
        """(H, W) mm each."""
        ours, truth = ours.astype(np.float64), truth.astype(np.float64)
        error = (ours - truth)[self._mask]
        self._error += float((error**2).sum())
        self._spread += float(((truth - self._mean)[self._mask] ** 2).sum())
        self._mae.append(float(np.abs(error).mean()))
        self._psnr.append(float(-10 * np.log10(max((error**2).mean() / (2 * RANGE_MM) ** 2, 1e-12))))
        self._ssim.append(float(ssim_map(ours, truth)[self._mask].mean()))

    def result(self) -> dict[str, float]:
        """r2, psnr_db, ssim, mae_mm."""
        return {
            "r2": round(1.0 - self._error / max(self._spread, 1e-12), 4),
            "psnr_db": round(float(np.mean(self._psnr)), 2),
            "ssim": round(float(np.mean(self._ssim)), 4),
            "mae_mm": round(float(np.mean(self._mae)), 5),
        }


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) mm each -> the local SSIM of the pictures."""
    a, b = ((x + RANGE_MM) / (2 * RANGE_MM) for x in (a, b))
    blur = lambda x: ndimage.gaussian_filter(x, 1.5, truncate=3.5)  # noqa: E731
    ma, mb = blur(a), blur(b)
    va, vb, vab = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))


def high_pass(image: np.ndarray, sigma_texels: float) -> np.ndarray:
    """What is left of a map when its smooth part is taken out."""
    return image - ndimage.gaussian_filter(image, sigma_texels)
