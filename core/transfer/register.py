"""Lays the face model over somebody's head: size and place, then the person, then freely, from coarse to fine.

Nearest places with a check of the normals pull the sheet onto the skin along its normals (Chen and Medioni 1992), so
that it may slide; landmarks hold it along the skin. The person is solved for first (the bilinear model's identity at
rest), then every vertex may leave that shape, neighbours together, ever more freely (Amberg et al. 2007): the less the
person's shape explains of the head, the more freely, as its residual tells how far heads like this one lie from it.
A head that it explains whole is gone on with as one of the model's people: there the shape tells where along the skin a
place lies, which neither the surface nor the landmarks do to a millimetre.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ..geometry.closest import Places, Surface
from ..geometry.mesh import vertex_normals
from ..photo.camera import rotation_of
from ..photo.fit.points import OVAL, SurfacePoints
from .target import Target
from .template import Template
from .views import Found

_IDENTITY_ROUNDS = 30
_MARKS_LATE, _PRIOR_LATE = 0.1, 20.0
_MORE_ROUNDS, _PRIOR_SURE = 10, 2.0
_STIFFNESS = (100.0, 30.0, 30.0, 30.0)
_FAR_MM = (8.0, 8.0, 6.0, 6.0)
_LEAST_COSINE = 0.35
_LANDMARK, _LANDMARK_MOST = 0.02, 0.1
"""Weight of a landmark beside a place of the sheet while it moves freely; they err by about two millimetres. The less
stiff the sheet is, the more they count: the person's shape then tells as much less of where a place lies."""
_EXPLAINED_MM, _FREEST = 0.25, 0.1
"""Root mean square distance that the person's shape leaves on people of ours: at more, the sheet is as much less stiff
as the square of that distance is larger (a prior's precision is one over its variance), down to a tenth. At less, the
head is one of our model's people as far as can be told, and its own points outweigh what people are like on average."""
PINNED = 5000.0
"""Trust of a landmark that an artist put in its place, beside 1 for one that was seen well."""


@dataclass(frozen=True)
class Registration:
    """identity (n_id,) float32, the person at rest; sheet (m, 3) mm, the template on the head; target in the model's
    space: its vertices x were scale rotation x + shift."""

    identity: np.ndarray
    sheet: np.ndarray
    target: Target
    scale: float
    rotation: np.ndarray
    shift: np.ndarray


def register(
    template: Template, target: Target, found: Found, points: SurfacePoints, *, free: bool = True
) -> Generator[str, None, Registration]:
    """target in its own space, its skin alone; points: the landmarks on the model. Yields what is being done.

    free: False stops after the person was solved for.
    """
    state = _State(template, target, found, points)
    for k in range(_IDENTITY_ROUNDS):
        yield f"person, step {k + 1} of {_IDENTITY_ROUNDS}"
        late = k >= _IDENTITY_ROUNDS // 3
        state.fit_person(10.0 if late else 18.0, _MARKS_LATE if late else 2.0, _PRIOR_LATE if late else 12.0)
    if state.misfit(_FAR_MM[0]) < _EXPLAINED_MM:
        for k in range(_MORE_ROUNDS):
            yield f"person, once more, step {k + 1} of {_MORE_ROUNDS}"
            state.fit_person(10.0, _MARKS_LATE, _PRIOR_SURE)
    coarse = template.rest(state.full)
    if free:
        give = np.clip((_EXPLAINED_MM / max(state.misfit(_FAR_MM[0]), 1e-9)) ** 2, _FREEST, 1.0)
        for k, (stiffness, far) in enumerate(zip(_STIFFNESS, _FAR_MM, strict=True)):
            yield f"shape, step {k + 1} of {len(_STIFFNESS)}"
            coarse = state.loosened(coarse, stiffness * give, far, min(_LANDMARK / give, _LANDMARK_MOST))
    turned = state.aligned()
    return Registration(state.full, template.finer @ coarse, turned, state.scale, state.rotation, state.shift)


def unregistered(template: Template, target: Target, found: Found) -> Registration:
    """The mean face as it was found alone: what `dnpm evaluate transfer` compares with."""
    mean = np.zeros(template.model.n_id, np.float32)
    sheet = template.finer @ template.rest(mean)
    return Registration(mean, sheet, found.aligned(target), found.scale, found.rotation, found.shift)


class _State:
    """What moves: the person (shape components) and the target's size and place."""

    def __init__(self, template: Template, target: Target, found: Found, points: SurfacePoints) -> None:
        self.template, self.target = template, target
        self.scale, self.rotation, self.shift = found.scale, found.rotation, found.shift
        self.surface: Surface = target.surface(found.scale)
        self.points, self.raw = points, _untransformed(found)
        trust = found.trust.copy()
        trust[list(OVAL)] *= 0.25
        self.trust = np.where(np.isnan(found.places[:, 0]), 0.0, trust)
        n = template.model.n_shape
        self.identity = np.zeros(n)
        deltas = template.model.core[1 : n + 1, 0].astype(np.float64)
        self.basis = np.stack([(template.finer @ delta[template.vertices]) for delta in deltas])
        self.landmark_basis = points.of(deltas)
        self.landmark_rest = points.of(template.model.neutral)

    @property
    def full(self) -> np.ndarray:
        """(n_id,) float32."""
        values = np.zeros(self.template.model.n_id, np.float32)
        values[: len(self.identity)] = self.identity
        return values

    def aligned(self) -> Target:
        return self.target.moved(self.scale * self.rotation, self.shift)

    def nearest(self, sheet: np.ndarray, far: float) -> tuple[Places, np.ndarray, np.ndarray]:
        """For places of the sheet: nearest on the target (in the model's space), its normals, trust."""
        back = (sheet - self.shift) @ self.rotation / self.scale
        found = self.surface.nearest(back)
        corners = self.target.triangles[found.triangle]
        normal = np.einsum("nk,nkc->nc", found.weights, self.target.normals[corners]) @ self.rotation.T
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        place = self.scale * found.point @ self.rotation.T + self.shift
        own = vertex_normals(sheet, self.template.faces)
        cosine = (own * normal).sum(1)
        away = np.linalg.norm(place - sheet, axis=1)
        trust = np.clip((cosine - _LEAST_COSINE) / 0.3, 0, 1) * (away < far)
        return Places(found.triangle, found.weights, place), normal, trust

    def misfit(self, far: float) -> float:
        """Root mean square distance in mm from the person's shape to the head along its normals, outliers held down."""
        sheet = self.template.finer @ self.template.rest(self.full)
        places, normal, trust = self.nearest(sheet, far)
        off = ((sheet - places.point) * normal).sum(1)
        weight = trust / (1 + np.abs(off) / 3.0)
        return float(np.sqrt((weight * off**2).sum() / max(weight.sum(), 1e-9)))

    def fit_person(self, far: float, marks_weight: float, prior_weight: float) -> None:
        """One Gauss-Newton step for identity, size and place together."""
        rest = self.template.finer @ self.template.rest(np.zeros(self.template.model.n_id, np.float32))
        sheet = rest + np.tensordot(self.identity, self.basis, 1)
        places, normal, trust = self.nearest(sheet, far)
        n = len(self.identity)
        # Small turn w, shift d, growth g of the target: c + w x c + d + g c.
        middle = places.point.mean(0)
        arm = places.point - middle
        rows = np.zeros((len(sheet), n + 7))
        rows[:, :n] = np.einsum("nc,knc->nk", normal, self.basis)
        rows[:, n : n + 3] = -np.cross(arm, normal)
        rows[:, n + 3 : n + 6] = -normal
        rows[:, n + 6] = -(normal * arm).sum(1)
        right = -((sheet - places.point) * normal).sum(1)
        weight = trust / (1 + np.abs(right) / 3.0)
        a = rows.T @ (rows * weight[:, None])
        b = rows.T @ (right * weight)
        marks = self.scale * self.raw @ self.rotation.T + self.shift
        ours = self.landmark_rest + np.tensordot(self.identity, self.landmark_basis, 1)
        arm, share = marks - middle, self.trust * marks_weight
        gap = np.linalg.norm(np.nan_to_num(marks) - ours, axis=1)
        share = np.where(self.trust < PINNED, share / (1 + gap / 4.0), share)
        for c in range(3):
            row = np.zeros((len(marks), n + 7))
            row[:, :n] = self.landmark_basis[:, :, c].T
            axis = np.eye(3)[c]
            row[:, n : n + 3] = -np.cross(np.nan_to_num(arm), axis)
            row[:, n + 3 + c] = -1.0
            row[:, n + 6] = -np.nan_to_num(arm[:, c])
            value = np.nan_to_num(marks[:, c]) - ours[:, c]
            a += row.T @ (row * share[:, None])
            b += row.T @ (value * share)
        prior = np.r_[np.full(n, prior_weight), np.full(7, 1e-6)]
        a[np.diag_indices(n + 7)] += prior
        b[:n] -= prior_weight * self.identity
        step = np.linalg.solve(a, b)
        self.identity = np.clip(self.identity + step[:n], -3.0, 3.0)
        turn, grow = rotation_of(step[n : n + 3]), 1 + step[n + 6]
        self.shift = grow * turn @ (self.shift - middle) + middle + step[n + 3 : n + 6]
        self.rotation, self.scale = turn @ self.rotation, grow * self.scale

    def loosened(self, coarse: np.ndarray, stiffness: float, far: float, landmark: float) -> np.ndarray:
        """One step of the free shape: (n, 3) coarse -> (n, 3). Its offsets from the person's shape are kept smooth."""
        template = self.template
        sheet = template.finer @ coarse
        places, normal, trust = self.nearest(sheet, far)
        base = template.rest(self.full)
        n = len(coarse)
        across = sparse.hstack([sparse.diags(normal[:, c]) @ template.finer for c in range(3)]).tocsr()
        goal = (places.point * normal).sum(1)
        marks = self.scale * self.raw @ self.rotation.T + self.shift
        picks, known = self._landmark_rows()
        off = np.linalg.norm(picks @ coarse - marks[known], axis=1)
        share = landmark * self.trust[known]
        share = np.where(self.trust[known] < PINNED, share / (1 + (off / 3.0) ** 2), share)
        regular = stiffness * template.smooth + 1e-4 * sparse.identity(n)
        each = picks.T @ sparse.diags(share) @ picks + regular
        system = across.T @ sparse.diags(trust) @ across + sparse.block_diag([each] * 3)
        right = across.T @ (trust * goal) + np.concatenate([
            picks.T @ (share * marks[known, c]) + regular @ base[:, c] for c in range(3)
        ])  # fmt: skip
        # The system is symmetric: this ordering takes a fifth of the usual one's time.
        solver = splu(
            system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        return np.asarray(solver.solve(right)).reshape(3, n).T

    def _landmark_rows(self) -> tuple[sparse.csr_matrix, np.ndarray]:
        """(k, n) picks landmarks that lie on the sheet, and which they are."""
        place = np.full(len(self.template.model.neutral), -1)
        place[self.template.vertices] = np.arange(len(self.template.vertices))
        corners = place[self.points.corners]
        known = np.flatnonzero((corners >= 0).all(1) & (self.trust > 0))
        table = corners[known]
        rows = np.repeat(np.arange(len(known)), 3)
        return sparse.csr_matrix(
            (self.points.weights[known].ravel(), (rows, table.ravel())), (len(known), len(self.template.vertices))
        ), known


def _untransformed(found: Found) -> np.ndarray:
    """(468, 3): the landmarks in the target's own space."""
    return (found.places - found.shift) @ found.rotation / found.scale
