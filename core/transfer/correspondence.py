"""Where the detail lies on somebody's mesh: a place in the detail layer, and how much of it counts, for every vertex.

The way there: the face is found on pictures of the mesh (`views.py`), the face model is laid over it (`register.py`),
and each vertex takes the place of the sheet that is nearest to it. A mesh of MakeHuman's numbering needs none of that
(`makehuman.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry.closest import Surface
from ..geometry.mesh import vertex_normals
from ..photo.fit.calibrate import load_offsets
from ..photo.fit.points import SurfacePoints, mediapipe_points
from ..photo.landmarks.networks import LandmarkNetworks
from . import makehuman
from .register import PINNED, Registration, register
from .target import Target
from .template import Template
from .views import MEND_NORMALS, POSES, Found, find_face

NEAR_MM, FAR_MM = 2.5, 6.0
"""The sheet's distance up to which the detail counts whole, and from which not at all."""
_OF_THE_SKIN = 0.1
"""Share of the landmarks that a part of the mesh must have to count as skin: lashes, eyes and teeth have fewer."""
_BAD_MM = 3.5
_ELSEWHERE_MM = 9.0
"""What lies so far off is not on the mesh: it counts as uncovered, not as badly fitted."""
_LEAST_COVERED = 0.75
_MOST_DISORDER = 0.15
"""Share of edges with normals to both sides from which a mesh is refused."""


@dataclass(frozen=True)
class Correspondence:
    """How a mesh is seen by the face model."""

    detail_uv: np.ndarray
    """(V, 2) float32, v up: each vertex's place in the detail layer; outside of the face the nearest on its border."""
    weight: np.ndarray
    """(V,) float32: how much of the detail a vertex takes, 0 outside of the face."""
    distance: np.ndarray
    """(V,) float32 mm of the model's size: from the sheet; 0 outside of the face."""
    identity: np.ndarray
    """(n_id,) float32: the person whose rest the mesh shows, in the shape components."""
    scale: float
    """Millimetres of the model's size in a unit of the mesh."""
    rotation: np.ndarray
    """(3, 3): from the mesh's axes to core's."""
    shift: np.ndarray
    """(3,) mm: x -> scale rotation x + shift."""
    landmarks: np.ndarray
    """(68, 3) float64 in the mesh's space: the face model's landmarks on it; NaN for those outside of the layer."""
    median_mm: float
    """Of the sheet's distances from the mesh."""
    p95_mm: float
    """The worst twentieth's, of what lies on the mesh at all."""
    covered: float
    """Share of the detail layer that found skin within FAR_MM."""
    exact: bool
    """Whether the mesh has MakeHuman's numbering, so that nothing was guessed."""

    @property
    def problem(self) -> str:
        """What is wrong with it, one line; empty when it looks right."""
        if self.covered < _LEAST_COVERED:
            return (
                f"only {100 * self.covered:.0f} % of the face was found on the mesh: the rest has no detail. Is it cut "
                "off, or hidden by hair that is part of the mesh?"
            )
        if self.p95_mm > _BAD_MM:
            return (
                f"the face model lies {self.p95_mm:.1f} mm off in the worst twentieth of the face: look at the "
                "colours DNPM Fit, and move the points that lie wrong"
            )
        return ""


def correspond(
    model: FaceModel,
    target: Target,
    networks: LandmarkNetworks | None = None,
    *,
    pins: Sequence[tuple[int, np.ndarray]] = (),
    poses: tuple[np.ndarray, ...] = POSES,
) -> Generator[str, None, Correspondence]:
    """Lay the face model over a mesh. Yields what is being done, returns the correspondence.

    networks: None loads the built ones. pins: landmarks (0 to 67, multi-PIE's) that the artist put on a place (3,) of
    the mesh's space; they overrule what was found. Raises DnpmError when no face is found or the model does not suit.
    """
    template = Template.of(model)
    known = makehuman.vertices_of(model, target)
    if known is not None and not pins:
        yield "MakeHuman's mesh: every vertex is known"
        return _exact(template, target, known)
    if target.disorder > _MOST_DISORDER:
        raise DnpmError(f"the mesh's normals point to both sides, here in and there out: {MEND_NORMALS}")
    networks = LandmarkNetworks.load() if networks is None else networks
    points = mediapipe_points(model, networks.canonical, load_offsets())
    found = yield from find_face(target, points.of(model.neutral), networks, poses)
    skin = target.part(skin_of(target, found))
    made = yield from register(template, skin, _pinned(found, pins, model), with_landmarks(points, model))
    yield "reading off the detail layer"
    return read_off(template, skin, made)


def with_landmarks(points: SurfacePoints, model: FaceModel) -> SurfacePoints:
    """The networks' points, then the model's 68 landmarks, which artists may pin."""
    marks = np.repeat(np.maximum(model.landmarks68, 0)[:, None], 3, 1)
    weights = np.tile([1.0, 0.0, 0.0], (len(marks), 1))
    return SurfacePoints(np.concatenate([points.corners, marks]), np.concatenate([points.weights, weights]))


def _pinned(found: Found, pins: Sequence[tuple[int, np.ndarray]], model: FaceModel) -> Found:
    """What was found, then the 68 landmarks: those that are pinned with much trust, the others with none."""
    count = len(model.landmarks68)
    places, trust = np.full((count, 3), np.nan), np.zeros(count)
    for number, place in pins:
        if not 0 <= number < count or model.landmarks68[number] < 0:
            raise DnpmError(f"landmark {number} is none of the face model's {count}")
        places[number] = found.scale * found.rotation @ np.asarray(place, float) + found.shift
        trust[number] = PINNED
    return Found(
        found.scale, found.rotation, found.shift, np.concatenate([found.places, places]),
        np.concatenate([found.trust, trust]), found.triangle,
    )  # fmt: skip


def skin_of(target: Target, found: Found) -> np.ndarray:
    """(T,) bool: the connected parts that landmarks lie on."""
    counts = np.bincount(target.component[found.triangle[found.triangle >= 0]], minlength=target.component.max() + 1)
    return np.isin(target.component, np.flatnonzero(counts >= max(1.0, _OF_THE_SKIN * counts.sum())))


def read_off(template: Template, skin: Target, made: Registration) -> Correspondence:
    """The correspondence of a registration; skin: the target's triangles that count."""
    sheet, aligned = made.sheet, made.target
    count = len(aligned.vertices)
    uv, weight = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    distance = np.zeros(count, np.float32)
    near = np.unique(skin.triangles)
    inside = (aligned.vertices[near] > sheet.min(0) - 15).all(1) & (aligned.vertices[near] < sheet.max(0) + 15).all(1)
    places = Surface(sheet, template.triangles).nearest(aligned.vertices[near])
    corners = template.triangles[places.triangle]
    uv[near] = np.einsum("nk,nkc->nc", places.weights, template.detail[corners])
    away = np.linalg.norm(places.point - aligned.vertices[near], axis=1)
    normal = np.einsum("nk,nkc->nc", places.weights, vertex_normals(sheet, template.faces)[corners])
    cosine = (normal * aligned.normals[near]).sum(1)
    # Beyond the layer's border the nearest place lies on it.
    beyond = ((places.weights < 1e-6) | template.rim[corners]).all(1)
    share = _fade((FAR_MM - away) / (FAR_MM - NEAR_MM)) * _fade((cosine - 0.1) / 0.4) * ~beyond * inside
    weight[near] = share
    distance[near] = np.where(share > 0, away, 0)
    back = aligned.surface().nearest(sheet)
    off = np.linalg.norm(back.point - sheet, axis=1)
    on_mesh = off[off < _ELSEWHERE_MM] if (off < _ELSEWHERE_MM).any() else off
    marks = _landmarks(template, (sheet - made.shift) @ made.rotation / made.scale)
    return Correspondence(
        uv, weight, distance, made.identity, made.scale, made.rotation, made.shift, marks, float(np.median(on_mesh)),
        float(np.percentile(on_mesh, 95)), float((off < FAR_MM).mean()), False,
    )  # fmt: skip


def _exact(template: Template, target: Target, known: np.ndarray) -> Correspondence:
    """known (n,): the target's vertex of each of the template's."""
    model = template.model
    places = target.vertices[known]
    scale, rotation, shift, identity = makehuman.person(model, template.vertices, places)
    aligned = scale * target.vertices @ rotation.T + shift
    count = len(aligned)
    uv, weight = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    used = np.unique(target.triangles)
    near = Surface(aligned[known], _coarse_triangles(template)).nearest(aligned[used])
    uv[used] = np.einsum("nk,nkc->nc", near.weights, template.detail[_coarse_triangles(template)[near.triangle]])
    n = len(template.vertices)
    uv[known], weight[known] = template.detail[:n], ~template.rim[:n]
    zero = np.zeros(count, np.float32)
    marks = _landmarks(template, places)
    return Correspondence(uv, weight, zero, identity, scale, rotation, shift, marks, 0.0, 0.0, 1.0, True)


def _landmarks(template: Template, points: np.ndarray) -> np.ndarray:
    """points of the template (coarse ones first) -> (68, 3)."""
    place = np.full(len(template.model.neutral) + 1, -1)
    place[template.vertices] = np.arange(len(template.vertices))
    found = place[template.model.landmarks68]
    return np.where(found[:, None] >= 0, points[found], np.nan)


def _coarse_triangles(template: Template) -> np.ndarray:
    """Of the layer in the template's own numbering."""
    model = template.model
    place = np.full(len(model.neutral), -1)
    place[template.vertices] = np.arange(len(template.vertices))
    faces = model.faces[model.faces_detail_uv[:, 0] >= 0]
    table = np.where(faces >= 0, place[faces], -1)
    quads = table[table[:, 3] >= 0]
    return np.concatenate([table[:, :3], quads[:, [0, 2, 3]]])


def _fade(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)
