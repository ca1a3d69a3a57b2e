"""The colours that make a face of a head: brows, lips, redder and darker places, painted over the skin's base tone.

Made from the landmarks with numpy alone (Blender's process calls it), deterministic, for any face model with the 68
landmarks in its detail layer. The head has no hair geometry, so the brows are painted hair by hair. What is soft is
painted on a small canvas and enlarged; what is fine is painted at full size, in its own corner of the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .brow_hairs import brow_hairs
from .landmark_uv import landmark_uv
from .model import FaceModel

Colour = tuple[float, float, float]
_SOFT, _FADE = 512, 128
"""Texels a side of the canvas for what is soft; and of the fade at the border."""


@dataclass(frozen=True)
class Tone:
    """A skin's colours, all sRGB."""

    base: Colour
    """What the whole head has."""
    deep: Colour
    """Of the base's blotches."""
    flush: Colour
    """Where blood shows: cheeks, nose, lids."""
    shade: Colour
    """Thin skin under the eyes and in the lids' fold."""
    lip: Colour
    lip_line: Colour
    freckle: Colour
    brow: Colour


# From light to dark, after the order of Fitzpatrick's six types: more melanin is darker and less blue, and hides blood.
TONES: dict[str, Tone] = {
    "porcelain": Tone(
        (0.84, 0.69, 0.62), (0.78, 0.58, 0.52), (0.83, 0.43, 0.39), (0.58, 0.42, 0.43), (0.74, 0.43, 0.41),
        (0.48, 0.20, 0.20), (0.66, 0.45, 0.33), (0.40, 0.28, 0.18),
    ),
    "fair": Tone(
        (0.75, 0.58, 0.50), (0.66, 0.47, 0.39), (0.74, 0.36, 0.29), (0.47, 0.31, 0.30), (0.67, 0.38, 0.345),
        (0.42, 0.17, 0.16), (0.50, 0.31, 0.21), (0.21, 0.145, 0.105),
    ),
    "medium": Tone(
        (0.69, 0.51, 0.40), (0.60, 0.41, 0.31), (0.66, 0.33, 0.25), (0.42, 0.27, 0.24), (0.61, 0.35, 0.30),
        (0.37, 0.15, 0.13), (0.44, 0.27, 0.18), (0.15, 0.10, 0.075),
    ),
    "olive": Tone(
        (0.61, 0.46, 0.34), (0.53, 0.37, 0.26), (0.58, 0.31, 0.22), (0.36, 0.25, 0.20), (0.55, 0.32, 0.27),
        (0.31, 0.13, 0.11), (0.37, 0.23, 0.15), (0.10, 0.07, 0.055),
    ),
    "brown": Tone(
        (0.46, 0.31, 0.22), (0.38, 0.24, 0.165), (0.45, 0.22, 0.155), (0.25, 0.155, 0.12), (0.44, 0.25, 0.215),
        (0.22, 0.09, 0.075), (0.26, 0.155, 0.10), (0.065, 0.045, 0.035),
    ),
    "deep": Tone(
        (0.31, 0.205, 0.15), (0.25, 0.155, 0.11), (0.31, 0.145, 0.105), (0.165, 0.10, 0.08), (0.34, 0.185, 0.165),
        (0.155, 0.06, 0.055), (0.17, 0.10, 0.07), (0.04, 0.03, 0.025),
    ),
}  # fmt: skip
DEFAULT_TONE = "fair"


@dataclass(frozen=True)
class Look:
    """What is painted besides the tone's colours; each 0 for none, 1 for as strong as it is common."""

    flush: float = 1.0
    brows: float = 1.0
    freckles: float = 0.3
    stubble: float = 0.0


def skin_paint(
    model: FaceModel, resolution: int = 1024, seed: int = 0, tone: Tone = TONES[DEFAULT_TONE], look: Look = Look()
) -> np.ndarray:
    """(R, R, 4) float32: sRGB and straight alpha of the paint, row 0 at the top of the detail UV; 0 outside.

    The alpha falls to 0 at the layer's outer border, where the head's base tone goes on, and stays at eyes, lips and
    nostrils, whose rims take the paint's colours. Raises DnpmError when the model lacks landmarks.
    """
    uv = landmark_uv(model)
    e = float(np.linalg.norm(uv[45] - uv[36]))
    canvas = _enlarged(_soft(uv, e, tone, look, seed), resolution)
    _freckles(canvas, uv, e, tone, look, seed)
    _stubble(canvas, uv, e, tone, look, seed)
    _lips(canvas, uv, e, tone, seed)
    region, hairs = brow_hairs(uv, e, resolution, seed)
    _over(canvas, region, tone.brow, np.clip(look.brows * hairs, 0, 0.92))
    colour = canvas[..., :3] / np.maximum(canvas[..., 3:], 1e-6)
    alpha = canvas[..., 3:] * _enlarged(outer_fade(model.detail_mask)[..., None], resolution)
    return np.clip(np.concatenate([colour, alpha], -1), 0, 1)


def outer_fade(mask: np.ndarray) -> np.ndarray:
    """(M, M) detail mask -> (S, S): 0 at the layer's outer border, smoothly 1 over 5 % of the side; holes filled."""
    small = _enlarged(mask[..., None], _FADE)[..., 0] > 0
    # Between the first and the last texel of both its row and its column: that is how a hole is told from the outside.
    before = [np.maximum.accumulate(small, axis) for axis in (0, 1)]
    after = [np.maximum.accumulate(small[::-1, ::-1], axis)[::-1, ::-1] for axis in (0, 1)]
    inside = before[0] & after[0] & before[1] & after[1]
    whole = np.pad(inside, 1)
    steps = max(1, round(0.05 * _FADE))
    depth = np.zeros(whole.shape, np.float32)
    for step in range(steps):
        depth += whole
        # Squares and diamonds by turns come near to circles.
        cross = whole[1:-1, :-2] & whole[1:-1, 2:] & whole[:-2, 1:-1] & whole[2:, 1:-1] & whole[1:-1, 1:-1]
        if step % 2:
            cross = cross & whole[:-2, :-2] & whole[:-2, 2:] & whole[2:, :-2] & whole[2:, 2:]
        whole = np.pad(cross, 1)
    t = np.maximum(depth[1:-1, 1:-1] - 1, 0) / max(1, steps - 1)
    return t * t * (3 - 2 * t)


def _soft(uv: np.ndarray, e: float, tone: Tone, look: Look, seed: int) -> np.ndarray:
    """The soft layers, premultiplied, on a small canvas."""
    canvas = np.zeros((_SOFT, _SOFT, 4), np.float32)
    everywhere = (slice(None), slice(None))
    u, v = _grid(everywhere, _SOFT)

    def blob(point: np.ndarray, half_u: float, half_v: float) -> np.ndarray:
        return np.exp(-0.5 * (((u - point[0]) / (half_u * e)) ** 2 + ((v - point[1]) / (half_v * e)) ** 2))

    def both(point: np.ndarray, half_u: float, half_v: float) -> np.ndarray:
        return blob(point, half_u, half_v) + blob(np.array([1 - point[0], point[1]]), half_u, half_v)

    at = lambda x, y: e * np.array([x, y])  # noqa: E731
    cheek = 0.4 * uv[45] + 0.25 * uv[35] + 0.35 * uv[54] + at(0.08, 0.02)
    flush = 0.34 * both(cheek, 0.17, 0.15) + 0.42 * blob(uv[30], 0.1, 0.09) + 0.3 * both(uv[35], 0.045, 0.06)
    flush += 0.16 * blob(np.array([0.5, 0.4 * uv[57, 1] + 0.6 * uv[8, 1]]), 0.14, 0.08)
    flush += 0.28 * both(uv[42:48].mean(0), 0.2, 0.085) + 0.16 * both(uv[42], 0.035, 0.03)
    flush += 0.07 * blob(np.array([0.5, uv[21:23, 1].mean() + 0.35 * e]), 0.5, 0.2)
    # Skin is nowhere of one colour: blood comes and goes by millimetres, and a little everywhere.
    spots, patches = _noise(_SOFT, (0.005, 0.009), seed), _noise(_SOFT, (0.02, 0.05), seed + 3)
    uneven = np.clip(1 + 0.28 * spots + 0.22 * patches, 0, 2)
    _over(canvas, everywhere, tone.flush, look.flush * uneven * (0.62 * np.clip(flush, 0, 0.5) + 0.02))
    # Darker here, lighter there, and the same on average as the head that goes on beyond the layer.
    change = 0.07 * _noise(_SOFT, (0.004, 0.012), seed + 4)
    _over(canvas, everywhere, tone.deep, np.clip(change, 0, 0.25))
    r, g, b = (2 * light - dark for light, dark in zip(tone.base, tone.deep, strict=True))
    _over(canvas, everywhere, (r, g, b), np.clip(-change, 0, 0.25))
    shade = 0.36 * both(uv[[42, 47, 46]].mean(0) + at(-0.01, -0.07), 0.13, 0.035)
    shade += 0.3 * both(uv[[43, 44]].mean(0) + at(0.0, 0.035), 0.14, 0.025)
    shade += 0.2 * both(0.5 * (uv[27] + uv[42]) + at(0.01, 0.01), 0.03, 0.06)
    _over(canvas, everywhere, tone.shade, 0.7 * np.clip(shade, 0, 0.45))
    return canvas


def _stubble(canvas: np.ndarray, uv: np.ndarray, e: float, tone: Tone, look: Look, seed: int) -> None:
    """A shaved beard: a cool shadow on jaw, chin and upper lip, and a dot for every hair's end."""
    if look.stubble <= 0:
        return
    size = len(canvas)
    region = _box(uv[[2, 8, 14, 33]], 0.3 * e, size)
    u, v = _grid(region, size)
    side = np.abs(u - 0.5)
    # Above it ends under the nose, round the corner of the mouth and across the cheek to the ear; below at the jaw.
    (_, nose), (corner, mouth), (ear, lobe) = uv[[33, 54, 14]] - np.array([0.5, 0])
    upper = np.interp(side, [0.6 * corner, 1.15 * corner, ear - 0.05 * e, ear + 0.1 * e],
                      [nose - 0.01 * e, mouth + 0.14 * e, lobe - 0.05 * e, lobe + 0.4 * e])  # fmt: skip
    jaw = uv[8:15] - np.array([0.5, 0])
    lower = np.interp(side, jaw[:, 0], jaw[:, 1]) - 0.12 * e
    ramp = [
        np.clip(x, 0, 1)
        for x in ((upper - v) / (0.13 * e), (v - lower) / (0.2 * e), (ear + 0.2 * e - side) / (0.2 * e))
    ]
    beard = np.prod([t * t * (3 - 2 * t) for t in ramp], 0)
    # No hair grows on the red of the lips.
    bare = _blurred(_inside(uv[48:60], u, v), 0.02 * e * size)
    beard = (beard * (1 - np.clip(2 * bare, 0, 1))).astype(np.float32)
    r, g, b = (0.7 * c + 0.3 * cool for c, cool in zip(tone.shade, (0.25, 0.3, 0.33), strict=True))
    _over(canvas, region, (r, g, b), look.stubble * 0.3 * beard)
    hairs = np.random.default_rng([seed, 41]).random(u.shape) < 0.07 * min(1.0, 1024 / size)
    _over(canvas, region, tone.brow, (look.stubble * 0.3 * beard * hairs).astype(np.float32))


def _freckles(canvas: np.ndarray, uv: np.ndarray, e: float, tone: Tone, look: Look, seed: int) -> None:
    """Small uneven spots over nose and cheeks, few of them dark."""
    rng = np.random.default_rng([seed, 31])
    count = int(420 * look.freckles)
    if not count:
        return
    middle = np.array([0.5, 0.5 * (uv[29, 1] + uv[30, 1])])
    places = middle + rng.normal(0, 1, (count, 2)) * [0.42 * e, 0.17 * e]
    radii = e * rng.gamma(5.0, 0.0011, count)
    strength = 0.24 * rng.random(count) ** 1.6
    size = len(canvas)
    for place, radius, dark in zip(places, radii, strength, strict=True):
        region = _box(place[None], 3 * radius, size)
        u, v = _grid(region, size)
        spot = dark * np.exp(-0.5 * ((u - place[0]) ** 2 + (v - place[1]) ** 2) / radius**2)
        _over(canvas, region, tone.freckle, spot.astype(np.float32))


def _lips(canvas: np.ndarray, uv: np.ndarray, e: float, tone: Tone, seed: int) -> None:
    """The red with a soft border, a little uneven along the lips' lines, and the dark line where they meet."""
    size = len(canvas)
    region = _box(uv[48:60], 0.09 * e, size)
    u, v = _grid(region, size)
    red = _blurred(_inside(uv[48:60], u, v), 0.010 * e * size)
    uneven = 1 + 0.06 * _noise(u.shape, (0.02, 0.05, 0.1), seed + 1)
    _over(canvas, region, tone.lip, np.clip(0.78 * red * uneven, 0, 0.95))
    # The border of the lower lip is a shade darker than its middle, as where the lip rolls out.
    rim = np.clip(4 * red * (1 - red), 0, 1) ** 1.5
    _over(canvas, region, tone.lip_line, 0.14 * rim)
    opening = _blurred(_inside(uv[60:68], u, v), 0.020 * e * size)
    _over(canvas, region, tone.lip_line, np.clip(1.25 * opening, 0, 0.8) * (red > 0.05))


def _over(canvas: np.ndarray, region: tuple[slice, slice], colour: Colour, alpha: np.ndarray) -> None:
    """Porter and Duff's "over" on a part of a premultiplied canvas, in place."""
    part = canvas[region]
    part *= (1 - alpha)[..., None]
    part[..., :3] += alpha[..., None] * np.array(colour, np.float32)
    part[..., 3] += alpha


def _box(points: np.ndarray, around: float, size: int) -> tuple[slice, slice]:
    """Rows and columns of a map that hold the points and a margin."""
    low, high = points.min(0) - around, points.max(0) + around
    first = lambda x: int(np.clip(np.floor(x * size), 0, size - 2))  # noqa: E731
    last = lambda x: int(np.clip(np.ceil(x * size), 2, size))  # noqa: E731
    return slice(first(1 - high[1]), last(1 - low[1])), slice(first(low[0]), last(high[0]))


def _grid(region: tuple[slice, slice], size: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v of the texels' centres of a part of a map."""
    centre = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = np.meshgrid(centre[region[1]], (1 - centre)[region[0]])
    return u, v


def _inside(polygon: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """1 within a smooth closed curve through the points (even-odd rule), else 0."""
    points = _closed_curve(polygon)
    crossing = np.zeros(u.shape, bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, 0), strict=True):
        if ay != by:
            crossing ^= ((ay > v) != (by > v)) & (u < (bx - ax) * (v - ay) / (by - ay) + ax)
    return crossing.astype(np.float32)


def _closed_curve(points: np.ndarray, steps: int = 4) -> np.ndarray:
    """Catmull-Rom through a closed polygon."""
    p0, p1, p2, p3 = (np.roll(points, k, 0) for k in (1, 0, -1, -2))
    t = (np.arange(steps) / steps)[:, None, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )  # fmt: skip
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur by FFT, the border repeated so that nothing comes round."""
    pad = int(3 * sigma) + 1
    padded = np.pad(image, pad, mode="edge")
    fy, fx = np.fft.fftfreq(padded.shape[0])[:, None], np.fft.rfftfreq(padded.shape[1])[None]
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * gain, padded.shape)[pad:-pad, pad:-pad]
    return np.clip(blurred, 0, 1).astype(np.float32)


def _noise(shape: int | tuple[int, ...], sizes: tuple[float, ...], seed: int) -> np.ndarray:
    """Uneven as skin is: mean 0, deviation 1, made of spots of several sizes (fractions of the map's height)."""
    height, width = (shape, shape) if isinstance(shape, int) else shape
    total = np.zeros((height, width), np.float32)
    for k, size in enumerate(sizes):
        rng = np.random.default_rng([seed, 23, k])
        white = rng.standard_normal((height, width)).astype(np.float32)
        fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
        gain = np.exp(-2 * (np.pi * size * height) ** 2 * (fx**2 + fy**2))
        smooth = np.fft.irfft2(np.fft.rfft2(white) * gain, (height, width))
        total += (smooth / max(float(smooth.std()), 1e-6)).astype(np.float32)
    return total / np.float32(np.sqrt(len(sizes)))


def _enlarged(image: np.ndarray, shape: int | tuple[int, ...]) -> np.ndarray:
    """(h, w, C) -> (H, W, C) bilinear, texel centres aligned."""
    rows, columns = (shape, shape) if isinstance(shape, int) else shape
    for axis, wanted in ((0, rows), (1, columns)):
        n = image.shape[axis]
        if n == wanted:
            continue
        x = np.clip((np.arange(wanted) + 0.5) * n / wanted - 0.5, 0, n - 1)
        i = np.minimum(x.astype(int), max(n - 2, 0))
        f = (x - i).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        image = np.take(image, i, axis) * (1 - f) + np.take(image, np.minimum(i + 1, n - 1), axis) * f
    return image
