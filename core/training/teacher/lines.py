"""Paints creases: a sparse matrix from depths at nodes along each crease to the texels' heights.

A map of creases is linear in the depths at their nodes. A crease that moves has several copies side by side, and a
shift weighs the two copies it lies between: so the map stays linear, painting is one product, and what a set of
components says of a map is known without painting it (`training/detail/linear.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from .crease import Crease
from .person import MAX_SHIFT_MM, MOVING, NODES, PersonLines
from .strain import StrainField, bilinear
from .traits import Traits

COPIES_MM = np.linspace(-MAX_SHIFT_MM, MAX_SHIFT_MM, 5, dtype=np.float32)
"""Where the copies of a crease that moves lie: nearer to each other than a crease is wide."""
DEEPEST_MM = 1.45
"""Of a crease 1 mm wide (standard deviation); narrow lines stay shallower."""
_SAMPLES = 240
_NEGLIGIBLE = 1e-4


class CreasePainter:
    """All creases of one face model at one resolution, ready to be painted for any (identity, expression)."""

    def __init__(
        self, items: Sequence[Crease], positions: np.ndarray, covered: np.ndarray, model: FaceModel, seed: int
    ) -> None:
        """positions (R, R, 3): the mean face at rest in mm on the texels; covered (R, R) bool."""
        self.items = list(items)
        self.resolution = len(positions)
        rng = np.random.default_rng([seed, 29])
        wiggle_rng = np.random.default_rng([seed, 31])
        texels = positions.reshape(-1, 3)
        inside = np.flatnonzero(covered.ravel())
        tree = cKDTree(texels[inside])
        grid_uv = _texel_uv(self.resolution)
        eye_distance = _eye_distance(model)
        node_uv: list[np.ndarray] = []
        node_normal: list[np.ndarray] = []
        self.drive = np.zeros((len(items), NODES, model.n_exp), np.float32)
        self.noise = np.zeros((len(items), NODES), np.float32)
        columns: list[sparse.csc_matrix] = []
        for i, crease in enumerate(self.items):
            curve_uv = _spline(crease.points, _SAMPLES)
            curve = bilinear(positions, curve_uv)
            nodes = np.linspace(0, _SAMPLES - 1, NODES).astype(int)
            node_uv.append(curve_uv[nodes])
            tangent_uv = np.gradient(curve_uv, axis=0)
            node_normal.append(np.stack([-tangent_uv[nodes, 1], tangent_uv[nodes, 0]], 1))
            reach = 4.3 * crease.width + MAX_SHIFT_MM
            near = np.unique(np.concatenate(tree.query_ball_point(curve[::6], reach + 0.5 * _step(curve) * 6)))
            index = inside[near.astype(int)]
            distance, along = _across(texels[index], grid_uv[index], curve, curve_uv)
            keep = np.abs(distance) < reach
            wiggle = 0.22 * crease.width * wiggle_rng.standard_normal(NODES)
            columns += self._columns(crease, index[keep], distance[keep], along[keep], wiggle)
            self.noise[i] = 1.0 + 0.22 * np.clip(rng.standard_normal(NODES), -2, 2)
            for d in crease.drives:
                if d.expression in model.expression_index:
                    window = 1.0
                    if d.centre is not None:
                        u = (node_uv[-1][:, 0] - 0.5) / eye_distance
                        window = np.exp(-0.5 * ((u - d.centre) / d.width) ** 2)
                    self.drive[i, :, model.expression_index[d.expression]] += d.gain * window
        self.matrix = sparse.hstack(columns, format="csr", dtype=np.float32)
        """(R * R, columns): column by column what a depth of 1 mm at a node of a copy of a crease does."""
        self.named = bool(self.drive.any()) or not any(c.drives for c in items)
        self.node_uv, self.node_normal = np.stack(node_uv), np.stack(node_normal)
        self.depth = np.array([c.depth for c in items], np.float32)
        self.deepest = DEEPEST_MM * np.sqrt(np.array([c.width for c in items], np.float32))
        self.rest = np.array([c.rest for c in items], np.float32)
        self.onset = np.array([c.onset for c in items], np.float32)
        self.constant = np.array([c.constant for c in items], np.float32)
        self.moving = np.array([c.family in MOVING for c in items])
        self.person = PersonLines(items, seed)

    def _columns(
        self, crease: Crease, index: np.ndarray, distance: np.ndarray, along: np.ndarray, wiggle: np.ndarray
    ) -> list[sparse.csc_matrix]:
        """One (R * R, NODES) matrix a copy."""
        place = np.clip(along * (NODES - 1), 0, NODES - 1.001)
        node = place.astype(int)
        # Catmull-Rom through the nodes: no kinks. Weights of the node before, these two, and the one beyond.
        t = place - node
        t2, t3 = t * t, t * t * t
        weights = 0.5 * np.stack([-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, -t2 + t3])
        nodes = np.stack([np.maximum(node - 1, 0), node, node + 1, np.minimum(node + 2, NODES - 1)])
        # A line fades out at its ends, and grows finer there.
        taper = _smoothstep(along / 0.34) * _smoothstep((1.0 - along) / 0.34)
        width = crease.width * (0.55 + 0.45 * np.sqrt(taper))
        base = (weights * wiggle[nodes]).sum(0)
        result = []
        for copy in COPIES_MM if crease.family in MOVING else (0.0,):
            height = taper * _profile((distance - base - copy) / width, crease.fold)
            there = np.abs(height) > _NEGLIGIBLE
            values = (weights * height)[:, there].ravel()
            rows, at = np.tile(index[there], 4), nodes[:, there].ravel()
            shape = (self.resolution**2, NODES)
            result.append(sparse.csc_matrix((values.astype(np.float32), (rows, at)), shape))
        return result

    def amplitudes(self, traits: Traits, expression: np.ndarray, strain: StrainField | None) -> np.ndarray:
        """(columns,) millimetres of depth, one for each column of `matrix`."""
        person = self.person(traits)
        return self.spread(self.depths(traits.age, person.depth, person.onset, self.active(expression, strain)),
                           person.shift)  # fmt: skip

    def active(self, expression: np.ndarray, strain: StrainField | None) -> np.ndarray:
        """(creases, NODES) 0 to 1: how far the expression folds the skin."""
        if strain is None:
            return np.zeros((len(self.items), NODES), np.float32)
        wanted = self.drive @ np.asarray(expression, np.float32)
        squeezed = self._squeezed(strain)
        # The anatomy says where and when; the measured compression says how much. Models without ARKit's names have
        # the measured compression alone.
        wanted = wanted * (0.65 + 0.35 * squeezed) if self.named else squeezed
        return 1.0 - np.exp(-1.7 * np.maximum(wanted, 0.0))

    def depths(self, age: float, factor: np.ndarray, onset: np.ndarray, active: np.ndarray) -> np.ndarray:
        """(creases, NODES) mm. A healthy adult of 30 is nearly smooth at rest, with creases in expressions."""
        ageing = _smoothstep((age - self.onset - onset + 0.06) / 0.75) ** 1.25
        resting = self.constant + self.rest * ageing
        skin = 0.55 + 0.45 * _smoothstep((age + 0.1) / 0.8)
        depth = self.depth[:, None] * factor * self.noise * (resting[:, None] + active * skin)
        # Factors multiply, skin does not: a fold of this width gets no deeper.
        return self.deepest[:, None] * np.tanh(depth / self.deepest[:, None])

    def spread(self, depths: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """(creases, NODES) mm each -> (columns,): a shifted depth is shared by the two copies about it."""
        step = COPIES_MM[1] - COPIES_MM[0]
        copies = np.maximum(1.0 - np.abs(shift[:, None] - COPIES_MM[:, None]) / step, 0.0) * depths[:, None]
        parts = [copies[i].ravel() if moving else depths[i] for i, moving in enumerate(self.moving)]
        return np.concatenate(parts).astype(np.float32)

    def _squeezed(self, strain: StrainField) -> np.ndarray:
        """(creases, NODES) 0 to 2: compression across the crease, 1 at 12 %."""
        uv, normal = self.node_uv.reshape(-1, 2), self.node_normal.reshape(-1, 2)
        rest, posed = bilinear(strain.rest, uv), bilinear(strain.posed, uv)
        # Across the crease on the surface: perpendicular to the tangent in the rest metric.
        tangent = np.stack([normal[:, 1], -normal[:, 0]], 1)
        e, f, g = rest.T
        across = np.stack([-(f * tangent[:, 0] + g * tangent[:, 1]), e * tangent[:, 0] + f * tangent[:, 1]], 1)
        w = np.stack([across[:, 0] ** 2, 2 * across[:, 0] * across[:, 1], across[:, 1] ** 2], 1)
        before = np.maximum((rest * w).sum(1), 1e-6)
        stretch = np.sqrt(np.maximum((posed * w).sum(1), 0) / before)
        return 2.0 * np.tanh(np.maximum(1.0 - stretch, 0.0) / 0.24).reshape(-1, NODES)

    def paint(self, amplitudes: np.ndarray) -> np.ndarray:
        """(columns,) mm -> (R, R) float32 mm."""
        return (self.matrix @ amplitudes).reshape(self.resolution, self.resolution)


def _profile(x: np.ndarray, fold: float) -> np.ndarray:
    """Cross-section of a crease of depth 1, x in its widths: a groove with raised shoulders."""
    groove = -0.62 * np.exp(-0.5 * x * x) - 0.38 * np.exp(-2.6 * x * x)
    shoulder = lambda c: np.exp(-0.5 * ((x - c) / 0.95) ** 2)  # noqa: E731
    return groove + (0.30 + 0.5 * fold) * shoulder(2.1) + (0.30 - 0.5 * fold) * shoulder(-2.1)


def _across(
    points: np.ndarray, uv: np.ndarray, curve: np.ndarray, curve_uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance (mm, positive on the curve's left in the UV) and place (0 to 1) along the nearest curve point."""
    distance, nearest = cKDTree(curve).query(points)
    tangent = np.gradient(curve_uv, axis=0)[nearest]
    delta = uv - curve_uv[nearest]
    sign = np.sign(tangent[:, 0] * delta[:, 1] - tangent[:, 1] * delta[:, 0])
    return sign * distance, nearest / (len(curve) - 1)


def _spline(points: np.ndarray, n: int) -> np.ndarray:
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(length / length[-1], points, bc_type="natural")(np.linspace(0, 1, n))


def _texel_uv(resolution: int) -> np.ndarray:
    c = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(c, 1.0 - c)
    return np.stack([u, v], -1).reshape(-1, 2)


def _step(curve: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(curve, axis=0), axis=1).max())


def _smoothstep(x: np.ndarray | float) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _eye_distance(model: FaceModel) -> float:
    uv = landmark_uv(model)
    return float(np.linalg.norm(uv[45] - uv[36]))
