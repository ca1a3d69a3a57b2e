"""Rims that must meet: lids on eyeBlink, lips on jawOpen with mouthClose; and lids that must clear the eye.

Which point of the lower rim an upper vertex meets is the same for everyone. The gap between the rims is then a linear
function of the mesh that is zero for every person of the sample, hence for every identity of the bilinear model.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu

from .eyes import surface_radius
from .smooth import ramp

_OVERLAP_MM = np.array([0.0, -0.24, 0.18])
_EVEN_ROUNDS = 3
_FOLD_SHARE = 0.5
"""How much of its distance from the eyeball the skin above a closed lid loses."""


class Rims:
    """Two rims that share their corners, each from one corner to the other.

    upper (n,), lower (m,) vertex indices; closed (V, 3): positions where they roughly meet, from which is read what
    meets what.
    """

    def __init__(self, upper: np.ndarray, lower: np.ndarray, closed: np.ndarray) -> None:
        self.upper, self.lower = upper, lower
        axis = closed[upper[-1]] - closed[upper[0]]
        along_upper, along_lower = (_along(closed[rim] - closed[upper[0]], axis) for rim in (upper, lower))
        self.on_lower = _mixture(along_upper, along_lower)
        """(n, m) rows that mix the lower rim's points to the ones that the upper rim's vertices meet."""
        self.on_upper = _mixture(along_lower, along_upper)

    def gap(self, points: np.ndarray) -> np.ndarray:
        """(V, 3) mm -> (n,) mm between the upper rim's vertices and the points that they should meet."""
        return np.linalg.norm(points[self.upper] - self.on_lower @ points[self.lower], axis=1)


class Spread:
    """Carries what a few vertices do smoothly into their neighbourhood: up to `reach` mm along rest's edges."""

    def __init__(self, rest: np.ndarray, faces: np.ndarray, handles: np.ndarray, reach: float) -> None:
        self.handles = handles
        edges = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])
        length = np.maximum(np.linalg.norm(rest[edges[:, 0]] - rest[edges[:, 1]], axis=1), 0.05)
        n = len(rest)
        graph = coo_matrix((length, edges.T), (n, n)).tocsr()
        distance = dijkstra(graph.maximum(graph.T), directed=False, indices=handles, limit=reach, min_only=True)
        self.region = np.setdiff1d(np.flatnonzero(np.isfinite(distance)), handles)
        # A membrane held at the handles and at the region's border; longer edges pull less.
        weight = coo_matrix((1.0 / length, edges.T), (n, n)).tocsr()
        weight = weight.maximum(weight.T)
        laplacian = (diags(np.asarray(weight.sum(1)).ravel()) - weight).tocsr()[self.region]
        held = np.setdiff1d(np.flatnonzero(np.abs(laplacian).sum(0) > 0), self.region)
        self._border = np.setdiff1d(held, handles)
        solve = splu(laplacian[:, self.region].tocsc()).solve
        self._from_handles = solve(-laplacian[:, handles].toarray())
        self._from_border = solve(-laplacian[:, self._border].toarray())

    def add(self, field: np.ndarray, corrections: np.ndarray) -> None:
        """field (V, 3) changed in place: the handles by corrections (h, 3), the region by its share of them."""
        field[self.handles] += corrections
        field[self.region] += self._from_handles @ corrections

    def replace(self, field: np.ndarray, goals: np.ndarray) -> None:
        """field (V, 3) changed in place: goals (h, 3) at the handles, as it is outside, and even in between."""
        field[self.handles] = goals
        field[self.region] = self._from_handles @ goals + self._from_border @ field[self._border]


def close_lids(rims: Rims, spread: Spread, blink: np.ndarray, rest: np.ndarray) -> None:
    """Change blink (V, 3), eyeBlink's displacement of one eye, so that the rims meet on the lower lid.

    The lower lid comes up a little to meet the upper, which lies a hair's breadth over it and outwards, so that no
    light falls through between them when the mesh is subdivided.
    """
    lower, upper = rest[rims.lower], rest[rims.upper]
    lower_goal = lower + blink[rims.lower]
    lower_goal += 0.12 * arch(len(lower)) * (rims.on_upper @ upper - lower)
    # Where lids meet is one even curve, on coarse rims too.
    for _ in range(_EVEN_ROUNDS):
        lower_goal[1:-1] = 0.5 * lower_goal[1:-1] + 0.25 * (lower_goal[:-2] + lower_goal[2:])
    upper_goal = rims.on_lower @ lower_goal + arch(len(upper)) * _OVERLAP_MM
    spread.replace(blink, _at_handles(rims, spread, lower_goal - lower, upper_goal - upper))


def seal_lips(rims: Rims, spread: Spread, offset: np.ndarray, rest: np.ndarray) -> None:
    """Change rest (V, 3), a face at rest, so that the upper rim lies offset (n, 3) mm from where it meets the lower."""
    lower, upper = rest[rims.lower], rest[rims.upper]
    lacks = rims.on_lower @ lower + offset - upper
    # The lower lip moves a third of the way, at its own vertices; the upper one what is left.
    lower_moves = -0.33 * (rims.on_upper @ lacks) * arch(len(lower)) ** 0.5
    upper_moves = lacks + rims.on_lower @ lower_moves
    spread.add(rest, _at_handles(rims, spread, lower_moves, upper_moves))


def close_lips(rims: Rims, spread: Spread, close: np.ndarray, opened: np.ndarray) -> None:
    """Change close (V, 3), mouthClose's displacement, so that on `opened` (V, 3), jawOpen's mesh, the lips meet."""
    closed = opened + close
    lower, upper = closed[rims.lower], closed[rims.upper]
    lower_goal = 0.5 * (lower + rims.on_upper @ upper)
    lower_goal[[0, -1]] = lower[[0, -1]]
    upper_goal = rims.on_lower @ lower_goal
    spread.add(close, _at_handles(rims, spread, lower_goal - lower, upper_goal - upper))


def clear_of_eye(
    moved: np.ndarray, vertices: np.ndarray, centre: np.ndarray, radius: float, gaze: np.ndarray, margin: float
) -> None:
    """moved (V, 3) changed in place: `vertices` nearer than margin mm to the eyeball are pushed out along its radius.

    gaze (3,): unit vector that the cornea looks along.
    """
    offset = moved[vertices] - centre
    distance = np.linalg.norm(offset, axis=1)
    unit = offset / distance[:, None]
    angle = np.arccos(np.clip(unit @ gaze, -1, 1))
    lacks = radius * surface_radius(angle) + margin - distance
    moved[vertices] += np.maximum(lacks, 0.0)[:, None] * unit


def hollow_lid(
    moved: np.ndarray, vertices: np.ndarray, rim: np.ndarray, centre: np.ndarray, radius: float
) -> None:  # fmt: skip
    """moved (V, 3), a face with one eye shut, changed in place: above the closed upper lid `vertices` sink towards the
    eyeball, so that the lid stands out as its dome with the fold above it, not as one plane up to the brow.

    rim: the upper lid's, where it meets the lower.
    """
    offset = moved[vertices] - centre
    distance = np.linalg.norm(offset, axis=1)
    gap = distance - radius * surface_radius(np.arccos(np.clip(offset[:, 2] / distance, -1, 1)))
    ends = moved[rim[[0, -1]], 0]
    along = np.clip((moved[vertices, 0] - ends.min()) / max(float(np.ptp(ends)), 1e-6), 0.0, 1.0)
    above = ramp(moved[vertices, 1] - np.interp(moved[vertices, 0], *_ascending(moved[rim])), 1.5, 4.5)
    share = above * np.sin(np.pi * along) ** 0.5 * ramp(gap, 0.8, 2.5) * (1.0 - ramp(gap, 4.0, 7.5))
    moved[vertices] -= (_FOLD_SHARE * share * np.maximum(gap - 0.8, 0.0))[:, None] * offset / distance[:, None]


def _ascending(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of a rim's points, by x."""
    order = np.argsort(line[:, 0])
    return line[order, 0], line[order, 1]


def arch(n: int) -> np.ndarray:
    """(n, 1) from 0 at the corners, which are one point, to 1 in the middle."""
    return np.sin(np.pi * np.linspace(0, 1, n))[:, None]


def _at_handles(rims: Rims, spread: Spread, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Values on the rims in the order of the spread's handles."""
    values = np.zeros((len(spread.handles), 3))
    values[np.searchsorted(spread.handles, rims.lower)] = lower
    values[np.searchsorted(spread.handles, rims.upper)] = upper
    return values


def _along(offset: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(n, 3) points of a rim -> (n,) ascending places along it, 0 to 1."""
    place = np.clip(offset @ axis / (axis @ axis), 0.0, 1.0)
    # Rims turn back on themselves at the corners of the eye: the order along the rim must not. Taken from both ends
    # alike, or a left eye would close otherwise than a right one; the corners are the same point on both rims.
    rising = 0.5 * (np.maximum.accumulate(place) + np.minimum.accumulate(place[::-1])[::-1])
    rising = np.clip(rising, 1e-3, 1.0 - 1e-3) + 1e-6 * np.arange(len(place))
    rising[0], rising[-1] = 0.0, 1.0
    return rising


def _mixture(where: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Rows of linear interpolation weights: `rows @ values_at_knots` are the values at `where`."""
    return np.stack([np.interp(where, knots, unit) for unit in np.eye(len(knots))], 1)
