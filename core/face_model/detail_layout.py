"""Lays a face's chart out on a square without folds, evenly: the detail UV layer.

Border on a superellipse (convex), interior by positive weights: by Tutte's theorem no face flips or overlaps. Floater's
mean value weights first; then Yoshizawa, Belyaev and Seidel's (2004) iterations, which divide a vertex's weights by its
stretch, even the texels out and keep the weights positive.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.optimize import isotonic_regression
from scipy.sparse import coo_matrix, diags, identity
from scipy.sparse.linalg import spsolve

from ..detail.uv_map import UVMap
from ..errors import DnpmError
from .landmarks import mirror_vertices

MASK_RESOLUTION = 512
_MARGIN = 0.004
_EXPONENT = 4.5


def detail_layout(
    vertices: np.ndarray, faces: np.ndarray, chart: np.ndarray, iterations: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out the faces in `chart`.

    vertices (V, 3) mm, symmetric about x = 0, y up, +z forward; faces (F, 4), -1 as a triangle's fourth; chart (F,)
    bool, a disc with holes. Returns detail_uv (D, 2) float32, faces_detail_uv (F, 4) int32 (-1 outside), detail_mask
    (512, 512) float32. Raises DnpmError when the chart is no disc with holes, or not symmetric.
    """
    used = np.unique(faces[chart][faces[chart] >= 0])
    v = vertices[used].astype(np.float64)
    mirror = mirror_vertices(v)
    renumber = np.full(len(vertices) + 1, -1, np.int32)
    renumber[used] = np.arange(len(used))
    quads = renumber[faces[chart]]
    loops = boundary_loops(quads)
    outer = max(loops, key=lambda loop: np.ptp(v[loop], axis=0).sum())
    holes = [loop for loop in loops if loop is not outer]
    triangles, points = _fill(quads, v, holes)
    # Holes' centres pair up as their rims do.
    mirror_all = np.concatenate([mirror, len(v) + _hole_mirror(points[len(v) :])])
    uv = _solve(points, triangles, outer, mirror_all, iterations)[: len(v)]
    uv[:, 0] = 0.5 * (uv[:, 0] + 1.0 - uv[mirror, 0])
    uv[:, 1] = 0.5 * (uv[:, 1] + uv[mirror, 1])
    faces_uv = np.full(faces.shape, -1, np.int32)
    faces_uv[chart] = quads
    uv = uv.astype(np.float32)
    return uv, faces_uv, border_mask(faces, uv, faces_uv)


def boundary_loops(quads: np.ndarray) -> list[np.ndarray]:
    """The closed loops of edges that only one face has. Raises DnpmError where a vertex joins two loops."""
    following: dict[int, int] = {}
    edges: set[tuple[int, int]] = set()
    for face in quads:
        corners = [int(i) for i in face if i >= 0]
        edges.update(zip(corners, [*corners[1:], corners[0]], strict=True))
    for a, b in edges:
        if (b, a) not in edges:
            if a in following:
                raise DnpmError(f"the chart's border touches itself at vertex {a}: it must be a disc with holes")
            following[a] = b
    loops = []
    while following:
        start, nxt = following.popitem()
        loop = [start]
        while nxt != start:
            loop.append(nxt)
            nxt = following.pop(nxt)
        loops.append(np.array(loop))
    return loops


def border_mask(
    faces: np.ndarray, uv: np.ndarray, faces_uv: np.ndarray, resolution: int = MASK_RESOLUTION
) -> np.ndarray:
    """(R, R) float32: 1 inside, smoothly 0 over 5 % of the side at the outer border and 2 texels at lids and lips."""
    covered = UVMap(faces, uv, faces_uv, resolution).covered
    whole = ndimage.binary_fill_holes(covered)
    outer = ndimage.distance_transform_edt(np.pad(whole, 1))[1:-1, 1:-1] / (0.05 * resolution)
    inner = ndimage.distance_transform_edt(covered | ~whole) / (resolution / 512 * 3.0)
    smooth = lambda x: (t := np.clip(x, 0, 1)) * t * (3 - 2 * t)  # noqa: E731
    return (smooth(outer) * smooth(inner) * covered).astype(np.float32)


def _fill(quads: np.ndarray, v: np.ndarray, holes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of the quads, both diagonals (so that a mirrored quad is split alike), and a fan over every hole."""
    is_quad = quads[:, 3] >= 0
    q = quads[is_quad]
    parts = [quads[~is_quad][:, :3], q[:, [0, 1, 2]], q[:, [0, 2, 3]], q[:, [0, 1, 3]], q[:, [1, 2, 3]]]
    points = [v]
    for k, hole in enumerate(holes):
        centre = len(v) + k
        points.append(v[hole].mean(0)[None])
        parts.append(np.stack([hole, np.full(len(hole), centre), np.roll(hole, -1)], 1))
    return np.concatenate(parts), np.concatenate(points)


def _hole_mirror(centres: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(centres - c * [-1, 1, 1], axis=1).argmin() for c in centres], np.int64)


def _solve(
    points: np.ndarray, triangles: np.ndarray, outer: np.ndarray, mirror: np.ndarray, iterations: int
) -> np.ndarray:
    n = len(points)
    border = _border(points, outer, mirror)
    weights = _mean_value(points, triangles, n)
    fixed = np.zeros(n, bool)
    fixed[outer] = True
    best, best_score = None, np.inf
    for _ in range(iterations + 1):
        rows = diags(1.0 / np.asarray(weights.sum(1)).ravel()) @ weights
        system = (identity(n, format="csr") - diags((~fixed).astype(float)) @ rows).tocsc()
        target = np.zeros((n, 2))
        target[outer] = border
        uv = np.stack([spsolve(system, target[:, 0]), spsolve(system, target[:, 1])], 1)
        stretch, score = _stretch(points, triangles, uv, n)
        if score < best_score:
            best, best_score = uv, score
        stretch = 0.5 * (stretch + stretch[mirror])
        weights = weights @ diags(1.0 / np.maximum(stretch, 1e-9) ** 0.7)
    assert best is not None
    return best


def _border(points: np.ndarray, outer: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Places of the border loop on a superellipse: by arc length between four anchors, symmetric about u = .5."""
    p = points[outer]
    axis_z = p[:, 2].min() - 20.0
    yaw = np.arctan2(p[:, 0], p[:, 2] - axis_z)
    flat = np.stack([yaw / np.abs(yaw).max(), (p[:, 1] - p[:, 1].mean()) / (np.ptp(p[:, 1]) / 2)], 1)
    angle = np.unwrap(np.arctan2(flat[:, 1], flat[:, 0]))
    turn = np.sign(angle[-1] - angle[0])
    # Along the loop: half its true direction (corners stay corners), half even spacing. The stairs of a quad mesh make
    # the direction go back and forth, so the sum is made to go one way, by the nearest rising sequence.
    length = np.linalg.norm(np.diff(p, axis=0, append=p[:1]), axis=1)
    even = turn * 2 * np.pi * (np.cumsum(length) - length) / length.sum()
    even += np.mean(angle - even)
    theta = 0.5 * (isotonic_regression(turn * angle).x + turn * even) * turn
    unit = np.stack([np.cos(theta), np.sin(theta)], 1)
    unit /= (np.abs(unit) ** _EXPONENT).sum(1, keepdims=True) ** (1 / _EXPONENT)
    place = {int(i): k for k, i in enumerate(outer)}
    partner = np.array([place[int(mirror[i])] for i in outer])
    unit = 0.5 * (unit + unit[partner] * [-1, 1])
    return 0.5 + (0.5 - _MARGIN) * unit


def _mean_value(points: np.ndarray, triangles: np.ndarray, n: int) -> coo_matrix:
    """Floater's mean value weights: sums of tan(half the angle at i) / length over the triangles of edge (i, j)."""
    rows, columns, values = [], [], []
    for a in range(3):
        i, j, k = triangles[:, a], triangles[:, (a + 1) % 3], triangles[:, (a + 2) % 3]
        e, f = points[j] - points[i], points[k] - points[i]
        le, lf = np.linalg.norm(e, axis=1), np.linalg.norm(f, axis=1)
        cos = np.clip((e * f).sum(1) / np.maximum(le * lf, 1e-12), -0.999, 0.999)
        half = np.sqrt((1 - cos) / (1 + cos))
        rows += [i, i]
        columns += [j, k]
        values += [half / le, half / lf]
    return coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (n, n)).tocsr()


def _stretch(points: np.ndarray, triangles: np.ndarray, uv: np.ndarray, n: int) -> tuple[np.ndarray, float]:
    """Sander's L2 stretch per vertex (area weighted), and the whole chart's."""
    p, q = points[triangles], uv[triangles]
    a, b = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
    area_uv = np.maximum((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2, 1e-12)
    s = (p[:, 0] * (q[:, 1, 1] - q[:, 2, 1])[:, None] + p[:, 1] * (q[:, 2, 1] - q[:, 0, 1])[:, None]
         + p[:, 2] * (q[:, 0, 1] - q[:, 1, 1])[:, None]) / (2 * area_uv)[:, None]  # fmt: skip
    t = (p[:, 0] * (q[:, 2, 0] - q[:, 1, 0])[:, None] + p[:, 1] * (q[:, 0, 0] - q[:, 2, 0])[:, None]
         + p[:, 2] * (q[:, 1, 0] - q[:, 0, 0])[:, None]) / (2 * area_uv)[:, None]  # fmt: skip
    squared = ((s * s).sum(1) + (t * t).sum(1)) / 2
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2
    corners, weight = triangles.ravel(), np.repeat(area, 3)
    total = np.bincount(corners, weight, n)
    mean = np.bincount(corners, weight * np.repeat(squared, 3), n) / np.maximum(total, 1e-12)
    scale = np.sqrt(area.sum() / area_uv.sum())
    return np.sqrt(mean) / scale, float(np.sqrt((squared * area).sum() / area.sum()) / scale)
