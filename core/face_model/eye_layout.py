"""The texture layout of eyeballs that the eye material goes by."""

from __future__ import annotations

import numpy as np


def eye_texture(
    neutral: np.ndarray, faces: np.ndarray, chosen: np.ndarray, uv: np.ndarray, faces_uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give an eyeball the azimuthal texture layout that the eye material goes by (build/eyes.py)."""
    table = faces[chosen]
    ball = np.unique(table[table >= 0])
    points = neutral[ball]
    # The sphere that fits best: |p|^2 = 2 c . p + (r^2 - |c|^2).
    system = np.concatenate([2 * points, np.ones((len(ball), 1))], 1)
    centre = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]
    x, y, z = (points - centre).T
    aside = np.hypot(x, y)
    around = np.stack([x, y], 1) / np.maximum(aside, 1e-9)[:, None]
    layout = 0.5 + np.arctan2(aside, z)[:, None] / (2 * np.pi) * around
    place = np.full(len(neutral), -1, np.int64)
    place[ball] = len(uv) + np.arange(len(ball))
    result = faces_uv.copy()
    result[chosen] = np.where(table >= 0, place[table], -1)
    return np.concatenate([uv, layout]), result
