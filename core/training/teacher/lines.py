"""Paints creases: every crease has a window of texels with its distance across and its place along, in millimetres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from .anatomy import Crease
from .strain import StrainField, bilinear
from .traits import FAMILIES, Traits

NODES = 9
MAX_SHIFT_MM = 1.1
_SAMPLES = 240


class CreasePainter:
    """All creases of one face model at one resolution, ready to be painted for any (identity, expression)."""

    def __init__(
        self, items: Sequence[Crease], positions: np.ndarray, covered: np.ndarray, model: FaceModel, seed: int
    ) -> None:
        """positions (R, R, 3): the mean face at rest in mm on the texels; covered (R, R) bool."""
        self.items = list(items)
        self.resolution = len(positions)
        rng = np.random.default_rng([seed, 29])
        texels = positions.reshape(-1, 3)
        inside = np.flatnonzero(covered.ravel())
        tree = cKDTree(texels[inside])
        grid_uv = _texel_uv(self.resolution)
        chunks: list[tuple[np.ndarray, ...]] = []
        node_uv: list[np.ndarray] = []
        node_normal: list[np.ndarray] = []
        drive = np.zeros((len(items), NODES, model.n_exp), np.float32)
        noise = np.zeros((len(items), NODES), np.float32)
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
            chunks.append((np.full(keep.sum(), i), index[keep], distance[keep], along[keep]))
            noise[i] = 1.0 + 0.22 * np.clip(rng.standard_normal(NODES), -2, 2)
            eye_distance = _eye_distance(model)
            for d in crease.drives:
                if d.expression in model.expression_index:
                    window = 1.0
                    if d.centre is not None:
                        u = (node_uv[-1][:, 0] - 0.5) / eye_distance
                        window = np.exp(-0.5 * ((u - d.centre) / d.width) ** 2)
                    drive[i, :, model.expression_index[d.expression]] += d.gain * window
        self.crease, self.index, distance, along = (np.concatenate(c) for c in zip(*chunks, strict=True))
        self.distance, self.along = distance.astype(np.float32), along.astype(np.float32)
        place = np.clip(self.along * (NODES - 1), 0, NODES - 1.001)
        self.node0 = place.astype(int)
        self.node_mix = (place - self.node0).astype(np.float32)
        # A line fades out at its ends, and grows finer there.
        self.taper = (_smoothstep(self.along / 0.34) * _smoothstep((1.0 - self.along) / 0.34)).astype(np.float32)
        self.narrowing = (0.55 + 0.45 * np.sqrt(self.taper)).astype(np.float32)
        self.drive, self.noise = drive, noise
        self.named = drive.any() or not any(c.drives for c in items)
        self.node_uv, self.node_normal = np.stack(node_uv), np.stack(node_normal)
        wiggle_rng = np.random.default_rng([seed, 31])
        widths = np.array([c.width for c in items], np.float32)
        self.wiggle = (0.22 * widths[:, None] * wiggle_rng.standard_normal((len(items), NODES))).astype(np.float32)
        self.width = widths
        self.depth = np.array([c.depth for c in items], np.float32)
        self.rest = np.array([c.rest for c in items], np.float32)
        self.onset = np.array([c.onset for c in items], np.float32)
        self.constant = np.array([c.constant for c in items], np.float32)
        self.fold = np.array([c.fold for c in items], np.float32)
        self.family = np.array([FAMILIES.index(c.family) for c in items])
        self.line = np.array([c.line for c in items]) % 16
        self.side = np.array([-1.0 if c.mirrored else 1.0 for c in items], np.float32)

    def amplitudes(self, traits: Traits, expression: np.ndarray, strain: StrainField | None) -> np.ndarray:
        """(creases, NODES) millimetres of depth along every crease."""
        age = traits.age
        proneness = np.array([traits.depth[f] for f in FAMILIES], np.float32)[self.family] * traits.lines[self.line]
        ageing = _smoothstep((age - self.onset + 0.25) / 0.9) ** 1.3
        resting = self.constant + self.rest * ageing
        active = np.zeros((len(self.items), NODES), np.float32)
        if strain is not None:
            wanted = self.drive @ np.asarray(expression, np.float32)
            squeezed = self._squeezed(strain)
            # The anatomy says where and when; the measured compression says how much. Models without ARKit's names have
            # the measured compression alone.
            wanted = wanted * (0.65 + 0.35 * squeezed) if self.named else squeezed
            active = 1.0 - np.exp(-1.7 * np.maximum(wanted, 0.0))
        skin = 0.55 + 0.45 * _smoothstep((age + 0.1) / 0.8)
        return (self.depth * proneness)[:, None] * self.noise * (resting[:, None] + active * skin)

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

    def paint(self, traits: Traits, amplitudes: np.ndarray) -> np.ndarray:
        """(creases, NODES) mm -> (R, R) float32 mm."""
        shift = traits.shift[self.family]
        # Parallel shift and tilt of a family; up on both sides of the face, so mirrored creases take the other sign.
        s = np.linspace(-1, 1, NODES, dtype=np.float32)
        offsets = (0.75 * shift[:, :1] + 0.35 * shift[:, 1:] * s) * self.side[:, None] + self.wiggle
        offset, amplitude = self._along(offsets), self._along(amplitudes) * self.taper
        width, fold = self.width[self.crease] * self.narrowing, self.fold[self.crease]
        x = (self.distance - offset) / width
        groove = -0.62 * np.exp(-0.5 * x * x) - 0.38 * np.exp(-2.6 * x * x)
        shoulder = lambda c: np.exp(-0.5 * ((x - c) / 0.95) ** 2)  # noqa: E731
        left, right = shoulder(2.1), shoulder(-2.1)
        profile = groove + (0.30 + 0.5 * fold) * left + (0.30 - 0.5 * fold) * right
        size = self.resolution
        total = np.bincount(self.index, (amplitude * profile).astype(np.float64), size * size)
        return total.reshape(size, size).astype(np.float32)

    def _along(self, per_node: np.ndarray) -> np.ndarray:
        first = per_node[self.crease, self.node0]
        # Catmull-Rom through the nodes: no kinks.
        after = per_node[self.crease, self.node0 + 1]
        before = per_node[self.crease, np.maximum(self.node0 - 1, 0)]
        beyond = per_node[self.crease, np.minimum(self.node0 + 2, NODES - 1)]
        t = self.node_mix
        bend, twist = 2 * before - 5 * first + 4 * after - beyond, 3 * (first - after) + beyond - before
        return first + 0.5 * t * (after - before + t * (bend + t * twist))


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
