"""Skin textures that keep their place whatever the face does: pores, the skin's net, moles, lip lines, brows.

All are built once from a seed on a 1024 x 1024 grid in millimetres and averaged down to coarser grids, so that every
resolution shows the same skin. Identity and expression only change their strength.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

FULL = 1024
NOMINAL_MM = 0.23107252
"""Millimetres a texel of the default face's layer when the weights were trained. A scale within 5 % counts as
it: pores lie where a random number puts them, and must not jump when a lid of the mean face is mended."""


@dataclass(frozen=True)
class Textures:
    """(R, R) float32 layers in millimetres at strength 1, already windowed to the regions where they occur."""

    pores: np.ndarray
    """(2, R, R): two layouts of pores, between which identities lie."""
    net: np.ndarray
    """The skin's fine lines along its tension, with shallower ones across."""
    relief: np.ndarray
    """Soft unevenness of some millimetres' length, present in all."""
    lip_lines: np.ndarray
    hatch: np.ndarray
    """The crossed, coarser lines that age brings."""
    moles: np.ndarray
    """(2, R, R): raised spots and small pits, which come and go with the identity."""
    chin_dimples: np.ndarray
    brow_hairs: np.ndarray
    forms: np.ndarray
    """Small forms that a coarse mesh lacks: the groove round the nose's wings, the philtrum's columns."""
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
    tip = np.maximum(blob((0.5, uv68[30, 1]), 0.16, 0.11), blob((0.5, uv68[29, 1]), 0.06, 0.1))
    cheeks = sum(blob((0.5 + s * 0.34 * e, uv68[30, 1]), 0.18, 0.22) for s in (-1, 1))
    lids = np.clip(sum(blob(uv68[k].mean(0), 0.22, 0.11) for k in (slice(36, 42), slice(42, 48))), 0, 1)
    upper_lip = blob((0.5, uv68[51, 1] + 0.06 * e), 0.25, 0.05)
    forehead = blob((0.5, uv68[19:25, 1].max() + 0.26 * e), 0.35, 0.2)
    chin = blob((0.5, 0.5 * (uv68[57, 1] + uv68[8, 1]) - 0.02 * e), 0.22, 0.13)
    skin = (1.0 - lips) * (1.0 - 0.8 * lids)
    scale = float(np.median(mm_per_texel))
    if abs(scale / NOMINAL_MM - 1.0) < 0.05:
        scale = NOMINAL_MM
    patchy = lambda mm: np.clip(1.0 + 0.45 * _band(rng, mm / scale, 0.5), 0.15, 2.0)  # noqa: E731

    # Pores sit in patches: many and deep about the nose and the cheeks' inner part, hardly any at lids and temples.
    where_fine = skin * np.clip(0.5 + 0.55 * cheeks + 0.5 * tip + 0.3 * forehead + 0.35 * chin, 0, 1.2)
    where_large = skin * np.clip(1.0 * tip + 0.75 * cheeks * (np.abs(u - 0.5) < 0.55 * e) + 0.4 * chin, 0, 1.1)
    pores = []
    for _ in range(2):
        fine = _pores(rng, 0.85 / scale, 0.20 / scale, 0.040) * patchy(14) * where_fine
        large = _pores(rng, 1.6 / scale, 0.34 / scale, 0.072) * patchy(18) * where_large
        # Between pores the skin's cells bulge as much as its furrows sink: on the real map heights are symmetric.
        cells = 0.0062 * _band(rng, 0.8 / scale, 0.5) + 0.0075 * _band(rng, 1.4 / scale, 0.5)
        pores.append(fine + large + cells * patchy(12) * skin * (0.75 + 0.25 * np.clip(cheeks + tip + chin, 0, 1)))

    flow = _swayed(rng, tension_field(uv68, u, v), 22.0, 9.0 / scale)
    cross = flow[..., ::-1] * [-1.0, 1.0]
    net = 0.016 * _streaks(rng, flow, 1.1 / scale, 4.0 / scale) + 0.008 * _streaks(rng, cross, 1.0 / scale, 2.0 / scale)
    net = net * patchy(16) * (1.0 - 0.85 * lips) * (0.7 + 0.5 * lids + 0.3 * forehead)

    relief = 0.006 * _band(rng, 2.6 / scale, 0.5) + 0.012 * _band(rng, 6.5 / scale, 0.6)
    relief = (relief + 0.02 * _band(rng, 15.0 / scale, 0.5)) * (1.0 - 0.8 * lips) * (1.0 - 0.6 * lids)

    hatch = 0.075 * _streaks(rng, flow, 2.3 / scale, 9.0 / scale)
    hatch += 0.045 * _streaks(rng, _swayed(rng, cross, 25.0, 12.0 / scale), 2.0 / scale, 5.0 / scale)
    hatch *= skin * patchy(22) * np.clip(0.25 + 0.8 * cheeks + 0.4 * chin + 0.5 * upper_lip + 0.6 * lids, 0, 1)

    dimples = np.clip(-_band(rng, 3.4 / scale, 0.5) - 0.1, 0, None)
    dimples = -(dimples - dimples.mean()) * 0.22 * chin
    angles = np.arange(n_directions) * 180.0 / n_directions
    oriented = np.stack(
        [_furrows(rng, a, 3.0 / scale, 0.3) + 0.6 * _furrows(rng, a + 8, 1.8 / scale, 0.3) for a in angles]
    )
    oriented *= 0.13 * (1.0 - lips) * patchy(12)
    # `_furrows(angle)` runs along the angle; what compresses it lies across.
    across = np.radians(angles + 90.0)
    layers = {
        "net": net,
        "relief": relief,
        "hatch": hatch,
        "chin_dimples": dimples,
        "lip_lines": _lip_lines(rng, uv68, lips, e, u, v),
        "brow_hairs": _brow_hairs(rng, uv68, e, scale),
        "forms": _forms(uv68, e, u, v),
    }
    several = {"pores": pores, "moles": [_moles(rng, skin * (1.0 - lids), scale, 14) for _ in range(2)]}
    small = {name: shrink(layer, resolution) for name, layer in layers.items()}
    return Textures(
        **small,
        **{name: np.stack([shrink(layer, resolution) for layer in group]) for name, group in several.items()},
        oriented=np.stack([shrink(layer, resolution) for layer in oriented]),
        directions=np.stack([np.cos(across), np.sin(across)], 1).astype(np.float32),
    )


def tension_field(uv68: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(H, W, 2) unit vectors in (u, v): the course of the relaxed skin's tension lines (Borges 1984), roughly.

    Across the forehead and the chin, around the eyes, down the cheeks beside the nasolabial fold, radially about the
    mouth, obliquely on the nose. A line has no direction, so double angles are blended.
    """
    e = float(np.linalg.norm(uv68[45] - uv68[36]))
    total = np.zeros((*u.shape, 2))

    def add(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
        angle = 2.0 * np.arctan2(y, x)
        total[..., 0] += weight * np.cos(angle)
        total[..., 1] += weight * np.sin(angle)

    blob = lambda p, su, sv: np.exp(-0.5 * (((u - p[0]) / (su * e)) ** 2 + ((v - p[1]) / (sv * e)) ** 2))  # noqa: E731
    side = np.tanh((u - 0.5) / (0.05 * e))
    brow = uv68[17:27, 1].mean()
    one, nought = np.ones_like(u), np.zeros_like(u)
    add(one, nought, 1.0 / (1.0 + np.exp(-(v - brow - 0.05 * e) / (0.06 * e))))
    for k in (slice(36, 42), slice(42, 48)):
        eye = uv68[k].mean(0)
        add(-(v - eye[1]) * 1.4, u - eye[0], 1.6 * blob(eye, 0.3, 0.24))
    for s in (-1, 1):
        add(s * (0.55 + 0.0 * u), -one, 1.1 * blob((0.5 + s * 0.4 * e, uv68[33, 1]), 0.3, 0.35))
        add(s * (0.25 + 0.0 * u), -one, 0.8 * blob((0.5 + s * 0.75 * e, uv68[33, 1]), 0.3, 0.6))
    add(0.8 * side, one, 1.0 * blob((0.5, uv68[29, 1]), 0.12, 0.2))
    mouth = 0.5 * (uv68[51] + uv68[57])
    add((u - 0.5) * 0.8, v - mouth[1], 1.5 * blob(mouth, 0.34, 0.2))
    add(one, 0.6 * (u - 0.5) / e, 1.3 * blob((0.5, 0.6 * uv68[8, 1] + 0.4 * uv68[57, 1]), 0.35, 0.16))
    angle = 0.5 * np.arctan2(total[..., 1], total[..., 0] + 1e-9)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


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
    # A pit in a low collar of nearly the same volume.
    pit = -strength[:, None] * (1.3 * np.exp(-0.5 * r2) - 0.33 * np.exp(-0.5 * r2 / 3.2))
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
    gain = np.exp(-0.5 * (np.log2(f * wavelength) / (spread * 2)) ** 2) * np.exp((cos**2 - 1) / (2 * 0.24**2))
    n = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((FULL, FULL))) * gain, (FULL, FULL))
    n /= n.std()
    groove = -np.log1p(np.exp(2.2 * (n - 0.4))) / 2.2
    return groove - groove.mean()


def _streaks(rng: np.random.Generator, flow: np.ndarray, across: float, along: float) -> np.ndarray:
    """Broken furrows that follow a field: noise averaged along its lines (line integral convolution, Cabral 1993).

    flow (FULL, FULL, 2): unit vectors in (u, v); across, along: wavelength and length in texels. Zero mean, about unit
    scale, furrows sharper than the ridges between them.
    """
    noise = _band(rng, across, 0.75).astype(np.float32)
    field = np.stack([-flow[..., 1], flow[..., 0]]).astype(np.float32)  # (row, column): rows run down, v up.
    rows, columns = np.mgrid[0:FULL, 0:FULL].astype(np.float32)
    total, weights = noise.copy(), 1.0
    step = max(across / 3.0, 1.0)
    count = max(round(along / 2.0 / step), 1)
    for sign in (-1.0, 1.0):
        y, x = rows.copy(), columns.copy()
        way = sign * field
        for k in range(1, count + 1):
            y, x = y + step * way[0], x + step * way[1]
            at = [np.clip(y, 0, FULL - 1), np.clip(x, 0, FULL - 1)]
            i, j = at[0].astype(np.intp), at[1].astype(np.intp)
            ahead = field[:, i, j]
            # A line has no direction: go on the way we came.
            way = ahead * np.sign((ahead * way).sum(0) + 1e-12)
            weight = 0.5 + 0.5 * np.cos(np.pi * k / (count + 1))
            total += weight * ndimage.map_coordinates(noise, at, order=1, mode="nearest", prefilter=False)
            weights += weight
    total -= ndimage.gaussian_filter(total, 1.5 * across)
    total /= total.std()
    groove = 0.5 * total - 0.5 * np.log1p(np.exp(2.0 * (-total - 0.3))) / 2.0
    return groove - groove.mean()


def _swayed(rng: np.random.Generator, flow: np.ndarray, degrees: float, wavelength: float) -> np.ndarray:
    """The field turned a little, differently from place to place: skin is not woven."""
    angle = np.radians(degrees) * _band(rng, wavelength, 0.6)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * flow[..., 0] - sin * flow[..., 1], sin * flow[..., 0] + cos * flow[..., 1]], -1)


def _moles(rng: np.random.Generator, where: np.ndarray, scale: float, count: int) -> np.ndarray:
    """A few raised spots (.12 to .35 mm high, 1 to 2.5 mm wide) and shallow pits, at places of their own."""
    image = np.zeros((FULL, FULL))
    rows, columns = np.mgrid[0:FULL, 0:FULL]
    for _ in range(count):
        x, y = rng.uniform(0.12, 0.88, 2) * FULL
        radius = rng.uniform(0.45, 1.1) / scale
        height = rng.uniform(0.12, 0.32) * (1.0 if rng.random() < 0.6 else -0.7)
        box = np.s_[
            max(int(y - 5 * radius), 0) : int(y + 5 * radius), max(int(x - 5 * radius), 0) : int(x + 5 * radius)
        ]
        r2 = ((rows[box] - y) ** 2 + ((columns[box] - x) * rng.uniform(0.8, 1.25)) ** 2) / radius**2
        image[box] += height * np.exp(-0.5 * r2 - 0.1 * r2**2)
    return image * where


def _forms(uv68: np.ndarray, e: float, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The groove round each wing of the nose and the philtrum's two columns."""
    image = np.zeros_like(u)
    for s in (-1, 1):
        wing = uv68[35] if s > 0 else uv68[31]
        centre = (wing[0] - s * 0.055 * e, wing[1] + 0.055 * e)
        x, y = s * (u - centre[0]) / e, (v - centre[1]) / e
        r, bearing = np.hypot(x, y), np.degrees(np.arctan2(y, x))
        window = np.exp(-0.5 * ((bearing - 28) / 48) ** 2)
        image -= 0.42 * np.exp(-0.5 * ((r - 0.098) / 0.012) ** 2) * window
        image += 0.12 * np.exp(-0.5 * ((r - 0.072) / 0.02) ** 2) * window
        top, bottom = uv68[33, 1] - 0.02 * e, uv68[51, 1]
        t = np.clip((top - v) / max(top - bottom, 1e-6), 0, 1)
        column = np.exp(-0.5 * ((s * (u - 0.5) / e - 0.035 - 0.025 * t) / 0.014) ** 2)
        image += 0.16 * column * np.sin(np.pi * np.clip((top - v) / max(top - bottom, 1e-6), 0, 1)) ** 0.7
    return image


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
    return (furrow - furrow.mean()) * 0.085 * window


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
    hairs = ndimage.gaussian_filter(image, 0.7) - ndimage.gaussian_filter(image, 6.0)
    return hairs + 1.6 * ndimage.gaussian_filter(image, (5.0, 9.0))  # the skin is thicker under the brow
