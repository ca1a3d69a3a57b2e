"""From one person's head at rest to that person's whole face: eyes, teeth, lashes, and all 52 expressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..arkit import ARKIT_NAMES
from .contacts import Rims, Spread, arch, clear_of_eye, close_lids, close_lips, hollow_lid, seal_lips
from .data import BaseData, BaseMesh
from .eyes import LOOK_DEGREES, Eyeball, eyeball, look_rotation, surface_radius
from .head import Head
from .identities import Population, Sample, Shaper, align
from .mouth import TONGUE_SCALE, seat_teeth, seat_tongue, sunk_tongue, tongue_floor
from .parts import Parts, make_parts
from .smooth import CreaseSmoother, ramp
from .transfer import DeformationTransfer
from .units import INDEX, mended_units

SIDES = ("Left", "Right")
_PITTING_UNITS = tuple(f"{name}{side}" for name in ("mouthSmile", "mouthDimple", "cheekSquint") for side in SIDES)
JAW_UNITS = ("jawForward", "jawLeft", "jawRight", "jawOpen")
_LID_REACH_MM, _LIP_REACH_MM, _SEAL_REACH_MM = 11.0, 16.0, 9.0
_LID_MARGIN_MM, _CLOSED_MARGIN_MM = 0.5, 1.2
"""Closed lids lie over the cornea, the most curved part, in few faces: these must clear it between their corners."""
# Subdivision draws both rims in: without this there would be a slit between closed lips.
_SEAL_MM = np.array([0.0, -1.1, 0.0])
_FORWARD = np.array([0.0, 0.0, 1.0])
# The mouth's lining, drawn in: on thin old cheeks it would come through the skin.
_MOUTH_SCALE = [0.84, 0.92, 0.94]


@dataclass(frozen=True)
class Eye:
    """One person's eye: centre (3,) and radius, mm."""

    centre: np.ndarray
    radius: float


@dataclass(frozen=True)
class Rest:
    """One person at rest: the head's vertices, cages included, (V, 3) mm, and the two eyes, in core's axes."""

    head: np.ndarray
    eyes: dict[str, Eye]


class Carrier:
    """Made once; `rest`, `whole` and `expressions` are called for every person.

    The mesh's vertices are the skin, the tongue, teeth with gums and lashes, the left and the right eyeball.
    """

    def __init__(self, data: BaseData, base: BaseMesh, head: Head, population: Population) -> None:
        self._head = head
        self._eye_source = [np.unique(base.faces[base.face_group == f"helper-{side[0].lower()}-eye"]) for side in SIDES]
        self._source = np.concatenate([head.source, *self._eye_source])
        self._shape = Shaper(data, base.vertices, self._source)
        self.template: Eyeball = eyeball()
        self._lining = self._lining_weight(base)
        mean = self._shape(population.mean_adult())
        # The origin lies between the ears, which are the widest part of the head.
        skin = mean[: head.n_skin]
        ears = np.abs(skin[:, 0]) > 0.93 * np.abs(skin[head.groups["head"], 0]).max()
        self._mean = mean - [0.0, *skin[ears, 1:].mean(0)]
        self._align_weight = np.zeros(len(mean))
        # The chin, the ears and the neck vary by themselves; the skull is what holds a head still.
        skull = head.groups["head"]
        skull = skull[(np.abs(self._mean[skull, 0]) < 80) & (self._mean[skull, 1] > -60)]
        self._align_weight[skull] = 1.0
        self._seal: tuple[Rims, Spread, np.ndarray] | None = None
        self.mean = self._rest(self._mean)
        self._seal = self._make_seal()
        self.parts: Parts = make_parts(head, self.mean.head)

        self.units = mended_units(data.face_units()[:, head.source], head, self.mean.head)
        self._skin_faces = head.faces[(head.faces < head.n_skin).all(1)]
        skin_mean = self.mean.head[: head.n_skin]
        self._transfer = DeformationTransfer(skin_mean, _triangles(self._skin_faces), self.units[:, : head.n_skin])
        self._jaw = self._jaw_vertices()
        self._lids, self._lips = self._make_rims(skin_mean)
        self._smoother = self._make_smoother(skin_mean)
        self._lash_lids = {side: self._bind_lashes(side) for side in SIDES}

    @property
    def n_vertices(self) -> int:
        return self._head.n_mesh + len(self.parts.mixture) + 2 * len(self.template.vertices)

    def rest(self, sample: Sample) -> Rest:
        """The person a Sample describes, calmed, turned and moved (not scaled) onto the mean adult's skull."""
        return self._rest(self._aligned(sample.calmed()))

    def drawn(self, sample: Sample) -> np.ndarray:
        """(n_skin, 3) mm: the skin as drawn, before anything is calmed or mended.

        The identity components are found on it, so that no later mend turns them under weights trained on them.
        """
        return self._aligned(sample)[: self._head.n_skin]

    def whole(self, rest: Rest) -> np.ndarray:
        """(V, 3) float32 mm: the finished mesh at rest."""
        n = self._head.n_mesh
        eyes = [rest.eyes[s].centre + rest.eyes[s].radius * self.template.vertices for s in SIDES]
        return np.concatenate([rest.head[:n], self.parts.mixture @ rest.head[n:], *eyes]).astype(np.float32)

    def expressions(self, rest: Rest) -> np.ndarray:
        """(52, V, 3) float32 mm: what each unit at 1 adds to this person's rest."""
        head, n_skin = self._head, self._head.n_skin
        skin_rest = rest.head[:n_skin]
        skin = self._smoother(skin_rest, self._transfer(skin_rest))
        for name in _PITTING_UNITS:
            skin[INDEX[name]] = self._smoother.filled(skin_rest, skin[INDEX[name]])
        self._mend_eyes(rest, skin)
        close_lips(*self._lips, skin[INDEX["mouthClose"]], skin_rest + skin[INDEX["jawOpen"]])

        result = np.zeros((len(ARKIT_NAMES), self.n_vertices, 3), np.float32)
        result[:, :n_skin] = skin
        self._move_jaw(self.whole(rest), result)
        tongue = head.groups["tongue"]
        length = np.ptp(rest.head[tongue, 2]) / np.ptp(self.mean.head[tongue, 2])
        floor = tongue_floor(rest.head[tongue])
        # The unit was made for the tongue before it was drawn in.
        full = floor + (rest.head[tongue] - floor) / TONGUE_SCALE
        result[INDEX["tongueOut"], tongue] = full + length * self.units[INDEX["tongueOut"], tongue] - rest.head[tongue]
        self._move_lashes(rest, result)
        start = self.n_vertices - 2 * len(self.template.vertices)
        for side in SIDES:
            eye = slice(start, start + len(self.template.vertices))
            start = eye.stop
            points = rest.eyes[side].radius * self.template.vertices
            for direction in LOOK_DEGREES:
                turned = points @ look_rotation(direction, side).T
                result[INDEX[f"eyeLook{direction}{side}"], eye] = turned - points
        return result

    def _aligned(self, sample: Sample) -> np.ndarray:
        points = self._shape(sample)
        rotation, shift = align(points, self._mean, self._align_weight)
        return points @ rotation.T + shift

    def _rest(self, points: np.ndarray) -> Rest:
        n = len(self._head.source)
        head = points[:n].copy()
        if self._seal:
            seal_lips(*self._seal, head[: self._head.n_skin])
        mouth = head[self._head.groups["mouth"]].mean(0)
        head += self._lining[:, None] * (np.array(_MOUTH_SCALE) - 1) * (head - mouth)
        for jaw in ("upper", "lower"):
            teeth = np.unique(self._head.cages[f"teeth_{jaw}"])
            head[teeth] = seat_teeth(head[teeth], jaw)
        tongue = self._head.groups["tongue"]
        head[tongue] = seat_tongue(head[tongue])
        eyes = {}
        for i, side in enumerate(SIDES):
            count = len(self._eye_source[0])
            coarse = points[n + i * count : n + (i + 1) * count]
            low, high = coarse.min(0), coarse.max(0)
            # The coarse eye is stretched by the targets; what must fit the lids is its width, its height and its front.
            radius = float((high - low)[:2].mean() / 2)
            centre = 0.5 * (low + high)
            centre[2] = high[2] - radius * self.template.vertices[0, 2]
            eyes[side] = Eye(centre, radius)
        return Rest(head, eyes)

    def _make_seal(self) -> tuple[Rims, Spread, np.ndarray]:
        """At rest everyone's lips lie on each other as the mean adult's do, and a little closer."""
        upper, lower = self._head.groups["lips_upper"], self._head.groups["lips_lower"]
        mean = self.mean.head[: self._head.n_skin]
        rims = Rims(upper, lower, mean)
        faces = self._head.faces[(self._head.faces < self._head.n_skin).all(1)]
        spread = Spread(mean, faces, np.union1d(upper, lower), _SEAL_REACH_MM)
        return rims, spread, mean[upper] - rims.on_lower @ mean[lower] + arch(len(upper)) ** 0.3 * _SEAL_MM

    def _lining_weight(self, base: BaseMesh) -> np.ndarray:
        """(V,) 0 at the lips, 1 in the depth of the mouth, 0 elsewhere."""
        groups, position = self._head.groups, base.vertices[self._head.source]
        rim = np.concatenate([groups["lips_upper"], groups["lips_lower"]])
        lining = np.setdiff1d(groups["mouth"], rim)
        weight = np.zeros(len(position))
        weight[lining] = ramp(cKDTree(position[rim]).query(position[lining])[0], 6.0, 18.0)
        return weight

    def _jaw_vertices(self) -> np.ndarray:
        """Skin that jawOpen moves as the lower teeth: on every head it tells how the jaw turns."""
        e, teeth = INDEX["jawOpen"], np.unique(self._head.cages["teeth_lower"])
        rest = self.mean.head
        rotation, shift = align(rest[teeth], rest[teeth] + self.units[e, teeth], np.ones(len(teeth)))
        skin = np.setdiff1d(self._head.groups["head"], self._head.groups["mouth"])
        off = rest[skin] @ rotation.T + shift - rest[skin] - self.units[e, skin]
        return skin[np.linalg.norm(off, axis=1) < 1.0]

    def _make_rims(self, mean: np.ndarray) -> tuple[dict[str, tuple[Rims, Spread]], tuple[Rims, Spread]]:
        groups, faces, units = self._head.groups, self._skin_faces, self.units[:, : len(mean)]
        lids = {}
        for side in SIDES:
            upper, lower = groups[f"lid_upper_{side.lower()}"], groups[f"lid_lower_{side.lower()}"]
            rims = Rims(upper, lower, mean + units[INDEX[f"eyeBlink{side}"]])
            lids[side] = (rims, Spread(mean, faces, np.union1d(upper, lower), _LID_REACH_MM))
        upper, lower = groups["lips_upper"], groups["lips_lower"]
        lips = Rims(upper, lower, mean + units[INDEX["jawOpen"]] + units[INDEX["mouthClose"]])
        return lids, (lips, Spread(mean, faces, np.union1d(upper, lower), _LIP_REACH_MM))

    def _make_smoother(self, mean: np.ndarray) -> CreaseSmoother:
        groups = self._head.groups
        rims = np.concatenate([groups[k] for k in groups if k.startswith(("lid_", "lips_"))])
        where = np.zeros(len(mean))
        outside = np.setdiff1d(
            groups["head"], np.concatenate([groups["mouth"], groups["socket_left"], groups["socket_right"]])
        )
        outside = np.union1d(outside, groups["neck"])
        where[outside] = ramp(cKDTree(mean[rims]).query(mean[outside])[0], 4.0, 9.0)
        return CreaseSmoother(self._skin_faces, len(mean), where)

    def _mend_eyes(self, rest: Rest, skin: np.ndarray) -> None:
        points = rest.head[: self._head.n_skin]
        for side in SIDES:
            eye, (rims, spread) = rest.eyes[side], self._lids[side]
            close_lids(rims, spread, skin[INDEX[f"eyeBlink{side}"]], points)
            lid = self._lid_skin(points, eye, spread)
            open_lid = np.union1d(lid, spread.handles)
            gaze = {f"eye{n}{side}": _FORWARD for n in ("Blink", "Squint", "Wide")}
            gaze |= {f"eyeLook{d}{side}": look_rotation(d, side) @ _FORWARD for d in LOOK_DEGREES}
            for name, direction in gaze.items():
                moved = points + skin[INDEX[name]]
                if name.startswith("eyeBlink"):
                    upper = self._head.groups[f"lid_upper_{side.lower()}"]
                    hollow_lid(moved, lid, upper, eye.centre, eye.radius)
                # The rims of a closed eye are where they must be.
                free = lid if name.startswith("eyeBlink") else open_lid
                margin = _CLOSED_MARGIN_MM if name.startswith("eyeBlink") else _LID_MARGIN_MM
                clear_of_eye(moved, free, eye.centre, eye.radius, direction, margin)
                skin[INDEX[name]] = moved - points

    def _lid_skin(self, points: np.ndarray, eye: Eye, spread: Spread) -> np.ndarray:
        """The lids' skin that lies outside of the eyeball at rest, not the rims nor the margin behind them."""
        near = spread.region
        offset = points[near] - eye.centre
        distance = np.linalg.norm(offset, axis=1)
        angle = np.arccos(np.clip(offset[:, 2] / distance, -1, 1))
        return near[distance > eye.radius * surface_radius(angle) + _LID_MARGIN_MM]

    def _move_jaw(self, whole: np.ndarray, result: np.ndarray) -> None:
        """Lower teeth and tongue go with the jaw, rigidly; where it opens, the tongue goes flat as well."""
        groups, n = self._head.groups, self._head.n_mesh
        moved = np.concatenate([self.parts.groups["teeth_lower"] + n, groups["tongue"]])
        for name in JAW_UNITS:
            e = INDEX[name]
            jaw = whole[self._jaw].astype(np.float64)
            rotation, shift = align(jaw, jaw + result[e, self._jaw], np.ones(len(jaw)))
            result[e, moved] = whole[moved] @ rotation.T + shift - whole[moved]
            if name == "jawOpen":
                result[e, groups["tongue"]] += sunk_tongue(whole[groups["tongue"]]) @ rotation.T

    def _bind_lashes(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Three vertices of the lids' rims for every lash vertex, nearest to its strand's root, and their weights."""
        roots = self.parts.strand_root[f"lashes_{side.lower()}"] @ self.mean.head[self._head.n_mesh :]
        rims = self._lids[side][1].handles
        distance, near = cKDTree(self.mean.head[rims]).query(roots, k=3)
        weight = 1.0 / np.maximum(distance, 0.1) ** 2
        return rims[near], weight / weight.sum(1, keepdims=True)

    def _move_lashes(self, rest: Rest, result: np.ndarray) -> None:
        """A lash goes with its root, and turns about the eye's centre as its root does."""
        cages = rest.head[self._head.n_mesh :]
        for side in SIDES:
            group = f"lashes_{side.lower()}"
            lids, weight = self._lash_lids[side]
            lashes = self.parts.mixture[self.parts.groups[group]] @ cages
            root = self.parts.strand_root[group] @ cages
            shift = np.einsum("lk,elkc->elc", weight, result[:, lids])
            for e in np.flatnonzero(np.abs(shift).max((1, 2)) > 1e-3):
                turn = _turns(root - rest.eyes[side].centre, root + shift[e] - rest.eyes[side].centre)
                moved = root + shift[e] + np.einsum("lij,lj->li", turn, lashes - root)
                result[e, self.parts.groups[group] + self._head.n_mesh] = moved - lashes


def _turns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, 3), (n, 3) -> (n, 3, 3): the smallest rotation from each direction a to b (Rodrigues)."""
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    axis, cosine = np.cross(a, b), (a * b).sum(1)
    k = np.zeros((len(a), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    k -= k.transpose(0, 2, 1)
    return np.eye(3) + k + (k @ k) / (1.0 + cosine)[:, None, None]


def _triangles(faces: np.ndarray) -> np.ndarray:
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
