"""Skin textures that keep their place whatever the face does: pores, the skin's net, moles, lip lines, brows.

All are built once from a seed on a 1024 x 1024 grid in millimetres and averaged down to coarser grids, so that every
resolution shows the same skin. Identity and expression only change their strength.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from . import features
from .features import FULL

NOMINAL_MM = 0.23107252
"""Millimetres a texel of the default face's layer when the weights were trained. A scale within 5 % counts as
it: pores lie where a random number puts them, and must not jump when a lid of the mean face is mended."""


@dataclass(frozen=True)
class Textures:
    """Layers in millimetres at strength 1, already windowed to the regions where they occur.

    Several layouts of one kind lie side by side, and a person's skin lies between them: `a` and `b` are drawn, `a'` and
    `b'` are these mirrored.
    """

    names: tuple[str, ...]
    layers: np.ndarray
    """(K, R, R) float32, in the order of `names`."""
    oriented: np.ndarray
    """(2, D, R, R): two layouts of fine parallel furrows across D directions, strength 1."""
    directions: np.ndarray
    """(D, 2): UV unit vector across the furrows of each."""


MIRRORED = ("fine", "large", "nose_fine", "nose_large", "net", "relief", "hatch", "lip_lines", "brow_hairs",
            "chin_dimples", "moles")  # fmt: skip
"""Kinds whose mirror images are further layouts."""


def build(
    mm_per_texel: np.ndarray, uv68: np.ndarray, lips: np.ndarray, resolution: int, seed: int = 0, n_directions: int = 8
) -> Textures:
    """Build all layers.

    mm_per_texel: (1024, 1024) local scale of the mean face; uv68: (68, 2) landmarks; lips: (1024, 1024) in [0, 1], the
    red of the lips. Layers are named "kind a"; `teacher.skin` says what each kind is for.
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
    layers: dict[str, np.ndarray] = {}

    # Pores sit in patches: many and deep about the nose and the cheeks' inner part, hardly any at lids and temples.
    where_fine = skin * np.clip(0.5 + 0.55 * cheeks + 0.5 * tip + 0.3 * forehead + 0.35 * chin, 0, 1.2)
    where_large = skin * np.clip(1.0 * tip + 0.75 * cheeks * (np.abs(u - 0.5) < 0.55 * e) + 0.4 * chin, 0, 1.1)
    # The nose and the cheeks beside it against forehead and chin: where a person's pores are deeper.
    nose = np.clip(tip + 0.8 * cheeks, 0, 1) - 0.6 * np.clip(forehead + chin, 0, 1)
    for name in "ab":
        fine = _pores(rng, 0.85 / scale, 0.20 / scale, 0.040) * patchy(14) * where_fine
        layers[f"large {name}"] = _pores(rng, 1.6 / scale, 0.34 / scale, 0.072) * patchy(18) * where_large
        # Between pores the skin's cells bulge as much as its furrows sink: on the real map heights are symmetric.
        cells = 0.0062 * _band(rng, 0.8 / scale, 0.5) + 0.0075 * _band(rng, 1.4 / scale, 0.5)
        fine = fine + cells * patchy(12) * skin * (0.75 + 0.25 * np.clip(cheeks + tip + chin, 0, 1))
        layers[f"fine {name}"] = fine
        for kind in ("fine", "large"):
            layers[f"nose_{kind} {name}"] = layers[f"{kind} {name}"] * nose

    flow = _swayed(rng, tension_field(uv68, u, v), 22.0, 9.0 / scale)
    cross = flow[..., ::-1] * [-1.0, 1.0]
    net = 0.016 * _streaks(rng, flow, 1.1 / scale, 4.0 / scale) + 0.008 * _streaks(rng, cross, 1.0 / scale, 2.0 / scale)
    layers["net a"] = net * patchy(16) * (1.0 - 0.85 * lips) * (0.7 + 0.5 * lids + 0.3 * forehead)

    for name in "abcdef":
        relief = 0.008 * _band(rng, 2.6 / scale, 0.5) + 0.014 * _band(rng, 6.5 / scale, 0.6)
        relief = (relief + 0.013 * _band(rng, 15.0 / scale, 0.5)) * (1.0 - 0.8 * lips) * (1.0 - 0.6 * lids)
        layers[f"relief {name}"] = relief

    hatch = 0.075 * _streaks(rng, flow, 2.3 / scale, 9.0 / scale)
    hatch += 0.045 * _streaks(rng, _swayed(rng, cross, 25.0, 12.0 / scale), 2.0 / scale, 5.0 / scale)
    hatch *= skin * patchy(22) * np.clip(0.25 + 0.8 * cheeks + 0.4 * chin + 0.5 * upper_lip + 0.6 * lids, 0, 1)
    layers["hatch a"] = hatch

    dimples = np.clip(-_band(rng, 3.4 / scale, 0.5) - 0.1, 0, None)
    layers["chin_dimples a"] = -(dimples - dimples.mean()) * 0.22 * chin
    angles = np.arange(n_directions) * 180.0 / n_directions
    oriented = np.stack(
        [_furrows(rng, a, 3.0 / scale, 0.3) + 0.6 * _furrows(rng, a + 8, 1.8 / scale, 0.3) for a in angles]
    )
    oriented *= 0.13 * (1.0 - lips) * patchy(12)
    # `_furrows(angle)` runs along the angle; what compresses it lies across.
    across = np.radians(angles + 90.0)
    layers["lip_lines a"] = features.lip_lines(rng, uv68, lips, e, u, v)
    for name, thick, length in (("a", 0.032, 1.0), ("b", 0.021, 0.8), ("c", 0.040, 1.15)):
        layers[f"brow_hairs {name}"] = features.brow_hairs(rng, uv68, e, scale, thick, length)
    for name in "abc":
        layers[f"moles {name}"] = features.moles(rng, skin * (1.0 - lids), scale, 9)
    for name in "abcd":
        layers[f"scars {name}"] = features.scars(rng, skin * (1.0 - lids), scale, 3)
    layers["nose_wings a"] = features.nose_wings(uv68, e, u, v)
    layers["philtrum a"] = features.philtrum(uv68, e, u, v)
    for name, side in (("left", 1), ("right", -1)):
        layers[f"eye_bag {name}"] = features.eye_bag(uv68, e, u, v, side)
        layers[f"tear_trough {name}"] = features.tear_trough(uv68, e, u, v, side)
    layers |= {f"{k}'": image[:, ::-1] for k, image in layers.items() if k.split()[0] in MIRRORED}
    names = tuple(sorted(layers))
    # Mirrored, a furrow along an angle runs along its supplement: the k-th direction takes the (-k)-th's mirror image.
    other = oriented[-np.arange(n_directions) % n_directions][:, :, ::-1]
    return Textures(
        names,
        np.stack([shrink(layers[name], resolution) for name in names]),
        np.stack([[shrink(layer, resolution) for layer in group] for group in (oriented, other)]),
        np.stack([np.cos(across), np.sin(across)], 1).astype(np.float32),
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
