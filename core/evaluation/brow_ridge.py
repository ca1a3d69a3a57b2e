"""How far the ridge over the eyes lies from where a registration puts it: a gauge of the brows that needs no landmark.

Programs mark brows by conventions of their own: on the hair, on the bone, above it. The ridge is on the surface alone.
In columns over each eye it is the uppermost strong fold outwards (the largest curvature of the profile, smoothed by 4
mm) from 8 to 34 mm above the middle of the eye; below lies the lid's crease. It is found on the person that was solved
for, carried along by the registration, and compared with the ridge found on the head. That tells heights; along the
ridge nothing can be told.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..geometry.closest import Surface
from ..geometry.rasteriser import rasterise

EYES = (slice(36, 42), slice(42, 48))
"""Of the 68 landmarks; all conventions mark them alike."""
_COLUMNS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)
"""Across an eye, in halves of its width."""
_FROM_MM, _TO_MM = 8.0, 34.0
_SMOOTH_MM, _STRONG = 4.0, 0.4
_STEP_MM, _ASIDE_MM, _BELOW_MM, _ABOVE_MM = 0.5, 30.0, 5.0, 55.0
_BEHIND_MM = 400.0


def ridge(vertices: np.ndarray, triangles: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(V, 3) mm, y up and facing +z, (T, 3), and the 68 landmarks (68, 3) -> (14, 3): where the ridge runs above each
    eye; NaN in a column that has no fold."""
    return np.concatenate([_above(vertices, triangles, marks[eye]) for eye in EYES])


def off_mm(
    person: np.ndarray, sheet: np.ndarray, triangles: np.ndarray, own_marks: np.ndarray, head: tuple[np.ndarray, ...]
) -> float:
    """Median height in mm between the ridge of `person` (m, 3), carried to `sheet` (m, 3), which is `person` laid over
    the head, and the head's own; triangles (t, 3) of both; head: its vertices, triangles and landmarks (68, 3)."""
    own, theirs = ridge(person, triangles, own_marks), ridge(*head)
    known = ~np.isnan(own + theirs).any(1)
    if not known.any():
        return float("nan")
    place = Surface(person, triangles).nearest(own[known])
    carried = np.einsum("nk,nkc->nc", place.weights, sheet[triangles[place.triangle]])
    return float(np.median(np.abs(carried - theirs[known])[:, 1]))


def _above(vertices: np.ndarray, triangles: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """(columns, 3) above one eye, whose landmarks are (6, 3)."""
    middle, half = eye.mean(0), np.ptp(eye[:, 0]) / 2
    left, top = middle[0] - _ASIDE_MM, middle[1] + _ABOVE_MM
    size = round(2 * _ASIDE_MM / _STEP_MM), round((_ABOVE_MM + _BELOW_MM) / _STEP_MM)
    pixels = np.stack([vertices[:, 0] - left, top - vertices[:, 1]], 1) / _STEP_MM
    shown, weights = rasterise(pixels, _BEHIND_MM - vertices[:, 2], triangles, size)
    there = shown >= 0
    if not there.any():
        return np.full((len(_COLUMNS), 3), np.nan)
    front = np.zeros(there.shape)
    front[there] = np.einsum("nk,nk->n", weights[there], vertices[triangles[shown[there]], 2])
    front = front[tuple(ndimage.distance_transform_edt(~there, return_distances=False, return_indices=True))]
    slope, bend = (ndimage.gaussian_filter(front, _SMOOTH_MM / _STEP_MM, order=(k, 0)) for k in (1, 2))
    curvature = -(bend / _STEP_MM**2) / (1 + (slope / _STEP_MM) ** 2) ** 1.5
    heights = top - (np.arange(size[1]) + 0.5) * _STEP_MM
    found = []
    for column in middle[0] + half * np.array(_COLUMNS):
        at = int((column - left) / _STEP_MM)
        row = _uppermost(curvature[:, at], heights - middle[1])
        if row is None:
            found.append((np.nan, np.nan, np.nan))
        else:
            found.append((column, top - (row + 0.5) * _STEP_MM, front[round(row), at]))
    return np.array(found, float)


def _uppermost(curve: np.ndarray, above: np.ndarray) -> float | None:
    """The row, between rows, of the uppermost maximum that is not weak, where `above` (rows,) mm is the brow's."""
    inner = np.arange(1, len(curve) - 1)
    is_top = (curve[inner] > curve[inner - 1]) & (curve[inner] >= curve[inner + 1])
    tops = inner[is_top & (above[inner] > _FROM_MM) & (above[inner] < _TO_MM) & (curve[inner] > 0)]
    if not len(tops):
        return None
    row = int(tops[curve[tops] >= _STRONG * curve[tops].max()].min())
    before, here, after = curve[row - 1 : row + 2]
    return row + 0.5 * (before - after) / (before - 2 * here + after)
