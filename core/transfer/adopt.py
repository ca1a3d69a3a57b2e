"""Another project's head model (`ForeignHead`) -> a FaceModel with our detail layer, landmarks and names.

The head gets its place, its size where the file does not tell it, the detail layer and the 68 landmarks from laying our
face model over it; ARKit's names from `naming.py` where its modes have none. Our displacement maps therefore lie on it
where they lie on ours.
"""

from __future__ import annotations

import json
from collections.abc import Generator

import numpy as np
from scipy.spatial import cKDTree

from .. import logs
from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..face_model.readers.assemble import arkit_first, checked_count, detail_layer, identity_labels
from ..face_model.readers.head import ForeignHead
from ..geometry.rasteriser import all_triangles
from ..photo.landmarks.networks import LandmarkNetworks
from .correspondence import Correspondence, correspond
from .naming import name_expressions, own_names
from .target import Target
from .template import Template

log = logs.logger(__name__)

_COMPONENTS = 50
_LEAST_WEIGHT = 0.02
_OUTER = ("skin", "lips", "eye")
"""What shows on pictures of the head at rest."""


def adopt(
    head: ForeignHead, ours: FaceModel, networks: LandmarkNetworks | None = None, identities: int | None = None
) -> Generator[str, None, FaceModel]:
    """Yields what is being done, returns the face model.

    identities: components to keep, those that move the head most (None: 50, or all). networks: None loads the built
    ones. Raises DnpmError when no face is found on the head, or our face model does not lie on it.
    """
    shown = [head.kinds.index(kind) for kind in _OUTER if kind in head.kinds]
    triangles = all_triangles(head.faces[np.isin(head.kind, shown)])
    found = yield from correspond(ours, Target(head.vertices, triangles), networks)
    if found.problem:
        log.warning("%s: %s", head.name, found.problem)
    yield "naming the expressions"
    return adopted(head, ours, found, identities)


def adopted(head: ForeignHead, ours: FaceModel, found: Correspondence, identities: int | None = None) -> FaceModel:
    """What `adopt` returns, of a correspondence that is known."""
    order = np.argsort(-np.linalg.norm(head.identity.reshape(len(head.identity), -1), axis=1), kind="stable")
    count = checked_count(min(_COMPONENTS, len(order)) if identities is None else identities, len(order), head.name)
    placed = _placed(head, found).with_identities(order[:count])
    landmarks = _landmarks(head, found)
    if head.are_named:
        made = own_names(placed, ours, found.identity)
    else:
        made = name_expressions(placed, Template.of(ours), found, landmarks)
    if not made:
        raise DnpmError(f"{head.name}: none of ARKit's expressions was found on it")
    names = arkit_first(made)
    core = np.zeros((count + 1, len(names) + 1, len(head.vertices), 3), np.float16)
    core[1:, 0] = placed.identity
    for e, name in enumerate(names, 1):
        core[:, e] = placed.expression(made[name].values, made[name].turns)
    uv, faces_uv = placed.texture()
    detail_uv, detail_faces, mask = _layer(placed, found)
    groups = placed.groups() | {"face": np.unique(placed.faces[detail_faces[:, 0] >= 0])}
    groups["face"] = groups["face"][groups["face"] >= 0].astype(np.int32)
    explained = {name: round(made[name].explained, 3) for name in names}
    fitted = {} if head.are_named else {"arkit_explained": json.dumps(explained)}
    return FaceModel(
        name=head.name,
        neutral=placed.vertices,
        core=core,
        expression_names=tuple(names),
        identity_labels=identity_labels(count),
        faces=head.faces,
        uv=uv,
        faces_uv=faces_uv,
        detail_uv=detail_uv,
        faces_detail_uv=detail_faces,
        detail_mask=mask,
        face_material=head.kind,
        material_names=head.kinds,
        landmarks68=landmarks,
        vertex_groups=groups,
        metadata=head.metadata
        | {"fit_median_mm": f"{found.median_mm:.2f}", "fit_p95_mm": f"{found.p95_mm:.2f}"}
        | fitted,
    )


def _placed(head: ForeignHead, found: Correspondence) -> ForeignHead:
    """In core's space: by the fit where the unit is not known; else in its own size and axes, its face on ours."""
    if head.unit_mm is None:
        return head.placed(found.scale, found.rotation, found.shift)
    share = found.weight[:, None] / max(float(found.weight.sum()), 1e-9)
    middle = (share * head.vertices).sum(0)
    there = found.scale * found.rotation @ middle + found.shift
    return head.placed(head.unit_mm, np.eye(3), there - head.unit_mm * middle)


def _layer(head: ForeignHead, found: Correspondence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces of the skin whose corners all have a place in our layer, and are not folded over in it."""
    covered = (found.weight > _LEAST_WEIGHT)[head.faces] | (head.faces < 0)
    skin = [head.kinds.index(kind) for kind in ("skin", "lips") if kind in head.kinds]
    allowed = covered.all(1) & np.isin(head.kind, skin)
    uv = found.detail_uv
    a, b, c = (uv[head.faces[:, k]].astype(np.float64) for k in range(3))
    turn = _cross(b - a, c - a)
    d = uv[head.faces[:, 3]].astype(np.float64)
    other = np.where(head.faces[:, 3] >= 0, _cross(c - a, d - a), turn)
    sign = 1.0 if np.median(turn[allowed]) > 0 else -1.0
    allowed &= (sign * turn > 0) & (sign * other > 0)
    return detail_layer(head.faces, uv, head.faces, (0.0, 0.0, 1.0, 1.0), allowed, head.name)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _landmarks(head: ForeignHead, found: Correspondence) -> np.ndarray:
    """(68,) the file's own, or the nearest vertices of the skin to ours; -1 where ours are not on the layer."""
    if head.landmarks68 is not None:
        return head.landmarks68
    marks, result = found.landmarks, np.full(68, -1, np.int32)
    known = np.isfinite(marks).all(1)
    skin = np.flatnonzero(found.weight > _LEAST_WEIGHT)
    result[known] = skin[cKDTree(head.vertices[skin]).query(marks[known])[1]]
    return result
