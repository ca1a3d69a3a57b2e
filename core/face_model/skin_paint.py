"""The colours that make a face of a head: brows, lips, redder and darker places, painted over the skin's base tone.

Made from the landmarks with numpy alone (Blender's process calls it), deterministic, for any face model with the 68
landmarks in its detail layer. The head has no hair geometry, so the brows are painted hair by hair. What is soft is
painted on a small canvas and enlarged; what is fine is painted at full size, in its own corner of the map.
"""

from __future__ import annotations

import hashlib

import numpy as np

from .brow_hairs import brow_hairs
from .landmark_uv import landmark_uv
from .looks import DEFAULT_LOOK, TONES, Colour, Look, Tone
from .model import FaceModel

_SOFT, _FADE = 512, 128
"""Texels a side of the canvas for what is soft; and of the fade at the border."""


def skin_paint(model: FaceModel, look: Look = DEFAULT_LOOK, resolution: int = 1024, seed: int = 0) -> np.ndarray:
    """(R, R, 4) float32: sRGB and straight alpha of the paint, row 0 at the top of the detail UV; 0 outside.

    The alpha falls to 0 at the layer's outer border, where the head's base tone goes on, and stays at eyes, lips and
    nostrils, whose rims take the paint's colours. Raises DnpmError when the model lacks landmarks.
    """
    uv, tone = landmark_uv(model), TONES[look.tone]
    e = float(np.linalg.norm(uv[45] - uv[36]))
    canvas = _enlarged(_soft(uv, e, tone, look, seed), resolution)
    _freckles(canvas, uv, e, tone, look, seed)
    _stubble(canvas, uv, e, tone, look, seed)
    _lips(canvas, uv, e, tone, seed)
    region, hairs = brow_hairs(uv, e, resolution, seed, look.brow_width, look.brow_arch)
    _over(canvas, region, look.brow_srgb, np.clip(look.brows * hairs, 0, 0.92))
    colour = canvas[..., :3] / np.maximum(canvas[..., 3:], 1e-6)
    alpha = canvas[..., 3:] * _enlarged(outer_fade(model.detail_mask)[..., None], resolution)
    return np.clip(np.concatenate([colour, alpha], -1), 0, 1)


def paint_key(model: FaceModel, look: Look) -> str:
    """Names what `skin_paint` makes of this model and look: equal keys, equal paints."""
    digest = hashlib.blake2b(digest_size=12)
    for array in (model.detail_uv, model.faces_detail_uv, model.landmarks68, model.detail_mask):
        digest.update(np.ascontiguousarray(array).tobytes())
    brows = (look.brows, look.brow_width, look.brow_arch)
    digest.update(repr((look.tone, look.flush, *brows, look.freckles, look.stubble, look.hair_srgb)).encode())
    return digest.hexdigest()


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
    tip = np.array([0.5, uv[30, 1]])
    flush = 0.3 * both(cheek, 0.2, 0.17) + 0.32 * blob(tip, 0.11, 0.1) + 0.22 * both(uv[35], 0.05, 0.06)
    flush += 0.16 * blob(np.array([0.5, 0.4 * uv[57, 1] + 0.6 * uv[8, 1]]), 0.14, 0.08)
    flush += 0.2 * both(uv[42:48].mean(0), 0.2, 0.085) + 0.14 * both(uv[42], 0.035, 0.03)
    flush += 0.07 * blob(np.array([0.5, uv[21:23, 1].mean() + 0.35 * e]), 0.5, 0.2)
    # Skin is nowhere of one colour: blood comes and goes by millimetres, and a little everywhere. Larger patches would
    # look like a rash, and move the nose's red off its tip.
    uneven = np.clip(1 + 0.16 * _noise(_SOFT, (0.003, 0.006), seed) + 0.06 * _noise(_SOFT, (0.03,), seed + 3), 0, 2)
    # Saturates softly where the places overlap, without an edge.
    blood = 0.5 * np.tanh(flush / 0.5)
    _over(canvas, everywhere, tone.flush, np.clip(look.flush * uneven * (0.62 * blood + 0.02), 0, 0.9))
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
    region = _box(uv[[2, 8, 14, 33]], 0.5 * e, size)
    u, v = _grid(region, size)
    side = np.abs(u - 0.5)
    # Above it ends under the nose, round the corner of the mouth and across the cheek to the ear; below at the jaw.
    (_, nose), (corner, mouth), (ear, lobe) = uv[[33, 54, 14]] - np.array([0.5, 0])
    upper = np.interp(side, [0.6 * corner, 1.15 * corner, ear - 0.05 * e, ear + 0.1 * e],
                      [nose - 0.01 * e, mouth + 0.14 * e, lobe - 0.05 * e, lobe + 0.4 * e])  # fmt: skip
    top = lobe + 0.38 * e
    jaw = uv[8:15] - np.array([0.5, 0])
    # At the ears the jaw's edge lies deep below the landmarks.
    lower = np.interp(side, jaw[:, 0], jaw[:, 1]) - (0.12 + 0.3 * np.clip(side / ear, 0, 1) ** 2) * e
    ramp = [
        np.clip(inwards / (soft * e), 0, 1)
        for inwards, soft in ((top - v, 0.25), (upper - v, 0.13), (v - lower, 0.2), (ear + 0.2 * e - side, 0.2))
    ]
    beard = np.prod([t * t * (3 - 2 * t) for t in ramp], 0)
    # No hair grows on the red of the lips.
    bare = _blurred(_inside(uv[48:60], u, v), 0.02 * e * size)
    beard = (beard * (1 - np.clip(2 * bare, 0, 1))).astype(np.float32)
    r, g, b = (0.7 * c + 0.3 * cool for c, cool in zip(tone.shade, (0.25, 0.3, 0.33), strict=True))
    _over(canvas, region, (r, g, b), look.stubble * 0.42 * beard)
    hairs = _dots(np.random.default_rng([seed, 41]), u.shape, size)
    _over(canvas, region, look.hair_srgb, (look.stubble * 0.5 * beard * hairs).astype(np.float32))


def _dots(rng: np.random.Generator, shape: tuple[int, ...], size: int) -> np.ndarray:
    """What hairs' ends cover of each texel of a part of a map: there are as many of them whatever the map's size, and
    on a small map several lie in one texel."""
    if size >= 1024:
        return rng.random(shape) < 0.07 * 1024 / size
    in_one = round((1024 / size) ** 2)
    return rng.binomial(in_one, 0.07, shape) / in_one


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
    _over(canvas, region, tone.lip, np.clip(0.7 * red * uneven, 0, 0.95))
    # The border of the lower lip is a shade darker than its middle, as where the lip rolls out.
    rim = np.clip(4 * red * (1 - red), 0, 1) ** 1.5
    _over(canvas, region, tone.lip_line, 0.14 * rim)
    opening = _blurred(_inside(uv[60:68], u, v), 0.020 * e * size)
    # Dark enough for the wet inner side; the shadow between closed lips comes from the light.
    _over(canvas, region, tone.lip_line, np.clip(0.8 * opening, 0, 0.5) * (red > 0.05))


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
