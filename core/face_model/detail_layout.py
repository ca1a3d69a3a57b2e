"""Lays a face's chart out on a square, evenly and without folds: the detail UV layer.

A face is nearly a bent sheet, so it is unrolled as rigidly as possible with a free border (Liu et al. 2008, "A
local/global approach to mesh parameterization"), and the sheet's rounded outline is then drawn out towards the
square's, gently: texels stay nearly square on the skin, so that pores are round and furrows keep their width
everywhere. Faces that are folded over in the flat (a mouth's corner) are laid out again by Floater's mean value
weights. The start is Tutte's embedding on a circle, which never folds; it is also what is kept should the sheet overlap
itself.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import splu, spsolve

from ..errors import DnpmError
from ..geometry.uv_map import UVMap
from .landmarks import mirror_vertices

MASK_RESOLUTION = 512
_MARGIN = 0.004
_EXPONENT = 6.0
_GROWTH = range(2, 10)
_BEARINGS = 720


def detail_layout(
    vertices: np.ndarray, faces: np.ndarray, chart: np.ndarray, iterations: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out the faces in `chart`.

    vertices (V, 3) mm, symmetric about x = 0, y up, +z forward; faces (F, 4), -1 as a triangle's fourth; chart (F,)
    bool, a disc with holes. Returns detail_uv (D, 2) float32, faces_detail_uv (F, 4) int32 (-1 outside), detail_mask
    (512, 512) float32. Raises DnpmError when the chart is not a disc with holes, or not symmetric.
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
    """Points (n, 3) mm -> (n, 2) in the unit square, u with x and v with y, symmetric about u = .5."""
    weights = _mean_value(points, triangles, len(points))
    start = _tutte(points, weights, outer)
    best = start
    for flat in (start, _unroll(points, triangles, start, iterations)):
        square = _mend(_squared(_symmetric(flat, mirror), outer), triangles, weights, outer, mirror)
        if not _flipped(square, triangles).any() and not _overlaps(square, outer):
            best = square
    return best


def _symmetric(flat: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    return 0.5 * (flat + flat[mirror] * [-1.0, 1.0])


def _tutte(points: np.ndarray, weights: csr_matrix, outer: np.ndarray) -> np.ndarray:
    """Border on a circle by arc length, as it lies seen from the front; every other point a mean of its neighbours."""
    p = points[outer]
    length = np.linalg.norm(np.roll(p, -1, 0) - p, axis=1)
    around = 2 * np.pi * (np.cumsum(length) - length) / length.sum()
    seen = np.unwrap(np.arctan2(p[:, 1] - p[:, 1].mean(), p[:, 0]))
    around = around * np.sign(seen[-1] - seen[0])
    around += np.mean(seen - around)
    radius = np.sqrt(length.sum()) * 4
    placed = np.zeros((len(points), 2))
    placed[outer] = radius * np.stack([np.cos(around), np.sin(around)], 1)
    free = np.ones(len(points), bool)
    free[outer] = False
    return _averaged(placed, weights, free)


def _averaged(flat: np.ndarray, weights: csr_matrix, free: np.ndarray) -> np.ndarray:
    """The free points as weighted means of their neighbours, the others as they are."""
    rows = diags(1.0 / np.asarray(weights.sum(1)).ravel()) @ weights
    system = (identity(len(flat), format="csr") - diags(free.astype(float)) @ rows).tocsc()
    target = np.where(free[:, None], 0.0, flat)
    return np.stack([spsolve(system, target[:, 0]), spsolve(system, target[:, 1])], 1)


def _unroll(points: np.ndarray, triangles: np.ndarray, flat: np.ndarray, iterations: int) -> np.ndarray:
    """As rigid as possible with a free border: each triangle's nearest rotation, then one linear system, in turn."""
    n = len(points)
    p = points[triangles]
    e1, e2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    base = np.linalg.norm(e1, axis=1)
    shape = np.zeros((len(triangles), 3, 2))
    shape[:, 1, 0] = base
    shape[:, 2, 0] = (e1 * e2).sum(1) / base
    shape[:, 2, 1] = np.linalg.norm(np.cross(e1, e2), axis=1) / base
    sides = np.stack([shape[:, (k + 2) % 3] - shape[:, (k + 1) % 3] for k in range(3)], 1)
    weight = np.empty((len(triangles), 3))
    for k in range(3):
        a, b = -sides[:, (k + 1) % 3], sides[:, (k + 2) % 3]
        cross = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
        # Cotangents, held positive so that slivers cannot turn the system over.
        weight[:, k] = np.clip((a * b).sum(1) / np.maximum(cross, 1e-9), 0.02, 20.0)
    first, second = triangles[:, [1, 2, 0]].ravel(), triangles[:, [2, 0, 1]].ravel()
    w = weight.ravel()
    rows, columns = np.concatenate([first, second, first, second]), np.concatenate([second, first, first, second])
    laplace = coo_matrix((np.concatenate([-w, -w, w, w]), (rows, columns)), (n, n)).tocsc()
    solver = splu(laplace + 1e-9 * identity(n, format="csc"))
    for _ in range(iterations):
        q = flat[triangles]
        now = np.stack([q[:, (k + 2) % 3] - q[:, (k + 1) % 3] for k in range(3)], 1)
        s = np.einsum("tk,tki,tkj->tij", weight, now, sides)
        cos, sin = s[:, 0, 0] + s[:, 1, 1], s[:, 1, 0] - s[:, 0, 1]
        size = np.maximum(np.hypot(cos, sin), 1e-12)
        cos, sin = cos / size, sin / size
        turn = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
        pull = (np.einsum("tij,tkj->tki", turn, sides) * weight[..., None]).reshape(-1, 2)
        right = np.stack(
            [np.bincount(second, pull[:, c], n) - np.bincount(first, pull[:, c], n) for c in range(2)], 1
        )  # fmt: skip
        flat = solver.solve(right)
    return flat


def _squared(flat: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Draw the outline out to a rounded square: along each bearing from the middle, more the further out."""
    border = flat[outer]
    middle = np.array([0.0, 0.5 * (border[:, 1].min() + border[:, 1].max())])
    steps = np.linspace(0, 1, 24, endpoint=False)
    outline = np.concatenate([border + (np.roll(border, -1, 0) - border) * t for t in steps]) - middle
    bearing = np.arctan2(outline[:, 1], outline[:, 0])
    place = ((bearing + np.pi) / (2 * np.pi) * _BEARINGS).astype(int) % _BEARINGS
    reach = np.zeros(_BEARINGS)
    np.maximum.at(reach, place, np.hypot(*outline.T))
    known = np.flatnonzero(reach)
    reach = np.interp(np.arange(_BEARINGS), known, reach[known], period=_BEARINGS)
    # The border goes in stairs, face by face: its course counts, not its steps.
    reach = ndimage.gaussian_filter1d(reach, 8 / 360 * _BEARINGS, mode="wrap")
    angle = (np.arange(_BEARINGS) + 0.5) / _BEARINGS * 2 * np.pi - np.pi
    wanted = 0.5 / (np.abs(np.cos(angle)) ** _EXPONENT + np.abs(np.sin(angle)) ** _EXPONENT) ** (1 / _EXPONENT)
    q = flat - middle
    at = (np.arctan2(q[:, 1], q[:, 0]) + np.pi) / (2 * np.pi) * _BEARINGS - 0.5
    own, goal = (np.interp(at, np.arange(_BEARINGS), f, period=_BEARINGS) for f in (reach, wanted))
    scale = float(np.median(wanted / reach))
    square = q * (scale + (goal / own - scale) * (np.hypot(*q.T) / own) ** 2)[:, None]
    return 0.5 + square * (0.5 - _MARGIN) / np.abs(square[outer]).max(0)


def _flipped(uv: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b = uv[triangles[:, 1]] - uv[triangles[:, 0]], uv[triangles[:, 2]] - uv[triangles[:, 0]]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] <= 1e-9


def _mend(
    uv: np.ndarray, triangles: np.ndarray, weights: csr_matrix, outer: np.ndarray, mirror: np.ndarray
) -> np.ndarray:
    """Lay out again what is folded, with ever more of its neighbourhood."""
    near = (weights > 0).astype(np.float64)
    for rings in _GROWTH:
        folded = _flipped(uv, triangles)
        if not folded.any():
            break
        free = np.zeros(len(uv), bool)
        free[triangles[folded]] = True
        free |= free[mirror]
        for _ in range(rings):
            free |= near @ free.astype(np.float64) > 0
        free[outer] = False
        uv = _averaged(uv, weights, free)
        uv = 0.5 * (uv + (uv[mirror] * [-1.0, 1.0] + [1.0, 0.0]))
    return uv


def _overlaps(uv: np.ndarray, outer: np.ndarray) -> bool:
    """Whether the sheet covers some place twice: without folds, exactly when its border crosses itself."""
    a = uv[outer]
    b = np.roll(a, -1, 0)
    side = lambda p, q, r: (  # noqa: E731
        (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])
    )
    one, two = side(a[:, None], b[:, None], a[None]), side(a[:, None], b[:, None], b[None])
    crosses = (one * two < 0) & (one.T * two.T < 0)
    return bool(crosses.any())


def _mean_value(points: np.ndarray, triangles: np.ndarray, n: int) -> csr_matrix:
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
