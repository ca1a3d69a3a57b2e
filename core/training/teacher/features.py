"""Single features of a face that the coarse mesh lacks, each on a 1024 x 1024 grid in millimetres: moles, scars, the
groove round the nose's wings, the philtrum, bags under the eyes, the lips' lines, the brows' hairs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

FULL = 1024


def moles(rng: np.random.Generator, where: np.ndarray, scale: float, count: int) -> np.ndarray:
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


def nose_wings(uv68: np.ndarray, e: float, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The groove round each wing of the nose."""
    image = np.zeros_like(u)
    for s in (-1, 1):
        wing = uv68[35] if s > 0 else uv68[31]
        centre = (wing[0] - s * 0.055 * e, wing[1] + 0.055 * e)
        x, y = s * (u - centre[0]) / e, (v - centre[1]) / e
        r, bearing = np.hypot(x, y), np.degrees(np.arctan2(y, x))
        window = np.exp(-0.5 * ((bearing - 28) / 48) ** 2)
        image -= 0.42 * np.exp(-0.5 * ((r - 0.098) / 0.012) ** 2) * window
        image += 0.12 * np.exp(-0.5 * ((r - 0.072) / 0.02) ** 2) * window
    return image


def philtrum(uv68: np.ndarray, e: float, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The philtrum's two columns."""
    image = np.zeros_like(u)
    top, bottom = uv68[33, 1] - 0.02 * e, uv68[51, 1]
    t = np.clip((top - v) / max(top - bottom, 1e-6), 0, 1)
    for s in (-1, 1):
        column = np.exp(-0.5 * ((s * (u - 0.5) / e - 0.035 - 0.025 * t) / 0.014) ** 2)
        image += 0.16 * column * np.sin(np.pi * t) ** 0.7
    return image


def eye_bag(uv68: np.ndarray, e: float, u: np.ndarray, v: np.ndarray, side: int) -> np.ndarray:
    """The bag under one eye (side 1: the subject's left): a bulge of .5 mm, and the edge below it."""
    lower = uv68[[42, 47, 46, 45]] if side > 0 else uv68[[39, 40, 41, 36]]
    lower = lower[np.argsort(lower[:, 0])]
    lid = np.interp(u, lower[:, 0], lower[:, 1])
    middle, half = 0.5 * (lower[0, 0] + lower[-1, 0]), 0.5 * (lower[-1, 0] - lower[0, 0])
    x = (u - middle) / (1.15 * half)
    window = np.exp(-0.5 * (x / 0.55) ** 2 - 0.4 * x**4)
    below = (lid - v) / e - 0.02 * x**2
    bulge = 0.5 * np.exp(-0.5 * ((below - 0.11) / 0.038) ** 2)
    edge = -0.25 * np.exp(-0.5 * ((below - 0.19) / 0.02) ** 2)
    return window * (bulge + edge)


def tear_trough(uv68: np.ndarray, e: float, u: np.ndarray, v: np.ndarray, side: int) -> np.ndarray:
    """The hollow from the inner corner of one eye down and outwards along the orbit's rim, .4 mm deep."""
    inner = uv68[42] if side > 0 else uv68[39]
    x, y = side * (u - inner[0]) / e, (v - inner[1]) / e
    t = np.clip(x / 0.3, 0, 1)
    course = -0.05 - 0.19 * np.sqrt(t) - 0.02 * t
    window = 1 / (1 + np.exp(-(x - 0.0) / 0.012)) / (1 + np.exp((x - 0.26) / 0.03))
    return -0.4 * window * np.exp(-0.5 * ((y - course) / 0.026) ** 2)


def scars(rng: np.random.Generator, where: np.ndarray, scale: float, count: int) -> np.ndarray:
    """A few scars: lines of 5 to 18 mm, sunk or raised, and pits as acne leaves them."""
    image = np.zeros((FULL, FULL))
    rows, columns = np.mgrid[0:FULL, 0:FULL]
    for _ in range(count):
        x, y = rng.uniform(0.15, 0.85, 2) * FULL
        if rng.random() < 0.55:
            angle, length = rng.uniform(0, np.pi), rng.uniform(5, 18) / scale
            along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
            across = -(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle) + rng.uniform(-0.1, 0.1) * along
            width = rng.uniform(0.45, 0.9) / scale
            line = np.exp(-0.5 * (across / width) ** 2) - 0.4 * np.exp(-0.5 * (across / (2.4 * width)) ** 2)
            image += rng.choice([-0.32, -0.28, 0.2]) * line * np.exp(-((along / (0.5 * length)) ** 4))
        else:
            for _ in range(rng.integers(4, 9)):
                px, py = np.array([x, y]) + rng.normal(0, 7.0 / scale, 2)
                radius = rng.uniform(0.5, 1.1) / scale
                r2 = ((rows - py) ** 2 + (columns - px) ** 2) / radius**2
                image -= rng.uniform(0.1, 0.22) * np.exp(-0.5 * np.minimum(r2, 80.0))
    return image * where


def lip_lines(
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


def brow_hairs(
    rng: np.random.Generator, uv68: np.ndarray, e: float, mm: float, thick: float, length: float
) -> np.ndarray:
    """Low ridges of the brows' hairs: short strokes that start upright at the nose and lie down towards the temple.

    thick: half the brow's height in e at the nose; length: of the hairs, about 1.
    """
    image = np.zeros((FULL, FULL))
    for inner_to_outer, side in (((22, 23, 24, 25, 26), 1.0), ((21, 20, 19, 18, 17), -1.0)):
        path = uv68[list(inner_to_outer)]
        for _ in range(420):
            t = rng.random() ** 0.9
            k = min(int(t * 4), 3)
            base = path[k] * (1 - (t * 4 - k)) + path[k + 1] * (t * 4 - k)
            reach = thick * e * (1.0 - 0.6 * t)
            base = base + np.array([0.0, reach * rng.uniform(-1.0, 0.6) - 0.01 * e])
            angle = np.radians(np.interp(t, [0, 0.25, 0.6, 1], [75, 40, 12, -22]) + rng.normal(0, 7))
            long = length * rng.uniform(5, 9) / mm / FULL
            steps = np.linspace(0, 1, 22)
            bend = angle - 0.35 * steps
            x = base[0] + side * np.cumsum(np.cos(bend)) * long / 22
            y = base[1] + np.cumsum(np.sin(bend)) * long / 22
            column, row = np.clip(x * FULL, 0, FULL - 1).astype(int), np.clip((1 - y) * FULL, 0, FULL - 1).astype(int)
            np.maximum.at(image, (row, column), 0.14 * np.sin(np.pi * np.clip(steps + 0.08, 0, 1)))
    hairs = ndimage.gaussian_filter(image, 0.7) - ndimage.gaussian_filter(image, 6.0)
    return hairs + 1.6 * ndimage.gaussian_filter(image, (5.0, 9.0))  # the skin is thicker under the brow
