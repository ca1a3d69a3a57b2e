"""Wrinkles of a picture as numbers: energy of oriented lines on the detail UV, region by region.

A picture is unwrapped; its light is taken out by a high-pass of 7 mm on the logarithm of luminance; second derivatives
across a line, smoothed along it, at two widths and eight directions, answer to dark lines. Their energy is pooled in
small cells of each region. What is not skin is left out: what the picture does not show, hair, brows with a margin,
and below the nose everything of a face that is much darker there than on its cheeks (a beard). Two pictures are as
alike as these numbers correlate, region by region, over the cells that both show.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..face_model.regions import region_masks
from ..geometry.uv_map import mask_at
from ..photo.camera import Camera
from ..photo.line_features import halved, light_of
from ..photo.render import to_linear
from ..photo.skin import without_hair
from ..photo.texture import unwrap, uv_table

SIDE = 256
"""Texels a side of the detail UV."""
REGIONS = ("forehead", "glabella", "crows_feet", "under_eye", "nasolabial", "chin")
_BELOW = ("nasolabial", "chin")
"""Where a beard grows."""
_WIDTHS_MM = ((0.9, 3.5), (1.7, 5.0))
"""Across and along, standard deviations."""
_DIRECTIONS, _CELLS, _HIGH_PASS_MM = 8, 20, 7.0
_BEARD = 0.35
"""Logarithm of luminance by which the chin is darker than the cheeks."""
_FROM_ABOVE, _MAP_BLUR_MM = 0.35, 0.45
"""Slope of the light on a map alone, upwards, and the blur of its picture."""
_ENOUGH = 0.25
"""Share of a cell that must be seen."""


@dataclass(frozen=True)
class Lines:
    """values: region -> (cells, directions) energy, nan where a cell is not seen."""

    values: dict[str, np.ndarray]


class LineReader:
    """One face model's regions and filters, ready for any number of pictures."""

    def __init__(self, model: FaceModel) -> None:
        """Raises DnpmError when the model lacks landmarks."""
        self.model, places = model, landmark_uv(model)
        eyes = float(np.linalg.norm(places[45] - places[36]))
        texels = uv_table(model, SIDE).to_texels(model.neutral)
        wide = [np.linalg.norm(np.gradient(texels, axis=k), axis=-1) for k in (0, 1)]
        self.inside = inside = mask_at(model.detail_mask, SIDE)
        self.mm = float(np.median(np.sqrt(wide[0] * wide[1])[inside > 0.5]))
        keep = inside * (1 - _brows(places, eyes))
        self.regions = {name: mask * keep for name, mask in region_masks(places, SIDE).items() if name in REGIONS}
        self.cheeks = region_masks(places, SIDE)["under_eye"]
        self.kernels = [
            kernel for across, along in _WIDTHS_MM for kernel in _kernels(across / self.mm, along / self.mm)
        ]

    def read(self, image: np.ndarray, vertices: np.ndarray, camera: Camera) -> Lines:
        """A picture (h, w, 3) of a face whose vertices (V, 3) mm its camera sees."""
        texture = without_hair(unwrap(image, vertices, camera, self.model, SIDE), self.model)
        seen = np.clip((texture.visible - 0.3) / 0.4, 0, 1)
        light = np.log(to_linear(texture.colour) @ np.array([0.2126, 0.7152, 0.0722]) + 0.02)
        weight = seen * self.inside
        bearded = self._median(light, weight, self.regions["chin"]) < self._median(light, weight, self.cheeks) - _BEARD
        return self._lines(light, seen, _BELOW if bearded else ())

    def of_map(self, heights: np.ndarray) -> Lines:
        """A map (R, R) mm alone, lit from above: its lines without the coarse face's shading."""
        level = np.zeros((SIDE, SIDE), np.float32)
        light = light_of(halved(heights), (level, level + _FROM_ABOVE), _MAP_BLUR_MM, self.mm)
        return self._lines(light, np.ones((SIDE, SIDE)), ())

    def _lines(self, light: np.ndarray, seen: np.ndarray, hidden: tuple[str, ...]) -> Lines:
        """light (SIDE, SIDE): logarithms of luminance; seen (SIDE, SIDE), 0 to 1; hidden: regions left out."""
        size, weight = _HIGH_PASS_MM / self.mm, seen * self.inside
        smooth = ndimage.gaussian_filter(light * weight, size) / np.maximum(ndimage.gaussian_filter(weight, size), 1e-3)
        flat = np.clip(light - smooth, -0.5, 0.2) * weight
        spectrum = np.fft.rfft2(flat)
        answers = [np.maximum(-np.fft.irfft2(spectrum * kernel, flat.shape), 0) for kernel in self.kernels]
        energy = np.stack(answers).reshape(len(_WIDTHS_MM), _DIRECTIONS, SIDE, SIDE).sum(0)
        return Lines({
            name: _cells(energy, mask * seen * (name not in hidden), mask) for name, mask in self.regions.items()
        })  # fmt: skip

    @staticmethod
    def _median(light: np.ndarray, weight: np.ndarray, mask: np.ndarray) -> float:
        chosen = light[(mask > 0.5) & (weight > 0.5)]
        return float(np.median(chosen)) if chosen.size else 0.0


def likeness(ours: list[Lines], theirs: list[Lines], regions: tuple[str, ...] = REGIONS) -> np.ndarray:
    """(N, M): how alike the lines of N pictures are to those of M others. Each side's mean is taken off, cell by cell:
    what all faces share is not likeness. A region counts by the cells that both show."""
    total, weight = np.zeros((len(ours), len(theirs))), np.zeros((len(ours), len(theirs)))
    for name in regions:
        a, b = (_relative(np.stack([one.values[name] for one in side])) for side in (ours, theirs))
        there = [np.isfinite(x).astype(float) for x in (a, b)]
        a, b = np.nan_to_num(a), np.nan_to_num(b)
        both = there[0] @ there[1].T
        dot, squares = a @ b.T, (a**2 @ there[1].T) * (there[0] @ (b**2).T)
        cells = both > 0
        total[cells] += (dot / np.sqrt(squares + 1e-12) * both)[cells]
        weight += both
    return total / np.maximum(weight, 1e-9)


def _relative(values: np.ndarray) -> np.ndarray:
    """(N, cells, directions) -> (N, cells * directions): logarithms less their mean over the pictures, and less each
    picture's own mean, which is its sharpness and contrast."""
    logs = np.log(values + 1e-3).reshape(len(values), -1)
    with np.errstate(invalid="ignore"):
        logs = logs - _mean(logs, 1)
        return logs - _mean(logs, 0)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    there = np.isfinite(values)
    return np.where(there, values, 0).sum(axis, keepdims=True) / np.maximum(there.sum(axis, keepdims=True), 1)


def _cells(energy: np.ndarray, shown: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(directions, R, R) -> (cells, directions): means over the cells that the region's mask touches."""
    side = len(mask) // _CELLS * _CELLS
    split = lambda x: x[..., :side, :side].reshape(*x.shape[:-2], _CELLS, side // _CELLS, _CELLS, side // _CELLS)  # noqa: E731
    pool = lambda x: split(x).sum((-3, -1)).reshape(*x.shape[:-2], -1)  # noqa: E731
    whole, part = pool(mask), pool(shown)
    used = whole > 0.15 * (side / _CELLS) ** 2
    means = pool(energy * shown)[:, used] / np.maximum(part[used], 1e-9)
    return np.where(part[used] > _ENOUGH * whole[used], means, np.nan).T


def _kernels(across: float, along: float) -> list[np.ndarray]:
    """Fourier transforms of second derivatives across lines in all directions; negative on dark lines' middles."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    found = []
    for angle in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        a = columns * np.cos(angle) + rows * np.sin(angle)
        b = -columns * np.sin(angle) + rows * np.cos(angle)
        turn = (2 * np.pi) ** 2
        found.append(turn * a * a * across**2 * np.exp(-0.5 * turn * (a * a * across**2 + b * b * along**2)))
    return found


def _brows(places: np.ndarray, eyes: float) -> np.ndarray:
    """(R, R): 1 on both brows and a margin around them."""
    centre = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(centre, 1 - centre)
    apart = np.full((SIDE, SIDE), np.inf)
    for first in (17, 22):
        line = places[first : first + 5]
        for a, b in pairwise(line):
            for share in np.linspace(0, 1, 6):
                point = a + share * (b - a)
                apart = np.minimum(apart, np.hypot(u - point[0], v - point[1]))
    return np.clip((0.11 * eyes - apart) / (0.03 * eyes), 0, 1)
