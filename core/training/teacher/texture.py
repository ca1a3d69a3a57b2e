"""Skin textures that keep their place whatever the face does: pores, micro-relief, lip lines, the chin's dimpling.

All are built once from a seed on a 1024 x 1024 grid in millimetres and averaged down to coarser grids, so that every
resolution shows the same skin. Identity and expression only change their strength.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

FULL = 1024
NOMINAL_MM = 0.25759732723236084
"""Millimetres a texel of the default face's layer when the first weights were trained. A scale within 5 % counts as
it: pores lie where a random number puts them, and must not jump when a lid of the mean face is mended."""


@dataclass(frozen=True)
class Textures:
    """(R, R) float32 layers in millimetres at strength 1, already windowed to the regions where they occur."""

    pores_fine: np.ndarray
    pores_large: np.ndarray
    relief: np.ndarray
    lip_lines: np.ndarray
    hatch: np.ndarray
    chin_dimples: np.ndarray
    brow_hairs: np.ndarray
    oriented: np.ndarray
    """(K, R, R): fine parallel furrows across K directions, strength 1."""
    directions: np.ndarray
    """(K, 2): UV unit vector across the furrows of each."""


def build(
    mm_per_texel: np.ndarray, uv68: np.ndarray, lips: np.ndarray, resolution: int, seed: int = 0, n_directions: int = 8
) -> Textures:
    """Build all layers.

    mm_per_texel: (1024, 1024) local scale of the mean face; uv68: (68, 2) landmarks; lips: (1024, 1024) in [0, 1], the
    red of the lips.
    """
    rng = np.random.default_rng([seed, 5])
    e = float(np.linalg.norm(uv68[45] - uv68[36]))
    c = (np.arange(FULL) + 0.5) / FULL
    u, v = np.meshgrid(c, 1.0 - c)
    blob = lambda p, su, sv: np.exp(-0.5 * (((u - p[0]) / (su * e)) ** 2 + ((v - p[1]) / (sv * e)) ** 2))  # noqa: E731
    nose = np.maximum(blob((0.5, uv68[30, 1]), 0.14, 0.17), blob((0.5, uv68[28, 1]), 0.1, 0.16))
    cheeks = sum(blob((0.5 + s * 0.36 * e, uv68[30, 1]), 0.2, 0.24) for s in (-1, 1))
    lids = sum(blob(uv68[k].mean(0), 0.22, 0.11) for k in (slice(36, 42), slice(42, 48)))
    brows = sum(blob(uv68[k].mean(0), 0.3, 0.09) for k in (slice(17, 22), slice(22, 27)))
    upper_lip = blob((0.5, uv68[51, 1] + 0.06 * e), 0.25, 0.05)
    chin = blob((0.5, 0.5 * (uv68[57, 1] + uv68[8, 1]) - 0.02 * e), 0.22, 0.13)
    skin = (1.0 - lips) * (1.0 - 0.75 * np.clip(lids, 0, 1))
    scale = float(np.median(mm_per_texel))
    if abs(scale / NOMINAL_MM - 1.0) < 0.05:
        scale = NOMINAL_MM

    fine = _pores(rng, 1.05 / scale, 0.30 / scale, 0.055) + _pores(rng, 0.8 / scale, 0.22 / scale, 0.03)
    fine *= skin * np.clip(0.6 + 0.5 * cheeks + 0.4 * nose + 0.2 * chin, 0, 1.3)
    large = _pores(rng, 1.75 / scale, 0.46 / scale, 0.085)
    large *= skin * np.clip(1.1 * nose + 0.8 * cheeks * (np.abs(u - 0.5) < 0.5 * e) + 0.35 * chin + 0.2 * brows, 0, 1.1)

    # The skin's own relief: a net of shallow furrows (glyphic pattern), plus a soft unevenness.
    net = sum(_furrows(rng, angle, 1.1 / scale, 0.30) for angle in (25, 70, 115, 160)) * 0.012
    uneven = _band(rng, 2.4 / scale, 0.6) * 0.012 + _band(rng, 6.0 / scale, 0.6) * 0.018
    relief = (net + uneven) * (1.0 - 0.8 * lips)

    hatch = (_furrows(rng, 38, 2.2 / scale, 0.35) + _furrows(rng, 128, 2.4 / scale, 0.35)) * 0.05
    hatch *= skin * np.clip(1.2 * cheeks + 0.5 * chin + 0.5 * upper_lip + 0.5 * np.clip(lids, 0, 1), 0, 1)

    dimples = np.clip(-_band(rng, 3.4 / scale, 0.5) - 0.1, 0, None)
    dimples = -(dimples - dimples.mean()) * 0.22 * chin
    angles = np.arange(n_directions) * 180.0 / n_directions
    oriented = np.stack(
        [_furrows(rng, a, 3.1 / scale, 0.2) + 0.6 * _furrows(rng, a + 6, 1.9 / scale, 0.25) for a in angles]
    )
    oriented *= 0.14 * (1.0 - lips)
    # `_furrows(angle)` runs along the angle; what compresses it lies across.
    across = np.radians(angles + 90.0)
    layers = {
        "pores_fine": fine,
        "pores_large": large,
        "relief": relief,
        "lip_lines": _lip_lines(rng, uv68, lips, e, u, v),
        "hatch": hatch,
        "chin_dimples": dimples,
        "brow_hairs": _brow_hairs(rng, uv68, e, scale),
    }
    small = {name: shrink(layer, resolution) for name, layer in layers.items()}
    return Textures(
        **small,
        oriented=np.stack([shrink(layer, resolution) for layer in oriented]),
        directions=np.stack([np.cos(across), np.sin(across)], 1).astype(np.float32),
    )


def shrink(image: np.ndarray, resolution: int) -> np.ndarray:
    """Average (FULL, FULL) down to (resolution, resolution), a power of two."""
    k = len(image) // resolution
    size = resolution
    return image[: size * k, : size * k].reshape(size, k, size, k).mean((1, 3)).astype(np.float32)


def _pores(rng: np.random.Generator, spacing: float, radius: float, depth: float) -> np.ndarray:
    """Pits at jittered, thinned places: no two nearer than about `spacing` texels; each a small slanted ellipse."""
    n = int(FULL * FULL / spacing**2 * 1.9)
    points = rng.random((n, 2)) * FULL
    # Random order thinning: a point gives way to an earlier one that is too near.
    pairs = cKDTree(points).query_pairs(0.72 * spacing, output_type="ndarray")
    points = points[np.setdiff1d(np.arange(n), pairs.max(1))]
    n = len(points)
    size = 1.0 + 0.3 * np.clip(rng.standard_normal(n), -2, 2)
    long_axis, angle = 1.0 + 0.5 * rng.random(n), rng.random(n) * np.pi
    strength = depth * np.clip(1.0 + 0.45 * rng.standard_normal(n), 0.2, 2.2)
    reach = int(np.ceil(2.6 * radius * 1.6)) + 1
    offsets = np.arange(-reach, reach + 1)
    dx, dy = (a.ravel() for a in np.meshgrid(offsets, offsets))
    base = np.floor(points).astype(int)
    x = base[:, :1] + dx + 0.5 - points[:, :1]
    y = base[:, 1:] + dy + 0.5 - points[:, 1:]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along = (x * cos + y * sin) / (radius * size * long_axis)[:, None]
    across = (-x * sin + y * cos) / (radius * size)[:, None]
    r2 = along**2 + across**2
    pit = -strength[:, None] * (1.25 * np.exp(-0.5 * r2) - 0.25 * np.exp(-0.125 * r2))
    column, row = np.clip(base[:, :1] + dx, 0, FULL - 1), np.clip(base[:, 1:] + dy, 0, FULL - 1)
    total = np.bincount((row * FULL + column).ravel(), pit.ravel(), FULL * FULL).reshape(FULL, FULL)
    return total - ndimage.gaussian_filter(total, 4 * spacing, mode="wrap")


def _spectrum(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None]
    return fx, fy


def _band(rng: np.random.Generator, wavelength: float, spread: float) -> np.ndarray:
    """Isotropic noise about one wavelength (texels), unit variance; `spread` in octaves."""
    fx, fy = _spectrum((FULL, FULL))
    f = np.hypot(fx, fy)
    f[0, 0] = 1e-9
    gain = np.exp(-0.5 * (np.log2(f * wavelength) / spread) ** 2)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((FULL, FULL))) * gain, (FULL, FULL))
    return noise / noise.std()


def _furrows(rng: np.random.Generator, degrees: float, wavelength: float, spread: float) -> np.ndarray:
    """Broken, nearly parallel furrows along a direction (degrees from +u towards +v), zero mean, unit scale."""
    fx, fy = _spectrum((FULL, FULL))
    f = np.hypot(fx, fy)
    f[0, 0] = 1e-9
    # Rows run down, v runs up: the direction across the furrows is (-sin, cos) in (u, v), so (-sin, -cos) in (x, y).
    a = np.radians(degrees)
    cos = np.abs(-np.sin(a) * fx - np.cos(a) * fy) / f
    gain = np.exp(-0.5 * (np.log2(f * wavelength) / (spread * 2)) ** 2) * np.exp((cos**2 - 1) / (2 * 0.16**2))
    n = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((FULL, FULL))) * gain, (FULL, FULL))
    n /= n.std()
    groove = -np.log1p(np.exp(2.2 * (n - 0.4))) / 2.2
    return groove - groove.mean()


def _lip_lines(
    rng: np.random.Generator, uv68: np.ndarray, lips: np.ndarray, e: float, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Fine lines across the red of the lips, fanning out towards the corners."""
    middle = 0.5 * (uv68[62, 1] + uv68[66, 1])
    half = 0.5 * (uv68[54, 0] - uv68[48, 0])
    # A coordinate that is constant along each line: lines lean outwards away from the mouth's middle.
    s = (u - 0.5) / (1.0 + 1.1 * np.abs(v - middle) / half) / half
    n = 4096
    octaves = []
    for wavelength, gain in ((1.7, 1.0), (1.05, 0.7)):
        sigma = wavelength / (2 * np.pi) * n / (2 * half / e * 90.0)
        for side in range(2):
            line = ndimage.gaussian_filter1d(rng.standard_normal(n), sigma, mode="wrap")
            line = line - ndimage.gaussian_filter1d(line, 2.2 * sigma, mode="wrap")
            octaves.append((side, gain * line / line.std()))
    place = np.clip((s + 1.2) / 2.4 * (n - 1), 0, n - 1)
    lines = np.zeros_like(u)
    for side, octave in octaves:
        value = np.interp(place, np.arange(n), octave)
        lines += np.where((v > middle) == bool(side), value, 0.0)
    furrow = -np.log1p(np.exp(2.5 * (lines - 0.3))) / 2.5
    window = ndimage.gaussian_filter(lips, 0.004 * FULL * e)
    return (furrow - furrow.mean()) * 0.075 * window


def _brow_hairs(rng: np.random.Generator, uv68: np.ndarray, e: float, mm: float) -> np.ndarray:
    """Low ridges of the brows' hairs: short strokes that start upright at the nose and lie down towards the temple."""
    image = np.zeros((FULL, FULL))
    for inner_to_outer, side in (((22, 23, 24, 25, 26), 1.0), ((21, 20, 19, 18, 17), -1.0)):
        path = uv68[list(inner_to_outer)]
        for _ in range(420):
            t = rng.random() ** 0.9
            k = min(int(t * 4), 3)
            base = path[k] * (1 - (t * 4 - k)) + path[k + 1] * (t * 4 - k)
            thick = 0.032 * e * (1.0 - 0.6 * t)
            base = base + np.array([0.0, thick * rng.uniform(-1.0, 0.6) - 0.01 * e])
            angle = np.radians(np.interp(t, [0, 0.25, 0.6, 1], [75, 40, 12, -22]) + rng.normal(0, 7))
            length = rng.uniform(5, 9) / mm / FULL
            steps = np.linspace(0, 1, 22)
            bend = angle - 0.35 * steps
            x = base[0] + side * np.cumsum(np.cos(bend)) * length / 22
            y = base[1] + np.cumsum(np.sin(bend)) * length / 22
            column, row = np.clip(x * FULL, 0, FULL - 1).astype(int), np.clip((1 - y) * FULL, 0, FULL - 1).astype(int)
            np.maximum.at(image, (row, column), 0.14 * np.sin(np.pi * np.clip(steps + 0.08, 0, 1)))
    return ndimage.gaussian_filter(image, 0.7) - ndimage.gaussian_filter(image, 6.0)
