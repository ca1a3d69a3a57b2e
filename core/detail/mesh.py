"""One displaced mesh with numpy: Eq. 2 on a subdivided face, fine enough that the map's wrinkles show."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry import uv_map
from ..geometry.mesh import Mesh, corner_sampler, vertex_normals
from ..geometry.subdivision import subdivide

MAX_LEVELS = 4


def detailed_mesh(
    model: FaceModel,
    identity: np.ndarray,
    expression: np.ndarray,
    displacement: np.ndarray | None = None,
    s: float = 1.0,
    levels: int = 2,
) -> Mesh:
    """V_h of Eq. 2 for one face: V_p subdivided `levels` times, then moved along its normals by s times the map.

    identity (n_id,), expression (n_exp,); displacement (R, R) millimetres with the mask applied (`masked`), or None for
    the smooth face. Raises DnpmError on shapes that are not the model's, and on levels beyond 0 to 4.
    """
    vertices = model.vertices(identity, expression)
    return surface_mesh(model, vertices, levels, displacement, s)


def surface_mesh(
    model: FaceModel, vertices: np.ndarray, levels: int, displacement: np.ndarray | None = None, s: float = 1.0
) -> Mesh:
    """The same for coarse vertices (V, 3) mm of the model's topology from elsewhere. Raises DnpmError as above."""
    if not 0 <= levels <= MAX_LEVELS:
        raise DnpmError(f"levels must be 0 to {MAX_LEVELS}, is {levels}: each makes four times as many faces")
    topology = _topology(model, levels)
    vertices = np.asarray(vertices, np.float32)
    if topology.matrix is not None:
        vertices = topology.matrix @ vertices
    normals = vertex_normals(vertices, topology.faces)
    if displacement is not None:
        if displacement.ndim != 2 or displacement.shape[0] != displacement.shape[1] or len(displacement) < 2:
            raise DnpmError(f"a displacement map must be square, (R, R) millimetres; this one is {displacement.shape}")
        if not np.isfinite(displacement).all():
            raise DnpmError("the displacement map holds numbers that are not finite")
        offset = topology.sampler @ uv_map.sample(displacement, topology.detail_uv)
        vertices = (vertices + np.float32(s) * offset[:, None] * normals).astype(np.float32)
        normals = vertex_normals(vertices, topology.faces)
    return Mesh(
        vertices, normals, topology.faces, topology.uv, topology.faces_uv, topology.detail_uv,
        topology.faces_detail_uv, model.face_material[topology.parents],
    )  # fmt: skip


def masked(model: FaceModel, displacement: np.ndarray) -> np.ndarray:
    """(R, R) mm times the model's mask at that size: the map goes smoothly to 0 at the layer's border."""
    return (displacement * uv_map.mask_at(model.detail_mask, len(displacement))).astype(np.float32)


@dataclass(frozen=True)
class _Topology:
    """What of a subdivided face model does not depend on the sliders."""

    matrix: sparse.csr_matrix | None
    """(V', V): the vertices of V_p -> the subdivided ones; None at level 0."""
    faces: np.ndarray
    parents: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    detail_uv: np.ndarray
    faces_detail_uv: np.ndarray
    sampler: sparse.csr_matrix


# (the model's id, levels) -> topology; a model's entries go when the model does.
_cache: dict[tuple[int, int], _Topology] = {}


def _topology(model: FaceModel, levels: int) -> _Topology:
    key = (id(model), levels)
    if key not in _cache:
        _cache[key] = _subdivided(model, levels)
        weakref.finalize(model, _cache.pop, key, None)
    return _cache[key]


def _subdivided(model: FaceModel, levels: int) -> _Topology:
    faces, parents, matrix = model.faces, np.arange(len(model.faces)), None
    layers = [(model.uv, model.faces_uv), (model.detail_uv, model.faces_detail_uv)]
    n_vertices = len(model.neutral)
    for _ in range(levels):
        sizes = np.where(faces[:, 3] < 0, 3, 4)
        step = subdivide(faces, n_vertices, hold_border=False)
        for k, (uv, faces_uv) in enumerate(layers):
            of_layer = subdivide(faces_uv, len(uv), sizes, hold_border=True)
            layers[k] = ((of_layer.matrix @ uv).astype(np.float32), of_layer.faces)
        matrix = step.matrix if matrix is None else step.matrix @ matrix
        faces, parents, n_vertices = step.faces, parents[step.parents], step.matrix.shape[0]
    (uv, faces_uv), (detail_uv, faces_detail_uv) = layers
    sampler = corner_sampler(faces, faces_detail_uv, n_vertices, len(detail_uv))
    return _Topology(matrix, faces, parents, uv, faces_uv, detail_uv, faces_detail_uv, sampler)
