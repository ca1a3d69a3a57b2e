"""Which faces of the MPFB2 head belong to the detail layer: the front of the face up to the lids, lips and nostrils."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .landmarks import LANDMARKS68, LID_RIM_LEFT, MOUTH_RIM, NOSTRIL_LEFT, mirror_vertices


def mpfb_chart(base_vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) bool: faces of the chart.

    base_vertices: (V, 3) mm of the symmetric base mesh, in its own numbering; faces: (F, 4) of its skin, in that
    numbering.
    The loops of lids, lips and nostrils are walls; between them and an egg around the face's middle everything belongs
    to the chart: ears, neck and the crown do not.
    """
    mirror = mirror_vertices(base_vertices)
    loops: list[Sequence[int]] = [MOUTH_RIM]
    for left in (LID_RIM_LEFT, NOSTRIL_LEFT):
        loops += [left, [int(mirror[i]) for i in left]]
    walls = {frozenset(edge) for loop in loops for edge in zip(loop, [*loop[1:], loop[0]], strict=True)}
    inside = _front(base_vertices)[faces[:, :3]].all(1) & ((faces[:, 3] < 0) | _front(base_vertices)[faces[:, 3]])
    candidates = np.flatnonzero(inside)
    owner: dict[frozenset[int], int] = {}
    pairs = []
    for face in candidates:
        corners = [int(i) for i in faces[face] if i >= 0]
        for edge in map(frozenset, zip(corners, [*corners[1:], corners[0]], strict=True)):
            if edge in walls:
                continue
            if edge in owner:
                pairs.append((owner[edge], face))
            owner[edge] = int(face)
    rows, columns = np.array(pairs).T
    n = len(faces)
    _, label = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), (n, n)), directed=False)
    seed = int(np.flatnonzero(inside & (faces == LANDMARKS68[28]).any(1))[0])
    return _without_teeth(faces, inside & (label == label[seed]))


def _without_teeth(faces: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """Drop faces that hang on by one edge alone: laid on a convex border they would be slivers."""
    chart = chart.copy()
    while True:
        edges = np.sort(np.stack([faces[chart], np.roll(faces[chart], -1, 1)], -1).reshape(-1, 2), 1)
        _, index, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
        shared = (count[index.ravel()] > 1).reshape(-1, 4).sum(1)
        teeth = np.flatnonzero(chart)[shared < 2]
        if not len(teeth):
            return chart
        chart[teeth] = False


def _front(v: np.ndarray) -> np.ndarray:
    """(V,) bool: in front of the ears, below the hairline, above the neck."""
    lm = v[list(LANDMARKS68)]
    eyes, chin = lm[[36, 39, 42, 45]].mean(0), lm[8]
    height = eyes[1] - chin[1]
    # Turned about a vertical axis through the skull, behind the eyes, as a map maker would unroll the face.
    axis_z = eyes[2] - 0.85 * height
    yaw = np.degrees(np.arctan2(np.abs(v[:, 0]), v[:, 2] - axis_z))
    up = (v[:, 1] - eyes[1]) / height
    # The forehead ends at the hairline and the temple before the ear; below, the jaw's edge is the border.
    top = np.where(up > 0, 1.02 - 0.30 * (np.clip(yaw, 0, 75) / 75.0) ** 2, 9.0)
    neck = (up < -1.0) & (v[:, 2] < chin[2] - 0.32 * height)
    under = up < -1.13
    side = yaw < 74.0 - 6.0 * np.clip(-up, 0, 1.2)
    return (up < top) & side & ~neck & ~under
