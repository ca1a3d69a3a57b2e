"""From one person's head at rest to that person's whole face: eyes, and all 52 expressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..arkit import ARKIT_NAMES, mirror_name
from .data import BaseData, BaseMesh
from .eyes import LOOK_DEGREES, Eyeball, eyeball, look_rotation
from .head import Head
from .identities import Population, Sample, align, positions
from .transfer import DeformationTransfer

SIDES = ("Left", "Right")
JAW_UNITS = ("jawForward", "jawLeft", "jawRight", "jawOpen")
_INDEX = {name: i for i, name in enumerate(ARKIT_NAMES)}


@dataclass(frozen=True)
class Eye:
    """One person's eye: centre (3,) and radius, mm."""

    centre: np.ndarray
    radius: float


@dataclass(frozen=True)
class Rest:
    """One person at rest: the head's vertices (V, 3) mm and the two eyes, in core's axes."""

    head: np.ndarray
    eyes: dict[str, Eye]


class Carrier:
    """Made once; `rest` and `expressions` are called for every person."""

    def __init__(self, data: BaseData, base: BaseMesh, head: Head, population: Population) -> None:
        self._data, self._head = data, head
        self._base = base.vertices
        self._eye_source = {
            side: np.unique(base.faces[base.face_group == f"helper-{side[0].lower()}-eye"]) for side in SIDES
        }
        self._source = np.concatenate([head.source, *self._eye_source.values()])
        self.template: Eyeball = eyeball()
        mean = positions(data, self._base[self._source], self._source, population.mean_adult())
        n = len(head.source)
        # Between the ears: the middle of the widest part of the head's UV island, which the ears are.
        ears = np.abs(mean[:n, 0]) > 0.93 * np.abs(mean[head.groups["head"], 0]).max()
        self._origin = np.array([0.0, *mean[:n][ears, 1:].mean(0)])
        self._mean = mean - self._origin
        self._align_weight = np.zeros(len(mean))
        self._align_weight[head.groups["head"]] = 1.0
        # The chin and the ears vary by themselves; the skull is what holds a head still.
        self._align_weight[:n][np.abs(self._mean[:n, 0]) > 80] = 0.0
        self._align_weight[:n][self._mean[:n, 1] < -60] = 0.0
        self.mean = self._rest(self._mean)
        self.units = symmetric_units(data.face_units()[:, head.source], head.mirror)
        skin = slice(0, head.n_skin)
        triangles = _triangles(head.faces[(head.faces < head.n_skin).all(1)])
        self._transfer = DeformationTransfer(self.mean.head[skin], triangles, self.units[:, skin])
        self._jaw = self._jaw_vertices()
        rims = np.concatenate([head.groups[f"lid_{p}_{s.lower()}"] for p in ("upper", "lower") for s in SIDES])
        lashes = head.groups["lashes"]
        distance, near = cKDTree(self.mean.head[rims]).query(self.mean.head[lashes], k=3)
        weight = 1.0 / np.maximum(distance, 0.1) ** 2
        self._lash_lids, self._lash_weight = rims[near], weight / weight.sum(1, keepdims=True)

    @property
    def n_vertices(self) -> int:
        return len(self._head.source) + 2 * len(self.template.vertices)

    def rest(self, sample: Sample) -> Rest:
        """The person a Sample describes, turned and moved (not scaled) onto the mean adult's skull."""
        points = positions(self._data, self._base[self._source], self._source, sample)
        rotation, shift = align(points, self._mean, self._align_weight)
        return self._rest(points @ rotation.T + shift)

    def whole(self, rest: Rest) -> np.ndarray:
        """(V, 3) float32 mm: the head, then the left and the right eyeball."""
        eyes = [rest.eyes[s].centre + rest.eyes[s].radius * self.template.vertices for s in SIDES]
        return np.concatenate([rest.head, *eyes]).astype(np.float32)

    def expressions(self, rest: Rest) -> np.ndarray:
        """(52, V, 3) float32 mm: what each unit at 1 adds to this person's rest."""
        head, groups = self._head, self._head.groups
        result = np.zeros((len(ARKIT_NAMES), self.n_vertices, 3), np.float32)
        result[:, : head.n_skin] = self._transfer(rest.head[: head.n_skin])
        moved = np.concatenate([groups["teeth_lower"], groups["tongue"]])
        for name in JAW_UNITS:
            e = _INDEX[name]
            rotation, shift = align(
                rest.head[self._jaw], rest.head[self._jaw] + result[e, self._jaw], np.ones(len(self._jaw))
            )
            result[e, moved] = rest.head[moved] @ rotation.T + shift - rest.head[moved]
        tongue = groups["tongue"]
        length = np.ptp(rest.head[tongue, 2]) / np.ptp(self.mean.head[tongue, 2])
        result[_INDEX["tongueOut"], tongue] = length * self.units[_INDEX["tongueOut"], tongue]
        lashes = groups["lashes"]
        result[:, lashes] = np.einsum("lk,elkc->elc", self._lash_weight, result[:, self._lash_lids])
        start = len(head.source)
        for side in SIDES:
            eye = slice(start, start + len(self.template.vertices))
            start = eye.stop
            points = rest.eyes[side].radius * self.template.vertices
            for direction in LOOK_DEGREES:
                turned = points @ look_rotation(direction, side).T
                result[_INDEX[f"eyeLook{direction}{side}"], eye] = turned - points
        return result

    def _rest(self, points: np.ndarray) -> Rest:
        n = len(self._head.source)
        eyes = {}
        for i, side in enumerate(SIDES):
            count = len(self._eye_source["Left"])
            p = points[n + i * count : n + (i + 1) * count]
            low, high = p.min(0), p.max(0)
            # The coarse eye is stretched by the targets; what must fit the lids is its width, its height and its front.
            radius = float((high - low)[:2].mean() / 2)
            centre = 0.5 * (low + high)
            centre[2] = high[2] - radius * self.template.vertices[0, 2]
            eyes[side] = Eye(centre, radius)
        return Rest(points[:n], eyes)

    def _jaw_vertices(self) -> np.ndarray:
        """Skin that jawOpen moves as the lower teeth: on every head it tells how the jaw turns."""
        e, teeth = _INDEX["jawOpen"], self._head.groups["teeth_lower"]
        rest = self.mean.head
        rotation, shift = align(rest[teeth], rest[teeth] + self.units[e, teeth], np.ones(len(teeth)))
        skin = np.setdiff1d(self._head.groups["head"], self._head.groups["mouth"])
        off = rest[skin] @ rotation.T + shift - rest[skin] - self.units[e, skin]
        return skin[(np.linalg.norm(off, axis=1) < 1.0)]


def symmetric_units(units: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(52, V, 3) -> the same, left and right units made exact mirror images, the others symmetric."""
    result = np.empty(units.shape, np.float64)
    for name, i in _INDEX.items():
        partner = mirror_name(name)
        other = units[_INDEX[partner]][mirror] * [-1, 1, 1]
        result[i] = 0.5 * (units[i] + other)
    return result


def _triangles(faces: np.ndarray) -> np.ndarray:
    quads = faces[:, 3] >= 0
    return np.concatenate([faces[:, [0, 1, 2]], faces[quads][:, [0, 2, 3]]])
