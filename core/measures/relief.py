"""What relief is made of: spectra inside a mask, octave by octave, and the distribution of heights.

Power is a density: mm^2 per (cycle/mm)^2, so that white noise of variance s^2 has s^2 texel^2 at every frequency,
whatever the mask, the size of the map and its sampling. Octaves are counted down from half the sampling rate.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from ..errors import DnpmError

QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_LEAST_MM2 = 1e-18


def radial_spectrum(displacement: np.ndarray, mask: np.ndarray, texel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Displacement (H, W) mm, mask (H, W) in [0, 1] -> frequencies (n,) cycles/mm, power (n,) mm^4, averaged in rings.

    The map is cut to the mask, freed of its mean and slope there, and faded out smoothly towards the mask's edge (over
    half of the largest distance to it), so that the edge itself leaves no trace. Raises DnpmError when the mask is
    empty or a shape does not fit.
    """
    taper = _taper(displacement, mask)
    rows, columns = (np.flatnonzero(taper.any(axis)) for axis in (1, 0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    taper, image = taper[part], displacement[part].astype(np.float64)
    image = (image - _plane(image, taper)) * taper
    size = 2 * -(-max(image.shape) // 2)
    power = np.abs(np.fft.rfft2(image, (size, size))) ** 2 * texel_mm**2 / (taper**2).sum()
    ring = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) * size
    # Half of the plane stands for all of it, but its first and last column stand for themselves.
    twice = np.full(power.shape, 2.0)
    twice[:, [0, -1]] = 1.0
    which = np.round(ring).astype(int).ravel()
    counted = np.bincount(which, twice.ravel())
    total = np.bincount(which, (power * twice).ravel())
    keep = np.arange(1, size // 2 + 1)
    return keep / (size * texel_mm), total[keep] / counted[keep]


def octaves(texel_mm: float, longest_mm: float = 40.0) -> list[tuple[float, float]]:
    """(low, high) cycles/mm from half the sampling rate down; waves longer than `longest_mm` are form, not skin."""
    bands, high = [], 0.5 / texel_mm
    while 2.0 / high <= longest_mm:
        bands.append((high / 2, high))
        high /= 2
    return bands


def band_variances(
    frequencies: np.ndarray, power: np.ndarray, bands: Iterable[tuple[float, float]]
) -> np.ndarray:  # fmt: skip
    """(n,), (n,), (low, high) cycles/mm -> variance in mm^2 that lies in each band: the integral over its ring.

    A band beyond the spectrum's last frequency has not been measured: nan.
    """
    edges = np.concatenate([[0.0], (frequencies[:-1] + frequencies[1:]) / 2, frequencies[-1:]])
    below = np.concatenate([[0.0], np.cumsum(power * np.pi * np.diff(edges**2))])
    return np.array(
        [
            np.interp(high, edges, below) - np.interp(low, edges, below) if high <= edges[-1] * 1.01 else np.nan
            for low, high in bands
        ]
    )


def decibels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """10 log10 of a ratio of variances."""
    return 10 * np.log10(np.maximum(a, _LEAST_MM2) / np.maximum(b, _LEAST_MM2))


def slope_db(bands: list[tuple[float, float]], variances: np.ndarray) -> float | None:
    """Decibels an octave by which variance falls (negative) towards short waves, by least squares; None below two."""
    known = np.isfinite(variances)
    if known.sum() < 2:
        return None
    x = np.log2([high for _, high in bands])[known]
    return round(float(np.polyfit(x, 10 * np.log10(np.maximum(variances[known], _LEAST_MM2)), 1)[0]), 2)


def height_statistics(samples: np.ndarray) -> dict[str, float | dict[str, float]]:
    """Heights (n,) -> standard deviation, skewness, excess kurtosis, and quantiles in standard deviations."""
    x = samples.astype(np.float64).ravel()
    x = x - x.mean()
    spread = max(float(x.std()), 1e-12)
    x /= spread
    return {
        "std": spread, "skewness": round(float((x**3).mean()), 3), "kurtosis": round(float((x**4).mean()) - 3, 3),
        "quantiles": {f"{q:g}": round(float(v), 3) for q, v in zip(QUANTILES, np.quantile(x, QUANTILES), strict=True)},
    }  # fmt: skip


def octave_shape(
    displacement: np.ndarray, mask: np.ndarray, texel_mm: float, bands: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """(skewness, excess kurtosis) of the map's part in each band, inside the mask: pits and lines make it spiky.

    The band is cut out by two Gaussians whose half-power frequencies are its edges.
    """
    inside = _eroded(mask)
    smooth = {f: _below(displacement, f * texel_mm) for f in {edge for band in bands for edge in band}}
    shapes = []
    for low, high in bands:
        x = (smooth[high] - smooth[low])[inside].astype(np.float64)
        x = (x - x.mean()) / max(float(x.std()), 1e-12)
        shapes.append((float((x**3).mean()), float((x**4).mean()) - 3))
    return shapes


def high_passed(displacement: np.ndarray, mask: np.ndarray, sigma_texels: float) -> np.ndarray:
    """(n,): what is left inside the mask when the smooth part is taken out."""
    return (displacement - ndimage.gaussian_filter(displacement, sigma_texels))[_eroded(mask)]


def _below(displacement: np.ndarray, cycles_per_texel: float) -> np.ndarray:
    if cycles_per_texel >= 0.499:
        return displacement.astype(np.float32)
    # |exp(-2 (pi sigma f)^2)|^2 = 1/2 at f.
    sigma = np.sqrt(np.log(2) / 4) / (np.pi * cycles_per_texel)
    return ndimage.gaussian_filter(displacement.astype(np.float32), sigma)


def _eroded(mask: np.ndarray) -> np.ndarray:
    inside = mask > 0.5
    eroded = ndimage.binary_erosion(inside, iterations=max(1, round(len(mask) / 128)))
    return eroded if eroded.any() else inside


def _taper(displacement: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if displacement.ndim != 2 or displacement.shape != mask.shape:
        raise DnpmError(f"spectrum: the map is {displacement.shape}, its mask {mask.shape}; both must be (H, W)")
    inside = np.pad(mask > 0.5, 1)  # The picture's border is an edge too.
    if not inside.any():
        raise DnpmError("spectrum: the mask is empty; give one with texels above 0.5")
    distance = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
    t = np.clip(distance / (0.5 * distance.max() + 1), 0, 1)
    return t**3 * (t * (6 * t - 15) + 10)


def _plane(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y])
    system = np.einsum("aij,bij,ij->ab", terms, terms, weight)
    right = np.einsum("aij,ij,ij->a", terms, image, weight)
    return np.einsum("a,aij->ij", np.linalg.lstsq(system, right, rcond=None)[0], terms)
