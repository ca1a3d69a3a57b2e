"""ARKit's 52 expressions on somebody's head model whose modes have no names, and that head as a face model of ours.

Our face model is laid over the head at rest (`correspondence.py`). Each of our expressions is a field of displacements
over the fitted person's skin, and so over the head's: the head's own modes, and the turn of its jaw where it has a
joint, are set to come nearest to it (least squares with bounds and a prior: a mode is a standard deviation). What comes
out is the head's own motion, with its own creases at lids and lips, under our name: an approximation, whose share of
our field is measured for each name and kept with the model (`arkit_explained`). Eyeballs turn as far as ours do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from .. import logs
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.model import FaceModel
from ..face_model.readers.head import ForeignHead
from ..geometry.closest import Surface
from ..photo.fit.points import similarity
from .correspondence import Correspondence
from .template import Template

log = logs.logger(__name__)

_MOST_SD, _MOST_JAW = 3.0, 0.6
"""Bounds of a mode in standard deviations (GNM's README: -3 to 3) and of the jaw's turn about each axis in radians."""
_NOISE_MM, _PLACES = 0.3, 400.0
"""How well displacements correspond, and as how many independent places the skin counts beside the prior."""
_JAW_SD, _STEP = 0.2, 1e-3
_ROUNDS = 4
_LEAST_WEIGHT = 0.05
_POOR, _NOT_AT_ALL = 0.5, 0.1
"""Shares of a field below which an expression is called poor, and is left out."""
_STILL_MM, _LEAST_TURN = 1e-2, 0.02
_LIDS = {
    "eyeBlinkLeft": ((43, 44), (47, 46)),
    "eyeBlinkRight": ((37, 38), (41, 40)),
}  # fmt: skip
"""Landmarks of the upper and of the lower lid that meet."""
_MOST_CLOSING = 2.5
_ASIDE = ("tongue", "pupil")
"""Regions of modes that no place of the skin tells."""


@dataclass(frozen=True)
class Named:
    """An expression of the head: values (E,) of its modes, turns of joints, and the share of our field it explains."""

    values: np.ndarray
    turns: dict[int, np.ndarray]
    explained: float


def name_expressions(
    head: ForeignHead, template: Template, found: Correspondence, landmarks: np.ndarray
) -> dict[str, Named]:
    """ARKit's names -> how the head makes them; those that it cannot make at all are left out, with a warning.

    head: in core's millimetres (`placed`), as the correspondence found it. landmarks (68,): its vertices, -1 for none.
    """
    fit = _Fit(head, template, found, landmarks)
    result, missed = {}, []
    for name in ARKIT_NAMES:
        if name not in template.model.expression_index:
            continue
        made = fit.tongue() if name == "tongueOut" else fit.face(name)
        if made is None or (made.explained < _NOT_AT_ALL and not made.turns.keys() & fit.eyes.keys()):
            missed.append(name)
        else:
            result[name] = made
    if missed:
        log.warning("%s cannot make %s: left out", head.name, ", ".join(missed))
    # Where eyeballs turn, the skin is not what matters.
    poor = [
        f"{name} ({made.explained:.0%})"
        for name, made in result.items()
        if made.explained < _POOR and not made.turns.keys() & fit.eyes.keys()
    ]
    if poor:
        log.warning("%s comes only near to these, by the share of our motion: %s", head.name, ", ".join(poor))
    return result


class _Fit:
    """The head's places that have one on our skin, and our person's displacements there."""

    def __init__(self, head: ForeignHead, template: Template, found: Correspondence, landmarks: np.ndarray) -> None:
        self.head, self.model = head, template.model
        self.deltas = self.model.expression_deltas(found.identity)
        self.rest = self.model.neutral_of(found.identity)
        self.only = np.flatnonzero(found.weight > _LEAST_WEIGHT)
        area = _areas(head.vertices, head.faces)[self.only] * found.weight[self.only]
        self.share = area / area.sum()
        flat = np.c_[template.detail, np.zeros(len(template.detail))]
        here = np.c_[found.detail_uv[self.only], np.zeros(len(self.only))]
        self.places = Surface(flat, template.triangles, spacing=0.05).nearest(here)
        self.corners = template.triangles[self.places.triangle]
        self.template = template
        self.number = np.flatnonzero([not name.lower().startswith(_ASIDE) for name in head.mode_names])
        self.root = np.sqrt(self.share * _PLACES)[:, None] / _NOISE_MM
        modes = head.modes[self.number][:, self.only].astype(np.float64)
        self.columns = (self.root * modes).reshape(len(modes), -1).T.copy()
        self.normal = self.columns.T @ self.columns
        self.skin = head.skin(self.only)
        self.eyes = eye_turns(head, self.model, self.rest, self.deltas)
        self.lids = landmarks

    def face(self, name: str) -> Named:
        """Skin and jaw by least squares; eyeballs as ours turn."""
        e = self.model.expression_index[name]
        sheet = self.template.finer @ self.deltas[e][self.template.vertices].astype(np.float64)
        wanted = np.einsum("nk,nkc->nc", self.places.weights, sheet[self.corners])
        turns = {joint: turn[e] for joint, turn in self.eyes.items() if np.abs(turn[e]).max() > _LEAST_TURN}
        energy = (self.share * (wanted**2).sum(1)).sum()
        values, jaw, left = self._solved(wanted)
        if jaw.any():
            turns[self.head.jaw] = jaw  # type: ignore[index]
        explained = 1 - left / max(energy, 1e-12)
        # Where our skin hardly moves, the eyeballs are the expression.
        if energy < 0.01 and turns:
            explained = 1.0
        return Named(values, turns, float(explained))

    def _solved(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """wanted (n, 3) -> values (E,), the jaw's turn (3,), and the energy that is left.

        Gauss-Newton for the jaw, whose turn is not linear; the modes' columns are those of a jaw at rest throughout.
        """
        head, count = self.head, len(self.number)
        values, jaw = np.zeros(len(head.modes)), np.zeros(3)
        rest = self.skin.vertices.astype(np.float64)
        free = 0 if head.jaw is None else 3
        deviation = np.r_[np.ones(count), np.full(free, _JAW_SD)]
        most = np.r_[np.full(count, _MOST_SD), np.full(free, _MOST_JAW)]
        for _ in range(_ROUNDS if free else 1):
            now = self._posed(values, jaw)
            turning = np.stack([
                (self.root * (self._posed(values, jaw + axis) - now)).ravel() / _STEP for axis in np.eye(3) * _STEP
            ], 1) if free else np.zeros((self.root.size * 3, 0))  # fmt: skip
            current = np.r_[values[self.number], jaw[:free]]
            goal = (self.root * (wanted - (now - rest))).ravel() + self.columns @ current[:count]
            goal += turning @ current[count:]
            across = self.columns.T @ turning
            normal = np.block([[self.normal, across], [across.T, turning.T @ turning]]) + np.diag(deviation**-2.0)
            factor = np.linalg.cholesky(normal)
            right = np.r_[self.columns.T @ goal, turning.T @ goal]
            solved = lsq_linear(factor.T, np.linalg.solve(factor, right), (-most, most)).x
            values[self.number] = solved[:count]
            jaw[:free] = solved[count:]
        values[np.abs(values) < 1e-4] = 0.0
        jaw[np.abs(jaw) < 1e-3] = 0.0
        off = self._posed(values, jaw) - rest - wanted
        return values, jaw, float((self.share * (off**2).sum(1)).sum())

    def _posed(self, values: np.ndarray, jaw: np.ndarray) -> np.ndarray:
        return self.skin.posed(values, {} if self.head.jaw is None else {self.head.jaw: jaw})

    def closed(self, made: Named, name: str) -> Named:
        """A blink of the strength at which the lids meet as ours do: least squares leave it too weak, because the lids
        are where the two heads differ most."""
        upper, lower = (self.lids[list(points)] for points in _LIDS[name])
        if min(upper.min(), lower.min()) < 0:
            return made
        gap = lambda points: float((points[upper] - points[lower]).mean(0)[1])  # noqa: E731
        rest = self.head.vertices.astype(np.float64)
        ours = self.model.landmarks68
        open_, shut = (
            float((at[ours[list(_LIDS[name][0])]] - at[ours[list(_LIDS[name][1])]]).mean(0)[1])
            for at in (self.rest, self.rest + self.deltas[self.model.expression_index[name]])
        )
        closing = gap(rest) - gap(self.head.skin().posed(made.values, {}))
        wanted = gap(rest) * (1 - shut / max(open_, 1e-6))
        if closing < 1e-3:
            return made
        factor = float(np.clip(wanted / closing, 1.0, _MOST_CLOSING))
        return Named(made.values * factor, made.turns, made.explained)

    def tongue(self) -> Named | None:
        """The tongue's modes, set to move it as ours moves, both within their own boxes at rest."""
        ours, theirs = self.model.vertex_groups.get("tongue"), self.head.groups().get("tongue")
        number = np.array([k for k, name in enumerate(self.head.mode_names) if name.lower().startswith("tongue")], int)
        if ours is None or theirs is None or not len(number) or "tongueOut" not in self.model.expression_index:
            return None
        here, there = self.rest[ours].astype(np.float64), self.head.vertices[theirs].astype(np.float64)
        size = np.ptp(there, axis=0) / np.maximum(np.ptp(here, axis=0), 1e-6)
        matched = cKDTree((here - here.min(0)) * size + there.min(0)).query(there)[1]
        delta = self.deltas[self.model.expression_index["tongueOut"]][ours][matched].astype(np.float64)
        wanted = delta * size[2]
        a = self.head.modes[number][:, theirs].astype(np.float64).reshape(len(number), -1).T
        scale = np.sqrt(_PLACES / len(theirs)) / _NOISE_MM
        most = np.full(len(number), _MOST_SD)
        solved = lsq_linear(
            np.concatenate([a * scale, np.eye(len(number))]),
            np.r_[wanted.ravel() * scale, np.zeros(len(number))], (-most, most),
        ).x  # fmt: skip
        values = np.zeros(len(self.head.modes))
        values[number] = solved
        left = ((a @ solved - wanted.ravel()) ** 2).sum() / max((wanted**2).sum(), 1e-12)
        return Named(values, {}, float(1 - left))


def eye_turns(head: ForeignHead, model: FaceModel, rest: np.ndarray, deltas: np.ndarray) -> dict[int, np.ndarray]:
    """Joint of an eyeball -> (n_exp, 3) how our expressions turn ours; rest (V, 3) and deltas (n_exp, V, 3) of ours."""
    result = {}
    for side, joint in head.eyes.items():
        ball = model.vertex_groups.get(f"eye_{side}")
        if ball is None:
            continue
        at = rest[ball].astype(np.float64)
        turns = np.zeros((len(deltas), 3))
        for e, delta in enumerate(deltas):
            if np.abs(delta[ball]).max() > _STILL_MM:
                turns[e] = Rotation.from_matrix(similarity(at, at + delta[ball])[1]).as_rotvec()
        result[joint] = turns
    return result


def own_names(head: ForeignHead, model: FaceModel, identity: np.ndarray) -> dict[str, Named]:
    """The expressions of a head that has names for them; eyeballs that its keys leave alone turn as ours do."""
    turning = eye_turns(head, model, model.neutral_of(identity), model.expression_deltas(identity))
    result = {}
    for row, name in zip(np.eye(len(head.modes)), head.mode_names, strict=True):
        turns: dict[int, np.ndarray] = {}
        if name in model.expression_index:
            mode = head.modes[int(row.argmax())]
            for joint, turn in turning.items():
                mine = turn[model.expression_index[name]]
                ball = head.skinning[joint] > 0.5
                if np.abs(mine).max() > _LEAST_TURN and not np.abs(mode[ball]).max(initial=0) > _STILL_MM:
                    turns[joint] = mine
        result[name] = Named(row, turns, 1.0)
    return result


def _areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V,): a third of the area of each vertex's triangles."""
    quads = faces[faces[:, 3] >= 0]
    triangles = np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(area, 3), len(vertices))
