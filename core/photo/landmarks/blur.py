"""How blurred a face is, and the face without that blur, before the networks look at it.

Blur moves the networks' points alike on everybody: at a Gaussian of .03 eye distances by .016, of which .011 are common
to all; to a fit that is another person. So the blur is measured and taken out (docs/photo_fit.md).

Measured by blurring again (Zhuo & Sim 2011, Defocus map estimation from a single image): an edge that a Gaussian s has
softened has a gradient of 1 / sqrt(s^2 + a^2) after another Gaussian a. The gradients' ratio after two of these, where
they are largest, tells s, whatever the edge's contrast. Taken direction by direction, the least counts: what a moved
camera has smeared is sharp across, and sharpened in all directions it would be worse than before. So rather too little
is taken out: of a Gaussian of .03 three quarters are told.

Lengths are in distances between the outer corners of the eyes.
"""

from __future__ import annotations

import numpy as np

from ..degrade import resized

SHARP = 0.006
"""What a face is sharpened to: half a pixel of the networks' square, and about the blur of a good portrait."""
_ONCE, _TWICE = 0.012, 0.035
"""The two Gaussians that a face is blurred by again."""
_STRONGEST = 0.08
"""Share of the face's places, by gradient, that are taken for edges."""
_DIRECTIONS, _FEW = 4, 0.15
"""Directions of edges; fewer of one than this share tell nothing."""
_MOST = 0.15
"""No larger blur is told; by far no face is found in such a picture."""
_PIXELS, _MEASURED = 128.0, 80.0
"""Most pixels between the eyes of what is sharpened (the networks see no more), and of what is measured."""
_NOISE, _LOUD = 0.01, 25.0
"""Wiener's ratio of noise to signal, in energy: at least the former, else the square of the latter times the picture's
noise (standard deviation): noise of .02 becomes no louder."""
_ROOM = 0.6
"""What is sharpened around a face, in its height: more than the networks' square turned by any angle needs."""


def blur_of(image: np.ndarray, points: np.ndarray) -> float:
    """Standard deviation of the blur of a face's edges, 0 to .15; image (h, w, 3) sRGB, points (468 or more, 2 or 3)
    in its pixels. 0 where they are as sharp as can be told."""
    from scipy import ndimage

    square, _, _, eyes = _about(image, points, 0.0, _MEASURED)
    if min(square.shape[:2]) < 16:
        return 0.0
    light = square @ np.array([0.2126, 0.7152, 0.0722])
    rim = int(2 * _TWICE * eyes)
    slope = lambda s, order: ndimage.gaussian_filter(light, s * eyes, order=order)[rim:-rim, rim:-rim]  # noqa: E731
    across, down = (slope(_ONCE, order) for order in ((0, 1), (1, 0)))
    across_twice, down_twice = (slope(_TWICE, order) for order in ((0, 1), (1, 0)))
    once, twice = np.hypot(across, down), np.hypot(across_twice, down_twice)
    edges = once >= max(float(np.quantile(once, 1 - _STRONGEST)), 1e-6)
    if not edges.any():
        return 0.0
    ratios, directions = once[edges] / np.maximum(twice[edges], 1e-9), np.arctan2(down[edges], across[edges])
    found = []
    for direction in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        # Each edge counts for the directions near its own, by the square of a cosine.
        near = np.cos(directions - direction) ** 2
        if near.mean() > _FEW:
            order = np.argsort(ratios)
            share = np.cumsum(near[order] ** 2)
            found.append(_softened(float(ratios[order][np.searchsorted(share, share[-1] / 2)])))
    return min(found)


def _softened(ratio: float) -> float:
    """The blur that the gradients' ratio tells: squared it is (s^2 + twice^2) / (s^2 + once^2), from (twice / once)^2
    for a sharp edge down to 1."""
    squared = ratio**2
    if squared <= 1 + 1e-6:
        return _MOST
    return min(float(np.sqrt(max(_TWICE**2 - squared * _ONCE**2, 0.0) / (squared - 1))), _MOST)


def sharpened(image: np.ndarray, points: np.ndarray, blur: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture about a face, without its blur -> (h, w, 3), its corner (2,) in the picture's pixels, and (2,) how
    many of its pixels one of the picture's is. Sharpened to `SHARP`: the less blur there is, the less is done."""
    part, corner, scale, eyes = _about(image, points, _ROOM, _PIXELS)
    sigma = np.sqrt(max(blur**2 - SHARP**2, 0.0)) * eyes
    return deconvolved(part, sigma, max(_NOISE, (_LOUD * noise_of(part)) ** 2)), corner, scale


def noise_of(image: np.ndarray) -> float:
    """Standard deviation of a picture's noise (h, w, 3), 0 to 1, from what a second difference both ways leaves, which
    is nothing of straight edges (Immerkaer 1996, Fast noise variance estimation)."""
    from scipy import ndimage

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
    left = ndimage.convolve(image.mean(2), mask, mode="nearest")
    return float(np.abs(left).mean() * np.sqrt(np.pi / 2) / 6)


def deconvolved(image: np.ndarray, sigma: float, noise: float = _NOISE) -> np.ndarray:
    """(h, w, 3), 0 to 1, less a Gaussian of `sigma` pixels, by Wiener's filter; its edge is taken to go on outside."""
    if sigma < 0.05:
        return image
    room = int(np.ceil(4 * sigma))
    wide = np.pad(image, ((room, room), (room, room), (0, 0)), mode="edge").astype(float)
    height, width = wide.shape[:2]
    squares = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None] ** 2
    passed = np.exp(-2 * np.pi**2 * sigma**2 * squares)
    inverse = (passed * (1 + noise) / (passed**2 + noise))[..., None]
    sharp = np.fft.irfft2(np.fft.rfft2(wide, axes=(0, 1)) * inverse, s=(height, width), axes=(0, 1))
    return np.clip(sharp[room:-room, room:-room], 0, 1).astype(np.float32)


def _about(
    image: np.ndarray, points: np.ndarray, room: float, most: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The picture within a face's box and `room` of its height around: (h, w, 3), its corner (2,), its scale (2,), and
    the pixels between the eyes in it: `most`, or as many as the picture has."""
    flat = np.asarray(points, float)[:468, :2]
    eyes = max(float(np.linalg.norm(flat[263] - flat[33])), 1e-6)
    low, high = flat.min(0), flat.max(0)
    around = room * float((high - low).max())
    size = np.array([image.shape[1], image.shape[0]])
    (left, top), (right, bottom) = (
        np.clip(end, 0, size).astype(int) for end in (np.floor(low - around), np.ceil(high + around))
    )
    part, scale = image[top:bottom, left:right], np.ones(2)
    if part.size == 0:
        return np.zeros((0, 0, 3), np.float32), np.zeros(2), scale, eyes
    if eyes > most:
        had = np.array([part.shape[1], part.shape[0]])
        small = np.maximum(np.round(had * most / eyes), 1).astype(int)
        part, scale = resized(part, (int(small[0]), int(small[1]))), small / had
    return part, np.array([left, top], float), scale, eyes * float(scale.mean())
