"""Where wrinkles lie: curves relative to the 68 landmarks in the detail UV, and what deepens them.

Sources for places and causes: the facial muscles' action on the skin as FACS describes it (frontalis: AU 1, 2;
corrugator: AU 4; orbicularis oculi: AU 6, 7; levator labii: AU 9, 10; zygomaticus: AU 12; mentalis: AU 17;
orbicularis oris: AU 18, 22), and the usual names of the lines. Depths are millimetres as measured on adult skin: fine
lines .1 to .3, folds up to 1. Lengths along the chart are in units of `e`, the distance of the outer eye corners
(about 90 mm). Curves are written for the subject's left (u > .5) and mirrored.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...face_model.arkit import mirror_name
from .crease import Chart, Crease
from .lower_face import cheeks, chin, mouth_corners, nasolabial, perioral
from .upper_face import crows_feet, eyelids, forehead, glabella, nose_bridge

# multi-PIE's 68 points, mirrored
MIRROR68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36,
     41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)  # fmt: skip


def creases(uv68: np.ndarray, seed: int = 0) -> list[Crease]:
    """All creases of a face whose 68 landmarks lie at `uv68` (68, 2) in the detail UV."""
    rng = np.random.default_rng([seed, 13])
    left = _numbered(_left_and_middle(uv68, rng))
    right_landmarks = uv68[MIRROR68].copy()
    right_landmarks[:, 0] = 1.0 - right_landmarks[:, 0]
    # The same generator goes on: the right side's irregularities differ, as on a real face.
    right = [
        replace(
            crease,
            points=np.stack([1.0 - crease.points[:, 0], crease.points[:, 1]], 1),
            drives=tuple(
                replace(d, expression=mirror_name(d.expression), centre=None if d.centre is None else -d.centre)
                for d in crease.drives
            ),
            fold=-crease.fold,
            mirrored=True,
        )
        for crease in _numbered(_left_and_middle(right_landmarks, rng))
        if not _is_middle(crease)
    ]
    return left + right


def _numbered(items: list[Crease]) -> list[Crease]:
    return [replace(crease, number=k) for k, crease in enumerate(items)]


_ALONG_MIDDLE = 0.01
"""Of the UV square: about 2.5 mm."""


def _is_middle(crease: Crease) -> bool:
    """Whether a line is nearly its own mirror image, so that it is not made twice: it crosses the middle, or runs along
    it so closely that two of them would be one line drawn double."""
    u = crease.points[:, 0] - 0.5
    along = bool(np.abs(u).max() < _ALONG_MIDDLE)
    return along or bool(u.min() < 0 < u.max() and np.all(np.abs(u + u[::-1]) < 0.06))


def _left_and_middle(lm: np.ndarray, rng: np.random.Generator) -> list[Crease]:
    chart = Chart(lm, rng)
    parts = (forehead, glabella, crows_feet, eyelids, nose_bridge, nasolabial, cheeks, mouth_corners, chin, perioral)
    return [crease for part in parts for crease in part(chart)]
