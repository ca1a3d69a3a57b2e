"""How strong the dark lines of a skin are, place by place and direction by direction: of a photo's, and of what a
displacement map would look like in the same light, as sharp and with the same places hidden.

A map is not rendered for that. To the first order the logarithm of light changes by the light's derivative along the
skin times the map's slope (linear shape from shading, Pentland 1990), and a groove is dark because it sees less of the
room; both are linear in the heights, and blur and masks are the photo's (`skin_view.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import fft, ndimage

from ..face_model.landmark_uv import landmark_uv
from ..geometry.uv_map import mask_at
from .skin_view import HIGH_PASS_MM, SkinView, SkinViewer, bounded, mean_around

SIDE = 256
"""Texels a side; about .9 mm each on the default face."""
WIDTHS_MM = ((1.2, 3.5), (2.1, 5.5))
"""Standard deviations across and along."""
DIRECTIONS, CELLS = 8, 24
_OCCLUSION = 0.45
"""Logarithm of light that a groove as deep as it is wide loses to the room it does not see."""
_BANDS_MM = (0.4, 0.9, 1.8, 3.6, 7.0)
_WEAKER = 4
"""An isotropic answer (a mole, stubble, noise) is the mean of so many weakest directions."""
_PART = 0.3
"""Share of a cell that must be skin to count."""


@dataclass(frozen=True)
class Lines:
    """energy (cells, DIRECTIONS): mean strength of dark lines, logarithms of luminance; seen (cells,) 0 to 1: how much
    of each cell could be trusted."""

    energy: np.ndarray
    seen: np.ndarray


class LineFilter:
    """One face model's cells and filters."""

    def __init__(self, viewer: SkinViewer) -> None:
        """Raises DnpmError when the model lacks landmarks."""
        self.viewer, self.mm = viewer, viewer.mm * len(viewer.inside) / SIDE
        self.keep = halved(viewer.zones.keep) * mask_at(viewer.model.detail_mask, SIDE)
        self.kernels = [
            [line_kernel(across / self.mm, along / self.mm, d * np.pi / DIRECTIONS) for d in range(DIRECTIONS)]
            for across, along in WIDTHS_MM
        ]
        whole = pooled(self.keep)
        self.cells = np.flatnonzero(whole > _PART)
        self.whole = whole[self.cells]
        middle = (np.arange(CELLS) + 0.5) / CELLS
        u, v = np.meshgrid(middle, 1 - middle)
        self.places = np.stack([u.ravel(), v.ravel()], 1)[self.cells]
        self.landmarks = landmark_uv(viewer.model)

    def nothing(self) -> Lines:
        """Of a photo that shows nothing."""
        return Lines(np.zeros((len(self.cells), DIRECTIONS)), np.zeros(len(self.cells)))

    def of_photo(self, view: SkinView) -> Lines:
        """The lines that a photo shows."""
        return self._lines(halved(view.flat), halved(view.trust))

    def of_map(self, heights: np.ndarray, view: SkinView, clutter: np.ndarray | None = None) -> Lines:
        """Those that a map (R, R) mm, R 256 or a multiple, would show in a photo's place; clutter (SIDE, SIDE): what
        else is to be seen of the skin."""
        return self._lines(self.shading(heights, view, clutter), halved(view.trust))

    def shading(self, heights: np.ndarray, view: SkinView, clutter: np.ndarray | None = None) -> np.ndarray:
        """(SIDE, SIDE): `SkinView.flat` of a map."""
        slope = halved(view.slope[0]), halved(view.slope[1])
        light = light_of(halved(heights), slope, view.blur_mm, self.mm)
        if clutter is not None:
            light = light + clutter
        return shown(light, halved(view.trust), self.mm)

    def _lines(self, flat: np.ndarray, trust: np.ndarray) -> Lines:
        spectrum = fft.rfft2(flat.astype(np.float32))
        believed = trust * np.clip(2 * ndimage.gaussian_filter(trust, 1.5 / self.mm) - 0.7, 0, 1) * self.keep
        part = pooled(believed)[self.cells]
        total = np.zeros((len(self.cells), DIRECTIONS))
        for kernels in self.kernels:
            answer = np.stack([np.maximum(fft.irfft2(spectrum * kernel, flat.shape), 0) for kernel in kernels])
            weakest = np.partition(answer, _WEAKER - 1, 0)[:_WEAKER].mean(0)
            left = np.maximum(answer - weakest, 0) * believed
            total += np.stack([pooled(one)[self.cells] for one in left], 1)
        return Lines(total / np.maximum(part, 1e-3)[:, None], np.clip(part / self.whole, 0, 1))


def standardised(given: np.ndarray, usual: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(..., F) features in spreads from the usual; 0 where a cell is not seen."""
    return np.asarray(np.nan_to_num(np.clip((given - usual) / spread, -3, 3)))


def light_of(
    heights: np.ndarray, slope: tuple[np.ndarray, np.ndarray], blur_mm: float, mm: float,
    occlusion: float = _OCCLUSION,
) -> np.ndarray:  # fmt: skip
    """(H, W): by how much a map (H, W) mm, mm a texel, changes the logarithm of light, in a photo of that blur."""
    transform = fft.rfft2(np.asarray(heights, np.float32))
    rows, columns = np.fft.fftfreq(heights.shape[0])[:, None], np.fft.rfftfreq(heights.shape[1])[None]
    square = (2 * np.pi) ** 2 * (rows**2 + columns**2)
    soft = lambda sigma: np.exp(-0.5 * square * (sigma / mm) ** 2)  # noqa: E731
    room = sum((soft(a) - soft(b)) / np.sqrt(a * b) for a, b in pairwise(_BANDS_MM))
    turns = (1j * np.sin(2 * np.pi * columns), 1j * np.sin(2 * np.pi * rows), room)
    across, down, hollow = (fft.irfft2(transform * turn.astype(np.complex64), heights.shape) for turn in turns)
    light = occlusion * hollow - (slope[0] * across + slope[1] * down) / mm
    blurred = fft.rfft2(light.astype(np.float32)) * soft(blur_mm).astype(np.float32)
    return np.asarray(fft.irfft2(blurred, heights.shape))


def shown(light: np.ndarray, trust: np.ndarray, mm: float) -> np.ndarray:
    """(H, W): `SkinView.flat` of a change (H, W) of the logarithm of light, mm a texel."""
    around = mean_around(light, np.maximum(trust, 1e-3), HIGH_PASS_MM / mm)
    return np.asarray(bounded(light - around) * trust)


def halved(image: np.ndarray) -> np.ndarray:
    """(R, R) -> (SIDE, SIDE): means of blocks; smaller ones by straight lines between texels."""
    values, size = np.asarray(image, float), len(image)
    if size == SIDE:
        return values
    if size % SIDE == 0:
        block = size // SIDE
        return np.asarray(values.reshape(SIDE, block, SIDE, block).mean((1, 3)))
    return np.asarray(ndimage.zoom(values, SIDE / size, order=1, grid_mode=True, mode="nearest"))


def pooled(image: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) -> (CELLS**2,): means of cells, whose borders are rounded to texels."""
    edges = np.round(np.linspace(0, SIDE, CELLS + 1)).astype(int)
    sums = np.add.reduceat(np.add.reduceat(image, edges[:-1], 0), edges[:-1], 1)
    size = np.diff(edges)
    return np.asarray(sums / np.outer(size, size)).ravel()


def line_kernel(across: float, along: float, angle: float) -> np.ndarray:
    """Fourier transform of a second derivative across lines, positive on dark lines' middles, times the width's
    square."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    a = 2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) * across
    b = 2 * np.pi * (-columns * np.sin(angle) + rows * np.cos(angle)) * along
    return np.asarray(-a * a * np.exp(-0.5 * (a * a + b * b)), np.float32)
