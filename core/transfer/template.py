"""The face model's detail layer as a smooth sheet: what is laid over somebody's head, and where its detail lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry.rasteriser import all_triangles
from ..geometry.subdivision import subdivide


@dataclass(frozen=True)
class Template:
    """The layer's vertices in a numbering of their own (n), and one step of subdivision finer (m)."""

    model: FaceModel
    vertices: np.ndarray
    """(n,) int: the model's vertex numbers."""
    finer: sparse.csr_matrix
    """(m, n): coarse points -> the smooth sheet's."""
    triangles: np.ndarray
    """(t, 3) of the finer sheet."""
    faces: np.ndarray
    """(f, 4) of the finer sheet."""
    detail: np.ndarray
    """(m, 2): the detail layer's coordinates, v up; linear in each face as renderers read them."""
    smooth: sparse.csr_matrix
    """(n, n): how unlike its neighbours' a vertex's offset is, as a quadratic form: membrane and thin plate."""
    rim: np.ndarray
    """(m,) bool: on a border of the layer, outer or of a hole."""

    @classmethod
    def of(cls, model: FaceModel) -> Template:
        """Raises DnpmError when the layer has a seam: one vertex would lie in two places."""
        inside = model.faces_detail_uv[:, 0] >= 0
        faces, places = model.faces[inside], model.faces_detail_uv[inside]
        used = faces >= 0
        vertices, local = np.unique(faces[used], return_inverse=True)
        pairs = np.unique(np.stack([local.ravel(), places[used]], 1), axis=0)
        if len(pairs) != len(vertices):
            raise DnpmError(f"face model {model.name!r}: its detail layer has seams, so it cannot be laid over a head")
        detail = model.detail_uv[pairs[:, 1]].astype(np.float64)
        table = np.full(faces.shape, -1)
        table[used] = local.ravel()
        step = subdivide(table, len(vertices), hold_border=True)
        linear = np.zeros((step.matrix.shape[0], 2))
        linear[: len(vertices)] = detail
        # A new face is an old corner, an edge's middle, the face's middle, the edge before.
        sizes = np.where(table[:, 3] < 0, 3, 4)
        place = np.arange(len(step.faces)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        following = table[step.parents, (place + 1) % sizes[step.parents]]
        linear[step.faces[:, 1]] = (detail[step.faces[:, 0]] + detail[following]) / 2
        middle = np.stack([np.where(table >= 0, detail[table, c], 0).sum(1) / sizes for c in range(2)], 1)
        linear[step.faces[:, 2]] = middle[step.parents]
        return cls(
            model, vertices, step.matrix.astype(np.float64).tocsr(), all_triangles(step.faces), step.faces, linear,
            _smoothness(_edges(table)[0], len(vertices)), _rim(step.faces, len(linear)),
        )  # fmt: skip

    def rest(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) -> (n, 3) mm: the coarse sheet of a person at rest."""
        return self.model.neutral_of(identity)[self.vertices].astype(np.float64)


def _edges(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(e, 2) pairs, low first, and how many faces have each."""
    sizes = np.where(table[:, 3] < 0, 3, 4)
    columns = np.arange(4)
    following = np.take_along_axis(table, (columns + 1) % sizes[:, None], 1)
    there = columns < sizes[:, None]
    pairs = np.sort(np.stack([table[there], following[there]], 1), 1)
    return np.unique(pairs, axis=0, return_counts=True)


def _smoothness(edges: np.ndarray, count: int) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(len(edges)), 2)
    signs = np.tile([1.0, -1.0], len(edges))
    differences = sparse.csr_matrix((signs, (rows, edges.ravel())), (len(edges), count))
    laplace = differences.T @ differences
    return (0.15 * laplace + 0.05 * laplace.T @ laplace).tocsr()


def _rim(faces: np.ndarray, count: int) -> np.ndarray:
    edges, uses = _edges(faces)
    rim = np.zeros(count, bool)
    rim[edges[uses == 1]] = True
    return rim
