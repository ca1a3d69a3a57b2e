"""A face model small enough for every test: a bulged square of quads, four expressions, three identity components."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.model import FaceModel

SIDE = 13
EXPRESSIONS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp")
LABELS = ("Age", "Face width", "Identity 3")


def tiny_face_model(name: str = "tiny", seed: int = 0) -> FaceModel:
    """(SIDE, SIDE) vertices, 160 mm wide, facing +z; the outer ring of quads has no place in the detail layer."""
    rng = np.random.default_rng(seed)
    u, v = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE), indexing="xy")
    uv = np.stack([u.ravel(), v.ravel()], -1).astype(np.float32)
    x, y = (uv[:, 0] - 0.5) * 160, (uv[:, 1] - 0.5) * 200
    z = 60 * np.cos(x / 80 * 1.2) * np.cos(y / 100 * 1.2)
    neutral = np.stack([x, y, z], -1).astype(np.float32)
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    faces = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], -1).reshape(-1, 4)
    rows, columns = np.divmod(np.arange(len(faces)), SIDE - 1)
    inside = (rows > 0) & (rows < SIDE - 2) & (columns > 0) & (columns < SIDE - 2)
    detail_uv = np.clip((uv * (SIDE - 1) - 1) / (SIDE - 3), 0, 1).astype(np.float32)
    edge = np.minimum.outer(*(np.minimum(np.arange(64), 63 - np.arange(64)),) * 2)
    return FaceModel(
        name=name,
        neutral=neutral,
        core=_core(uv, rng),
        expression_names=EXPRESSIONS,
        identity_labels=LABELS,
        faces=faces.astype(np.int32),
        uv=uv,
        faces_uv=faces.astype(np.int32),
        detail_uv=detail_uv,
        faces_detail_uv=np.where(inside[:, None], faces, -1).astype(np.int32),
        detail_mask=np.clip(edge / 6, 0, 1).astype(np.float32),
        face_material=np.where(rows == 2, 1, 0).astype(np.uint8),
        material_names=("skin", "lips"),
        landmarks68=np.full(68, -1, np.int32),
        vertex_groups={"face": np.unique(faces[inside]).astype(np.int32)},
    )


def _core(uv: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4, 5, V, 3): smooth bumps; an expression moves a part of the face only, by less in one identity than another."""
    count = len(uv)
    core = np.zeros((len(LABELS) + 1, len(EXPRESSIONS) + 1, count, 3), np.float32)
    places = {1: (0.5, 0.1), 2: (0.75, 0.25), 3: (0.25, 0.25), 4: (0.5, 0.85)}
    moves = {1: (0, -25, 0), 2: (8, 8, 2), 3: (-8, 8, 2), 4: (0, 9, 1)}
    for k in range(1, len(LABELS) + 1):
        core[k, 0] = 3 * np.sin(uv @ rng.normal(size=(2, 3)) * 5 + rng.uniform(0, 6, 3))
    for e, place in places.items():
        near = np.maximum(0, 1 - np.linalg.norm(uv - place, axis=1) / 0.35)[:, None]
        core[0, e] = near * moves[e]
        for k in range(1, len(LABELS) + 1):
            core[k, e] = core[0, e] * rng.uniform(-0.2, 0.2)
    return core
