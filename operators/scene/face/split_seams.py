"""Meshes that an exporter split at their seams: joined by a modifier, for subdivision and displacement alone.

glTF and many scans have a vertex of its own for each side of a seam of the UVs or of a hard edge. Subdivision would
round both sides off as borders, and displacement along their own normals would tear them apart. The mesh itself stays
split: its UVs and shape keys are the artist's.
"""

from __future__ import annotations

import bpy
import numpy as np

from .. import names

_SAME = 1e-6
"""Of the mesh's size: vertices that lie nearer to each other are one."""
_MOST_SHARED = 0.02
"""Share of edges that more than two faces would have: then whole faces lie on each other, and joining them harms."""


def join(obj: bpy.types.Object, weight: np.ndarray, points: np.ndarray) -> None:
    """Give the mesh the modifier where its face is split, last of those it has; weight (V,), points (V, 3) at rest in
    the object's own space. Where faces lie on each other beside the face, the face alone is joined."""
    step = _SAME * np.ptp(points, axis=0).max()
    _, place = np.unique(np.round(points / step).astype(np.int64), axis=0, return_inverse=True)
    place, inside = place.ravel(), weight > 0
    split = len(np.unique(place[inside])) < inside.sum()
    ends = _sides(obj.data)
    if obj.modifiers.get(names.WELD) is not None or not split or not _is_a_skin(ends[inside[ends].all(1)], place):
        return
    modifier = obj.modifiers.new(names.WELD, "WELD")
    assert isinstance(modifier, bpy.types.WeldModifier)
    modifier.mode, modifier.merge_threshold = "ALL", 10 * step
    if not _is_a_skin(ends, place):
        modifier.vertex_group = names.REGION


def _sides(mesh: bpy.types.Mesh) -> np.ndarray:
    """(n, 2) int: the vertices of each side of each face."""
    edges = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("edge_index", edges)
    ends = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", ends)
    return ends.reshape(-1, 2)[edges]


def _is_a_skin(ends: np.ndarray, place: np.ndarray) -> bool:
    """Whether hardly an edge has more than two faces once the vertices of one place are one."""
    _, uses = np.unique(np.sort(place[ends], 1), axis=0, return_counts=True)
    return bool((uses > 2).mean() <= _MOST_SHARED)
