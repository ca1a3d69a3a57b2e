"""Where on a face a photo's wrinkles are looked for (`skin_view.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from ..face_model.regions import region_masks

SIDE = 512
"""Texels a side of a photo's view: about .46 mm each on the default face."""


@dataclass(frozen=True)
class Zones:
    """keep (R, R): 0 on eyes, brows, mouth, nostrils and ears, with margins; forehead, low (below the nose), cheeks,
    chin, folds (from the nose to the corners of the mouth); near_nose: left and right."""

    keep: np.ndarray
    forehead: np.ndarray
    low: np.ndarray
    cheeks: np.ndarray
    chin: np.ndarray
    folds: np.ndarray
    near_nose: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, p: np.ndarray, mm: float, inside: np.ndarray) -> Zones:
        """p (68, 2): landmarks in the detail UV."""
        centre = (np.arange(SIDE) + 0.5) / SIDE
        u, v = np.meshgrid(centre, 1 - centre)
        unit = mm * SIDE
        """Millimetres of one unit of UV."""
        eyes = np.minimum(away_from(p[36:42], mm, closed=True), away_from(p[42:48], mm, closed=True))
        corners = np.min([np.hypot(u - a, v - b) * unit for a, b in p[[36, 45]]], 0)
        """Lashes and make-up."""
        brows = np.minimum(away_from(p[17:22], mm), away_from(p[22:27], mm))
        mouth = away_from(p[48:60], mm, closed=True)
        nostrils = np.min([np.hypot(u - a, v - b) * unit for a, b in p[31:36] - [0, 2 / unit]], 0)
        ears = (np.abs(u - 0.5) - 0.74 * (p[45, 0] - p[36, 0])) * unit
        keep = np.ones((SIDE, SIDE))
        below = np.hypot(np.maximum(np.abs(u - 0.5) * unit - 11, 0), (v - p[57, 1]) * unit + 9)
        """The furrow between lip and chin is the coarse face's."""
        nose = away_from(p[[27, 31, 33, 35]], mm, closed=True)
        sides = np.minimum(away_from(p[[21, 39, 31]], mm), away_from(p[[22, 42, 35]], mm))
        for away, border in (
            (eyes, 5.0), (corners, 7.5), (brows, 4.5), (mouth, 4.0), (below, 4.0), (nostrils, 4.5), (nose, 1.0),
            (sides, 4.0),
        ):  # fmt: skip
            keep = keep * np.clip((away - border) / 2.5, 0, 1)
        keep = keep * np.clip(1 - ears / 6, 0, 1)
        brow = np.interp(u, p[17:27, 0], p[17:27, 1])
        above = np.clip((v - brow) * unit / 6 - 0.5, 0, 1)
        low = np.clip((p[33, 1] + 2 / unit - v) * unit / 6, 0, 1)
        outer = p[31, 0] - 14 / unit, p[35, 0] + 14 / unit
        rows = np.clip((p[27, 1] - v) * unit / 10 - 0.6, 0, 1) * np.clip((v - p[33, 1]) * unit / 6 + 1.5, 0, 1)
        left = rows * (u > outer[0]) * (u < p[31, 0] + 3 / unit)
        right = rows * (u < outer[1]) * (u > p[35, 0] - 3 / unit)
        soft = lambda x: ndimage.gaussian_filter(x.astype(float), 1.5 / mm)  # noqa: E731
        regions = region_masks(p, SIDE)
        return cls(
            keep, above, low, regions["under_eye"] + np.clip(_disc(u, v, p, unit), 0, 1), regions["chin"],
            regions["nasolabial"], (soft(left), soft(right)),
        )  # fmt: skip

    def beside_nose(self, slope: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """(R, R) 0 to 1: less beside the nose on the side that the light does not come from: shadows fall there."""
        middle = slice(SIDE // 2 - 12, SIDE // 2 + 12)
        toward = float(np.median(slope[0][middle, middle]))
        dark = self.near_nose[0] if toward > 0 else self.near_nose[1]
        return np.asarray(1 - np.clip((abs(toward) - 0.15) / 0.25, 0, 1) * dark)


def _disc(u: np.ndarray, v: np.ndarray, p: np.ndarray, unit: float) -> np.ndarray:
    """Both cheeks."""
    centre = 0.5 * (p[46] + p[54]) + np.array([6 / unit, 0])
    return np.clip(2 - np.hypot(np.abs(u - 0.5) - (centre[0] - 0.5), v - centre[1]) * unit / 8, 0, 1)


def away_from(points: np.ndarray, mm: float, closed: bool = False) -> np.ndarray:
    """(SIDE, SIDE) mm from a line through points (N, 2) in UV, 0 within a closed one."""
    from PIL import Image, ImageDraw

    pixels = [(float(a * SIDE), float((1 - b) * SIDE)) for a, b in points]
    picture = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    if closed:
        draw.polygon(pixels, fill=255)
    for start, end in pairwise(pixels + pixels[:1] if closed else pixels):
        draw.line([start, end], fill=255, width=1)
    return np.asarray(ndimage.distance_transform_edt(np.asarray(picture) == 0) * mm)
