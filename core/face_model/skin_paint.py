"""The colours that make a face of a head: brows, lips, redder and darker places, painted over the skin's base tone.

Made from the landmarks with numpy alone (Blender's process calls it), deterministic, for any face model with the 68
landmarks in its detail layer. The head has no hair geometry, so the brows are painted hair by hair.
"""

from __future__ import annotations

import numpy as np

from .landmark_uv import landmark_uv
from .model import FaceModel

BROW = (0.21, 0.145, 0.105)
LIP = (0.67, 0.38, 0.345)
LIP_LINE = (0.42, 0.17, 0.16)
FLUSH = (0.74, 0.36, 0.29)
SHADE = (0.47, 0.31, 0.30)
"""sRGB."""
_HAIRS, _STEPS = 460, 26


def skin_paint(model: FaceModel, resolution: int = 1024, seed: int = 0) -> np.ndarray:
    """(R, R, 4) float32: sRGB and straight alpha of the paint, row 0 at the top of the detail UV; 0 outside.

    Raises DnpmError when the model lacks landmarks.
    """
    uv = landmark_uv(model)
    e = float(np.linalg.norm(uv[45] - uv[36]))
    c = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(c.astype(np.float32), (1.0 - c).astype(np.float32))
    canvas = np.zeros((resolution, resolution, 4), np.float32)

    def blob(point: np.ndarray, half_u: float, half_v: float) -> np.ndarray:
        return np.exp(-0.5 * (((u - point[0]) / (half_u * e)) ** 2 + ((v - point[1]) / (half_v * e)) ** 2))

    both = lambda point, a, b: blob(point, a, b) + blob(np.array([1 - point[0], point[1]]), a, b)  # noqa: E731
    cheek = 0.4 * uv[45] + 0.25 * uv[35] + 0.35 * uv[54] + e * np.array([0.08, 0.02])
    flush = 0.34 * both(cheek, 0.17, 0.15) + 0.42 * blob(uv[30], 0.1, 0.09) + 0.22 * both(uv[35], 0.05, 0.06)
    flush += 0.16 * blob(np.array([0.5, 0.4 * uv[57, 1] + 0.6 * uv[8, 1]]), 0.14, 0.08)
    flush += 0.28 * both(uv[42:48].mean(0), 0.2, 0.085)
    _over(canvas, FLUSH, 0.62 * np.clip(flush, 0, 0.5) * _mottle(resolution, seed, 0.35))
    shade = 0.36 * both(uv[[42, 47, 46]].mean(0) + e * np.array([-0.01, -0.07]), 0.13, 0.035)
    shade += 0.3 * both(uv[[43, 44]].mean(0) + e * np.array([0.0, 0.035]), 0.14, 0.025)
    _over(canvas, SHADE, 0.7 * np.clip(shade, 0, 0.45))
    lips = _blur(_inside(uv[48:60], u, v).astype(np.float32), 0.011 * e * resolution)
    _over(canvas, LIP, 0.78 * lips * _mottle(resolution, seed + 1, 0.18))
    opening = _blur(_inside(uv[60:68], u, v).astype(np.float32), 0.022 * e * resolution)
    _over(canvas, LIP_LINE, np.clip(1.25 * opening, 0, 0.8) * (lips > 0.05))
    _over(canvas, BROW, _brows(uv, e, resolution, seed))
    canvas[..., 3] *= _resized(model.detail_mask, resolution) ** 0.5
    return canvas


def _over(canvas: np.ndarray, colour: tuple[float, float, float], alpha: np.ndarray) -> None:
    """Porter and Duff's "over" with straight alpha, in place."""
    below = canvas[..., 3] * (1 - alpha)
    total = alpha + below
    safe = np.maximum(total, 1e-6)
    mixed = np.array(colour, np.float32) * alpha[..., None] + canvas[..., :3] * below[..., None]
    canvas[..., :3] = mixed / safe[..., None]
    canvas[..., 3] = total


def _inside(polygon: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Even-odd rule on a smooth closed curve through the points."""
    points = _closed_curve(polygon)
    inside = np.zeros(u.shape, bool)
    low, high = points.min(0), points.max(0)
    near = (u > low[0]) & (u < high[0]) & (v > low[1]) & (v < high[1])
    x, y = u[near], v[near]
    crossing = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, 0), strict=True):
        if ay != by:
            crossing ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    inside[near] = crossing
    return inside


def _closed_curve(points: np.ndarray, steps: int = 4) -> np.ndarray:
    """Catmull-Rom through a closed polygon."""
    p0, p1, p2, p3 = (np.roll(points, k, 0) for k in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[:, None, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )  # fmt: skip
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def _brows(uv: np.ndarray, e: float, resolution: int, seed: int) -> np.ndarray:
    """(R, R) alpha: hairs that stand up at the nose and lie down towards the temple, thinner outwards."""
    alpha = np.zeros((resolution, resolution), np.float32)
    for order, side in (((22, 23, 24, 25, 26), 1.0), ((21, 20, 19, 18, 17), -1.0)):
        rng = np.random.default_rng([seed, 17, int(side > 0)])
        path = uv[list(order)] - np.array([0.0, 0.035 * e])
        # The landmarks lie on the ridge; the brow begins a little towards the nose and ends past the last of them.
        t = rng.random(_HAIRS) ** 0.85
        k = np.minimum((t * 4).astype(int), 3)
        f = (t * 4 - k)[:, None]
        root = path[k] * (1 - f) + path[k + 1] * f
        thickness = np.interp(t, [0, 0.12, 0.55, 1.0], [0.034, 0.046, 0.040, 0.012]) * e
        across = np.clip(rng.normal(0, 0.5, _HAIRS), -1, 1)
        root[:, 1] += thickness * across
        angle = np.interp(t, [0, 0.2, 0.55, 1], [70, 42, 14, -24]) - 16 * across + rng.normal(0, 6, _HAIRS)
        length = rng.uniform(0.055, 0.095, _HAIRS) * e * np.interp(t, [0, 0.3, 1], [0.75, 1.0, 0.8])
        along = np.linspace(0, 1, _STEPS)
        bend = np.radians(angle)[:, None] - 0.45 * along
        x = root[:, :1] + side * np.cumsum(np.cos(bend), 1) * length[:, None] / _STEPS
        y = root[:, 1:] + np.cumsum(np.sin(bend), 1) * length[:, None] / _STEPS
        column = np.clip(x * resolution, 0, resolution - 1).astype(int)
        row = np.clip((1 - y) * resolution, 0, resolution - 1).astype(int)
        strength = rng.uniform(0.5, 0.95, _HAIRS)[:, None] * np.minimum(1.0, 2.2 * (1.05 - along))
        np.maximum.at(alpha, (row, column), strength.astype(np.float32))
    hairs = np.clip(1.5 * _blur(alpha, 0.0009 * resolution), 0, 1)
    return np.clip(0.7 * hairs + 0.28 * _blur(alpha, 0.006 * resolution), 0, 0.85)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur by FFT."""
    fy = np.fft.fftfreq(image.shape[0])[:, None]
    fx = np.fft.rfftfreq(image.shape[1])[None]
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    return np.fft.irfft2(np.fft.rfft2(image) * gain, image.shape).astype(np.float32).clip(0)


def _mottle(resolution: int, seed: int, depth: float) -> np.ndarray:
    """Uneven as skin is: 1 on average, `depth` up and down, at a few sizes."""
    rng = np.random.default_rng([seed, 23])
    total = np.zeros((resolution, resolution), np.float32)
    for size in (0.004, 0.012, 0.03):
        noise = rng.standard_normal((resolution, resolution)).astype(np.float32)
        smooth = np.fft.irfft2(np.fft.rfft2(noise) * _gain(resolution, size), (resolution, resolution))
        total += (smooth / smooth.std()).astype(np.float32)
    return np.clip(1.0 + depth * total / 1.7, 0, 2)


def _gain(resolution: int, size: float) -> np.ndarray:
    fy, fx = np.fft.fftfreq(resolution)[:, None], np.fft.rfftfreq(resolution)[None]
    return np.exp(-2 * (np.pi * size * resolution) ** 2 * (fx**2 + fy**2))


def _resized(mask: np.ndarray, resolution: int) -> np.ndarray:
    n = len(mask)
    x = np.clip((np.arange(resolution) + 0.5) * n / resolution - 0.5, 0, n - 1)
    i = np.minimum(x.astype(int), n - 2)
    f = (x - i).astype(np.float32)
    rows = mask[i] * (1 - f)[:, None] + mask[i + 1] * f[:, None]
    return rows[:, i] * (1 - f) + rows[:, i + 1] * f
