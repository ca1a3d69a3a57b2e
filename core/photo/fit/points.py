"""Where MediaPipe's 468 points lie on a face model: each as a triangle and barycentric weights.

The networks' file brings a canonical face. It is aligned to the model's mean face by the 68 landmarks that both have
(a similarity, then thin-plate splines: Bookstein 1989), and every point goes to the nearest place of the skin. What a
network's systematic errors add to that is measured (`calibrate.py`): from 1 mm at the eyes to 10 and more at chin,
brows and ears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...geometry.closest import closest_weights
from ...geometry.rasteriser import all_triangles

MEDIAPIPE68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""Points of MediaPipe's face at the multi-PIE landmarks' places."""
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The face's outline, clockwise from the forehead's middle in the picture."""
JAW = OVAL[8:29]
"""From the subject's left ear around the chin to the right one: where a turned head's outline is another."""
_STEADY = [*range(27, 68), 8, *range(17, 27)]
"""Of the 68: those that sit at a place of the skin, not on an outline."""


@dataclass(frozen=True)
class SurfacePoints:
    """corners (N, 3) vertex indices, weights (N, 3) barycentric."""

    corners: np.ndarray
    weights: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Per-vertex values (..., V, 3) -> (..., N, 3) float64."""
        return np.einsum("nk,...nkc->...nc", self.weights, np.asarray(values, float)[..., self.corners, :])


def mediapipe_points(model: FaceModel, canonical: np.ndarray, offsets: np.ndarray | None = None) -> SurfacePoints:
    """The 468 points (N = 468) on the model; canonical (468, 3) mm, offsets (468, 3) mm. Raises DnpmError when
    it lacks landmarks."""
    steady = [k for k in _STEADY if model.landmarks68[k] >= 0]
    if len(steady) < 30:
        raise DnpmError(f"face model {model.name!r} has {len(steady)} of the landmarks that fitting needs, not 30")
    ours = model.neutral[model.landmarks68[steady]].astype(float)
    theirs = np.asarray(canonical, float)[[MEDIAPIPE68[k] for k in steady]]
    scale, rotation, shift = similarity(theirs, ours)
    aligned = scale * canonical @ rotation.T + shift
    warped = _thin_plate(scale * theirs @ rotation.T + shift, ours, aligned)
    points = nearest_on_skin(model, warped)
    return points if offsets is None else nearest_on_skin(model, points.of(model.neutral) + offsets)


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """(N, 3) twice -> scale, rotation (3, 3), shift (3,) that bring source to target best (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = float((s * np.diag(sign)).sum() / (a**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def nearest_on_skin(model: FaceModel, points: np.ndarray) -> SurfacePoints:
    """(N, 3) mm near the neutral face -> the nearest places of its skin."""
    from scipy.spatial import cKDTree

    triangles = all_triangles(model.faces)
    group = model.vertex_groups.get("face")
    if group is not None and len(group):
        allowed = np.zeros(len(model.neutral), bool)
        allowed[group] = True
        triangles = triangles[allowed[triangles].all(1)]
    corners = model.neutral[triangles].astype(float)
    tree = cKDTree(corners.mean(1))
    _, near = tree.query(points, k=min(24, len(triangles)))
    weights = closest_weights(points[:, None], corners[near])
    places = np.einsum("nkj,nkjc->nkc", weights, corners[near])
    best = ((places - points[:, None]) ** 2).sum(-1).argmin(1)
    row = np.arange(len(points))
    return SurfacePoints(triangles[near[row, best]], weights[row, best])


def _thin_plate(source: np.ndarray, target: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points moved by the spline that takes source to target, smoothed a little."""
    from scipy.interpolate import RBFInterpolator

    spline = RBFInterpolator(source, target - source, kernel="thin_plate_spline", smoothing=1.0)
    return np.asarray(points + spline(points))
