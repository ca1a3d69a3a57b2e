"""From an artist's sculpt to a displacement map: rays along the face's smooth normals, at every texel. Numpy alone.

The face's surface is the subdivided one that Blender's Displace modifier moves, with its interpolated vertex normals;
the sculpt is any mesh that lies on it. The map holds the signed distance along the normal, outward positive, which is
what Eq. 2 adds again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ..errors import DnpmError
from ..geometry import uv_map
from .rays import TriangleTree, triangulated

_FAR = 4.0
"""Misses are looked for this many cage distances away, to tell a cage that is too small from a hole."""
_LEAST_HIT = 0.6
TOLERANCE_MM = 0.1
"""What the round trip's median must not exceed."""


@dataclass(frozen=True)
class Surface:
    """The face that the sculpt was made on, subdivided and smooth: core's millimetres and axes (`detailed_mesh`)."""

    vertices: np.ndarray
    """(V, 3)."""
    normals: np.ndarray
    """(V, 3) of length 1, outward."""
    faces: np.ndarray
    """(F, 4), -1 as a triangle's fourth."""
    detail_uv: np.ndarray
    """(D, 2)."""
    faces_detail_uv: np.ndarray
    """(F, 4), -1 outside of the layer."""


@dataclass(frozen=True)
class Report:
    """How well a bake went; shares are of the texels inside the mask, 0 to 1."""

    holes: float
    """The sculpt has no surface there."""
    beyond: float
    """The sculpt is there, but farther away than the cage distance."""
    clipped: float
    """It was met within the last twentieth of the cage distance: what is higher would be lost."""
    round_trip_mm: float
    """Median distance between the face displaced by the map and the sculpt."""
    round_trip_95_mm: float
    """Its 95th percentile."""
    least_mm: float
    most_mm: float

    def problems(self) -> list[str]:
        """What an artist should know, in words; empty when all is well."""
        found = []
        if self.holes > 0.01:
            found.append(f"{self.holes:.1%} of the mask has no sculpt over it: close its holes")
        if self.beyond + self.clipped > 0.005:
            found.append(f"{self.beyond + self.clipped:.1%} reaches the cage distance: make it larger")
        if self.round_trip_mm > TOLERANCE_MM:
            found.append(f"the displaced face is {self.round_trip_mm:.2f} mm from the sculpt: the face does not fit it")
        return found

    def entries(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Baked:
    """A map (R, R) float32 mm, holes filled from their rims and padded outside; where it was met (R, R) bool."""

    displacement: np.ndarray
    met: np.ndarray
    report: Report


def bake(
    surface: Surface,
    vertices: np.ndarray,
    faces: np.ndarray,
    mask: np.ndarray,
    resolution: int = 1024,
    cage_mm: float = 4.0,
) -> Baked:
    """Bake a sculpt. vertices (N, 3) mm, faces (M, 4) with -1; mask (R', R') in [0, 1]: where the map counts.

    Raises DnpmError when the sculpt is empty, not finite, lies far from the face, is turned inside out, or the cage
    distance is not positive.
    """
    vertices = np.asarray(vertices, np.float64)
    if not len(faces) or not len(vertices):
        raise DnpmError("the sculpt has no polygons; give the high-resolution mesh")
    if not np.isfinite(vertices).all():
        raise DnpmError("the sculpt has vertices that are not finite numbers")
    if not 0 < cage_mm <= 50:
        raise DnpmError(f"the cage distance must be more than 0 and at most 50 mm, is {cage_mm:g}")
    # What is far from the face, of a whole body say, need not be searched.
    low, high = surface.vertices.min(0) - 10 * cage_mm, surface.vertices.max(0) + 10 * cage_mm
    triangles = triangulated(faces)
    corners = vertices[triangles]
    triangles = triangles[(corners.max(1) >= low).all(1) & (corners.min(1) <= high).all(1)]
    if not len(triangles):
        raise DnpmError(_far(surface, vertices))
    tree = TriangleTree(vertices, triangles)

    layout = uv_map.UVMap(surface.faces, surface.detail_uv, surface.faces_detail_uv, resolution)
    places, normals, inside = _texels(layout, surface, uv_map.mask_at(mask, resolution))
    distance = tree.along(places, normals, cage_mm)
    met = np.isfinite(distance)
    if met[inside].mean() < _LEAST_HIT:
        turned = np.isfinite(tree.along(places[inside][::16], -normals[inside][::16], cage_mm)).mean()
        if turned > _LEAST_HIT:
            raise DnpmError("the sculpt is turned inside out: recalculate its normals to point outward")
        raise DnpmError(_far(surface, vertices))

    missed = inside & ~met
    beyond = np.isfinite(tree.along(places[missed], normals[missed], _FAR * cage_mm)).sum()
    heights = np.zeros((resolution, resolution), np.float32)
    known = np.zeros((resolution, resolution), bool)
    heights[layout.covered], known[layout.covered] = np.where(met, distance, 0), met
    displacement = fill(heights, known)
    count = max(int(inside.sum()), 1)
    errors = round_trip(surface, displacement, uv_map.mask_at(mask, resolution) * known, tree, cage_mm)
    within = displacement[layout.covered][inside]
    return Baked(
        displacement, known,
        Report(
            holes=(int(missed.sum()) - int(beyond)) / count, beyond=int(beyond) / count,
            clipped=float((np.abs(distance[inside & met]) > 0.95 * cage_mm).sum() / count),
            round_trip_mm=float(np.median(errors)), round_trip_95_mm=float(np.quantile(errors, 0.95)),
            least_mm=float(within.min()), most_mm=float(within.max()),
        ),
    )  # fmt: skip


def round_trip(
    surface: Surface, displacement: np.ndarray, mask: np.ndarray, tree: TriangleTree, limit_mm: float
) -> np.ndarray:
    """Displace the surface's vertices by a map and look how far from the sculpt they come to lie.

    mask (R, R): vertices where it is above .9 are looked at. Returns (n,) mm; a vertex that misses the sculpt counts as
    `limit_mm` away. Raises DnpmError when no vertex lies inside the mask.
    """
    inside = surface.faces_detail_uv[:, 0] >= 0
    faces, corners = surface.faces[inside], surface.faces_detail_uv[inside]
    used = (faces >= 0) & (corners >= 0)
    vertex, first = np.unique(faces[used], return_index=True)
    uv = surface.detail_uv[corners[used][first]]
    chosen = uv_map.sample(mask.astype(np.float32), uv) > 0.9
    if not chosen.any():
        raise DnpmError("no vertex of the face lies inside the mask where the sculpt was met")
    vertex, uv = vertex[chosen], uv[chosen]
    moved = surface.vertices[vertex] + uv_map.sample(displacement, uv)[:, None] * surface.normals[vertex]
    distance = np.abs(tree.along(moved, surface.normals[vertex], limit_mm))
    return np.where(np.isfinite(distance), distance, limit_mm)


def fill(heights: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(R, R), (R, R) bool -> (R, R): unknown texels get a smooth continuation of the known ones around (pull and push:
    Gortler et al. 1996). Known texels stay. All unknown: 0.
    """
    if known.all() or not known.any():
        return heights.astype(np.float32)
    side = len(heights)
    if side < 2:
        return heights.astype(np.float32)
    even = side + side % 2
    weight = np.zeros((even, even), np.float32)
    value = np.zeros((even, even), np.float32)
    weight[:side, :side], value[:side, :side] = known, np.where(known, heights, 0)
    blocks = lambda a: a.reshape(even // 2, 2, even // 2, 2).sum((1, 3))  # noqa: E731
    total = blocks(weight)
    coarse = np.divide(blocks(value * weight), total, out=np.zeros_like(total), where=total > 0)
    coarse = fill(coarse, total > 0)
    # Bilinear up: texel centres lie a quarter of a coarse texel from its centre.
    at = np.clip((np.arange(side) + 0.5) / 2 - 0.5, 0, len(coarse) - 1)
    low = np.minimum(at.astype(int), max(len(coarse) - 2, 0))
    high = np.minimum(low + 1, len(coarse) - 1)
    part = (at - low).astype(np.float32)
    rows = coarse[low] * (1 - part[:, None]) + coarse[high] * part[:, None]
    smooth = rows[:, low] * (1 - part) + rows[:, high] * part
    return np.where(known, heights, smooth).astype(np.float32)


def _texels(
    layout: uv_map.UVMap, surface: Surface, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Of every covered texel: its place (n, 3) mm, normal (n, 3) of length 1, and whether it is inside the mask."""
    corners = layout.vertex_triangles[layout.triangle[layout.covered]]
    weights = layout.weights[layout.covered].astype(np.float64)[..., None]
    places = (np.asarray(surface.vertices, np.float64)[corners] * weights).sum(1)
    normals = (np.asarray(surface.normals, np.float64)[corners] * weights).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    inside = mask[layout.covered] > 0.5
    if not inside.any():
        raise DnpmError("the mask holds no texel of the face's detail layer")
    return places, normals, inside


def _far(surface: Surface, vertices: np.ndarray) -> str:
    size = lambda points: float(np.ptp(points, axis=0).max())  # noqa: E731
    apart = np.linalg.norm(vertices.mean(0) - surface.vertices.mean(0))
    return (
        f"the sculpt does not lie on the face: it is {size(vertices):.0f} mm large and {apart:.0f} mm away, the face "
        f"{size(surface.vertices):.0f} mm; align and scale it to the face first, or make the cage distance larger"
    )
