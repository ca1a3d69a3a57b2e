"""Which parts lie within the mouth, and how deep: light hardly comes there."""

from __future__ import annotations

import numpy as np

from ..geometry.mesh import vertex_normals
from .model import FaceModel

MOUTH_KINDS = ("teeth", "gums", "tongue", "mouth")
"""Names of the materials of these parts."""
THROAT_LIGHT = (0.17, 0.11, 0.095)
"""What is left of the light at depth 1, linear RGB: it has been thrown back by red walls. Never black."""
DEEP_MM = 26.0
"""How far behind the front teeth depth 1 lies: at the molars."""
_GAP, _DEEP_GAP = 0.2, 0.6
"""How much deeper the borders of a tooth's sheet lie, where it meets its neighbours and the gum; and how much more so
at depth 1: without it a row of teeth, whose gaps are narrower than a face of the mesh, would be one white band."""
_INNER = 0.4
"""How much deeper what of the teeth faces the tongue lies: it gets the light that the dark throws back. Without it the
inner sides of the molars, seen along the row, are one bright wall; with 1 they are rotten stumps beside white teeth."""
_FRONT = 0.15
"""Teeth before this depth are the front ones, whose inner sides nobody sees."""
_TOOTH = 0.6
"""What spans more depth than this is no single tooth."""


def mouth_depths(model: FaceModel) -> np.ndarray:
    """(V,) float32: on the mouth's parts how deep they lie, 0 at the front of the teeth and 1 at DEEP_MM behind it; a
    little deeper between teeth, and up to 2 on their inner sides."""
    depths = _behind_the_front(model)
    return depths + _INNER * depths * _facing_tongue(model)


def _behind_the_front(model: FaceModel) -> np.ndarray:
    """(V,) float32, 0 to 1: `mouth_depths`, inner sides like outer ones."""
    depths = np.zeros(len(model.neutral), np.float32)
    kinds = [k for k, name in enumerate(model.material_names) if name in MOUTH_KINDS]
    inside = np.unique(model.faces[np.isin(model.face_material, kinds)])
    inside = inside[inside >= 0]
    if len(inside):
        # The lining begins at the lips, the teeth behind them.
        front = np.quantile(model.neutral[inside, 2], 0.98) - 10.0
        depths[inside] = np.clip((front - model.neutral[inside, 2]) / DEEP_MM, 0.0, 1.0)
        border = _borders(model)
        depths[border] = np.minimum(depths[border] + _GAP + _DEEP_GAP * depths[border], 1.0)
    return depths


def _facing_tongue(model: FaceModel) -> np.ndarray:
    """(V,) float32, 0 to 1: how much vertices of the teeth face the middle of the mouth."""
    found = np.zeros(len(model.neutral), np.float32)
    if "teeth" in model.material_names:
        chosen = np.unique(model.faces[model.face_material == model.material_names.index("teeth")])
        chosen = chosen[chosen >= 0]
        outward = (model.neutral[chosen] - model.neutral[chosen].mean(0))[:, [0, 2]]
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        normals = vertex_normals(model.neutral, model.faces)[chosen][:, [0, 2]]
        found[chosen] = np.clip(-(normals * outward).sum(1), 0, 1)
    return found


def _borders(model: FaceModel) -> np.ndarray:
    """Vertices on the edges of teeth that are open sheets, as the default model's are."""
    if "teeth" not in model.material_names:
        return np.zeros(0, np.int64)
    faces = model.faces[model.face_material == model.material_names.index("teeth")]
    quads = np.where(faces < 0, faces[:, :1], faces)
    edges = np.sort(np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)]), 1)
    edges, count = np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0, return_counts=True)
    return np.unique(edges[count == 1])


def light_at(depth: np.ndarray) -> np.ndarray:
    """Depths (n,) of `mouth_depths` -> (n, 3) what is left of the light, linear RGB."""
    depth, throat = np.asarray(depth, np.float32)[:, None], np.array(THROAT_LIGHT, np.float32)
    return np.where(depth <= 1, 1 - depth * (1 - throat), throat ** np.maximum(depth, 1))


def tooth_depths(model: FaceModel) -> np.ndarray:
    """(F,) float32: how deep a face's whole tooth lies, 0 to 1, and 1 on inner sides but the front teeth's; 0 for faces
    that are none. Where a model's teeth are one mesh, each face goes by itself."""
    result = np.zeros(len(model.faces), np.float32)
    if "teeth" not in model.material_names:
        return result
    chosen = np.flatnonzero(model.face_material == model.material_names.index("teeth"))
    faces = np.where(model.faces[chosen] < 0, model.faces[chosen][:, :1], model.faces[chosen])
    tooth = np.arange(len(model.neutral))
    while True:  # Each vertex takes the lowest number among its neighbours until nothing changes.
        before = tooth.copy()
        np.minimum.at(tooth, faces, tooth[faces].min(1)[:, None])
        if (tooth == before).all():
            break
    depth, which = _behind_the_front(model)[faces].mean(1), tooth[faces[:, 0]]
    inner = (_facing_tongue(model)[faces].mean(1) > 0.5) & (depth > _FRONT)
    for one in np.unique(which):
        own = which == one
        result[chosen[own]] = depth[own].mean() if np.ptp(depth[own]) < _TOOTH else depth[own]
    result[chosen[inner]] = 1.0
    return result
