"""Eyebrows as painted hairs, with numpy alone.

A brow's hairs stand up at the nose, lean outwards along its body and lie down at its tail; in the outer half those of
the upper row point down and those of the lower row up, so that they meet along a spine. Each hair is a thin curved
stroke, drawn with antialiasing, so that skin shows between hairs.
"""

from __future__ import annotations

import numpy as np

_HAIRS, _DOWN, _STEPS = 430, 420, 56
"""A brow's strong hairs, its faint short ones, points of a stroke."""
# Along the brow from the nose (0) to the tail (1):
_ALONG = (0.0, 0.1, 0.3, 0.55, 0.8, 1.0)
_DENSITY = (0.25, 0.75, 1.0, 1.0, 0.8, 0.35)
_HALF_WIDTH = (0.034, 0.046, 0.050, 0.046, 0.031, 0.013)
"""In distances between the outer eye corners, as all lengths here."""
_LEAN = (84.0, 68.0, 46.0, 22.0, -6.0, -26.0)
"""Degrees above the direction towards the temple."""
_CONVERGE = (6.0, 14.0, 26.0, 34.0, 26.0, 10.0)
"""How far the upper row leans down and the lower row up."""
_WIDER = 0.55
"""How much of its width a brow gains or loses by 1 of the slider."""
_ARCH = 0.022
"""How far the brow's highest place moves up, and its ends half as far down, by 1 of the slider."""
_ARCH_ALONG = ((0.0, 0.3, 0.62, 0.82, 1.0), (-0.5, 0.25, 1.0, 0.45, -0.6))
_FIRST_HAIR = 0.09
"""Along the ridge from its first landmark (0) to its last (1): between the brows of real faces lie some six tenths of
the distance between the inner eye corners; between these landmarks, three tenths."""

_LAST_HAIR, _TAIL = 1.01, ((0.0, 0.7, 1.0), (1.0, 1.0, 0.5))
"""Where it ends, and how strong its hairs are there: farther out they made a long thin whip on the temple."""


def brow_hairs(
    uv68: np.ndarray, e: float, resolution: int, seed: int, width: float = 1.0, arch: float = 1.0
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Landmarks (68, 2) and the eyes' outer distance e in the detail UV -> rows and columns, and alpha of that part.

    width, arch: 0 to 2; the brow's, 1 is the usual one. As wide a brow is, as many hairs it has. Deterministic; both
    brows have hairs of their own, so that they are not mirror images.
    """
    brows = uv68[17:27]
    low, high = brows.min(0) - 0.2 * e, brows.max(0) + 0.2 * e
    # A foreign model's brows may reach beyond the map.
    texel = lambda place: int(np.clip(place * resolution, 0, resolution))  # noqa: E731
    rows = slice(texel(1 - high[1]), texel(1 - low[1]))
    columns = slice(texel(low[0]), texel(high[0]))
    wide = 1 + _WIDER * (width - 1)
    ink = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for order, side in (((22, 23, 24, 25, 26), 1.0), ((21, 20, 19, 18, 17), -1.0)):
        rng = np.random.default_rng([seed, 17, int(side > 0)])
        # The landmarks lie on the ridge's upper edge.
        path = _curve(uv68[list(order)] - np.array([0.0, 0.04 * e]))
        path[:, 1] += (arch - 1) * _ARCH * e * np.interp(np.linspace(0, 1, len(path)), *_ARCH_ALONG)
        for count, length, strength in ((_HAIRS, (0.05, 0.085), (0.45, 1.0)), (_DOWN, (0.02, 0.04), (0.15, 0.4))):
            points, weight = _strokes(rng, path, side, e, round(wide * count), length, strength, wide)
            _draw(ink, points, weight, resolution, rows.start, columns.start)
    # A hair is a tenth of a millimetre wide, less than a texel: its ink, a length, is what it covers of a texel's area.
    density = ink * (0.55 * (resolution / 1024) ** 2)
    return (rows, columns), 1 - np.exp(-density)


def _curve(points: np.ndarray, steps: int = 64) -> np.ndarray:
    """A smooth open curve through the points: a cubic that fits them best. It begins where hairs do, farther from the
    middle than the ridge's first landmark, and ends before the last one."""
    t = np.linspace(0, 1, len(points))
    wanted = np.linspace(_FIRST_HAIR, _LAST_HAIR, steps)
    return np.stack([np.polyval(np.polyfit(t, points[:, k], 3), wanted) for k in (0, 1)], 1)


def _strokes(
    rng: np.random.Generator,
    path: np.ndarray,
    side: float,
    e: float,
    count: int,
    length: tuple[float, float],
    strength: tuple[float, float],
    wide: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, steps, 2) in UV, and ink (count, steps)."""
    # More are drawn than kept, so that the density along the brow is as wanted.
    t = rng.random(4 * count)
    t = t[rng.random(4 * count) < np.interp(t, _ALONG, _DENSITY)][:count]
    count = len(t)
    place = t * (len(path) - 1)
    k = np.minimum(place.astype(int), len(path) - 2)
    f = (place - k)[:, None]
    root = path[k] * (1 - f) + path[k + 1] * f
    tangent = path[k + 1] - path[k]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * side
    # Fullest in the middle, thinning out towards both edges, the lower of which is the cleaner one.
    across = rng.beta(2.0, 2.0, count) * 2 - 1
    across = np.where(across < 0, 0.85 * across, across)
    root = root + normal * (across * np.interp(t, _ALONG, _HALF_WIDTH) * wide * e)[:, None]
    lean = np.interp(t, _ALONG, _LEAN) - across * np.interp(t, _ALONG, _CONVERGE) + rng.normal(0, 9, count)
    reach = rng.uniform(*length, count) * e * np.interp(t, [0, 0.25, 0.8, 1], [0.7, 1.0, 0.95, 0.65])
    along = np.linspace(0, 1, _STEPS)
    # A hair bends over towards the temple.
    angle = np.radians(lean)[:, None] - (0.5 + 0.2 * rng.normal(size=(count, 1))) * along
    step = reach[:, None] / _STEPS
    x = root[:, :1] + side * np.cumsum(np.cos(angle), 1) * step
    y = root[:, 1:] + np.cumsum(np.sin(angle), 1) * step
    fade = np.minimum(1.0, 3.0 * (1.03 - along)) * np.minimum(1.0, 0.5 + 4 * along)
    ink = (rng.uniform(*strength, count) * np.interp(t, *_TAIL))[:, None] * fade * (step / _texel(1.0))
    return np.stack([x, y], -1), ink


def _texel(side: float) -> float:
    """The side of a texel of a 1024 map, in UV: ink is counted in those."""
    return side / 1024


def _draw(ink: np.ndarray, points: np.ndarray, weight: np.ndarray, resolution: int, row: int, column: int) -> None:
    """Add points' ink to the four texels around each (bilinear: antialiased), in place."""
    x = points[..., 0].ravel() * resolution - 0.5 - column
    y = (1 - points[..., 1].ravel()) * resolution - 0.5 - row
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - i, x - j
    height, width = ink.shape
    for di, dj, share in ((0, 0, (1 - fy) * (1 - fx)), (0, 1, (1 - fy) * fx), (1, 0, fy * (1 - fx)), (1, 1, fy * fx)):
        inside = (i + di >= 0) & (i + di < height) & (j + dj >= 0) & (j + dj < width)
        flat = ((i + di) * width + j + dj)[inside]
        ink += np.bincount(flat, (weight.ravel() * share)[inside], height * width).reshape(height, width)
