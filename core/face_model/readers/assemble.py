"""What every reader needs to make a FaceModel of arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...errors import DnpmError
from ..arkit import ARKIT_NAMES
from ..detail_layout import border_mask

Rectangle = tuple[float, float, float, float]
"""u0, v0, u1, v1 of the part of a texture that becomes the detail layer's unit square."""


def detail_layer(
    faces: np.ndarray, uv: np.ndarray, faces_uv: np.ndarray, rectangle: Rectangle, allowed: np.ndarray, what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a texture layer that lies in `rectangle`, as a detail layer.

    faces (F, 4), uv (U, 2), faces_uv (F, 4), allowed (F,) bool: faces that may belong to it. Returns detail_uv (U, 2)
    float32, faces_detail_uv (F, 4) int32 and detail_mask (512, 512) float32. Raises DnpmError when no face lies in it.
    """
    u0, v0, u1, v1 = rectangle
    if not (u1 > u0 and v1 > v0):
        raise DnpmError(f"{what}: the detail rectangle {rectangle} is empty; give u0 < u1 and v0 < v1")
    moved = ((np.asarray(uv, np.float64) - [u0, v0]) / [u1 - u0, v1 - v0]).astype(np.float32)
    within = ((moved >= 0) & (moved <= 1)).all(1)
    # A -1 picks the last row here: it is overruled by the second term.
    corners = within[faces_uv] | (faces_uv < 0)
    inside = allowed & corners.all(1) & (faces_uv[:, 0] >= 0)
    if not inside.any():
        raise DnpmError(f"{what}: no face has its texture coordinates in {rectangle}; give the face's own rectangle")
    table = np.where(inside[:, None], faces_uv, -1).astype(np.int32)
    return np.clip(moved, 0, 1), table, border_mask(faces, moved, table)


def arkit_first(names: Iterable[str]) -> list[str]:
    """Names in Apple's order, then those that Apple does not have, in the order given."""
    given = list(names)
    return [name for name in ARKIT_NAMES if name in given] + [name for name in given if name not in ARKIT_NAMES]


def identity_labels(count: int) -> tuple[str, ...]:
    """Components whose meaning is not known."""
    return tuple(f"Identity {k + 1}" for k in range(count))


def drop_unused(
    faces: np.ndarray, keep_faces: np.ndarray, n_vertices: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leave faces out, and the vertices that only they used.

    Returns the kept vertices' indices, the renumbering (V,) with -1 for dropped ones, and the faces left, renumbered.
    """
    kept = faces[keep_faces]
    vertices = np.unique(kept[kept >= 0])
    renumber = np.full(n_vertices, -1, np.int32)
    renumber[vertices] = np.arange(len(vertices))
    return vertices, renumber, np.where(kept >= 0, renumber[kept], -1).astype(np.int32)


def checked_count(wanted: int | None, available: int, what: str) -> int:
    """How many identity components to take: all, or `wanted`. Raises DnpmError when there are not so many."""
    if wanted is None:
        return available
    if not 1 <= wanted <= available:
        raise DnpmError(f"{what}: {wanted} identity components were asked for, 1 to {available} can be had")
    return wanted
