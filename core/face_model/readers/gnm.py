"""Reads GNM Head v3 (Google, Apache-2.0): `gnm_head.npz`, of 51 MB.

Where to get it: https://github.com/google/GNM (gnm/shape/data/versions/v3_0), or https://huggingface.co/google/gnm-v3.
Format (gnm/shape/gnm_data_loader.py and gnm_xnp.py there): 23 arrays of numbers and texts, no pickles. In metres, y up,
facing +z, the subject's left at +x. 17,821 vertices of skin, eyes, teeth, gums and tongue in 17,662 quads;
vertex_identity_basis (253, V, 3) for head, eyes and teeth; expression_basis (383, V, 3) in regions that its names tell
(left_eye_region, right_eye_region, lower_face_region, tongue, pupils), both in standard deviations; four joints (neck,
head, left_eye, right_eye) with skinning_weights (4, V). The jaw has no joint: it moves with the lower face's modes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...files.inputs import reading
from ...files.npz import ArrayFile
from .arrays import floats, indices, polygons, texts
from .assemble import drop_unused
from .head import ForeignHead

_MM = 1000.0
_EYES = {"left": "left_eye", "right": "right_eye"}
# The first group that has a face's corners says what it is; older files have other names for some of them.
_KINDS = (
    ("inside of the eye", ("eye_interiors", "eyeball_interior")),
    ("eye", ("eye_exteriors", "eyeball_exterior", "eyes")),
    ("teeth", ("teeth",)),
    ("gums", ("upper_teeth_and_gums", "lower_teeth_and_gums", "upper_teeth", "lower_teeth")),
    ("tongue", ("tongue",)),
    ("mouth", ("mouth_sock",)),
    ("lips", ("upper_lip", "lower_lip")),
)
_LEFT_OUT = "inside of the eye"
"""Iris and pupil lie behind the cornea there: our eye material paints them on the outer surface."""
SOURCE = {
    "source": "GNM Head v3, Google, https://github.com/google/GNM",
    "licence": "Apache-2.0",
    "command": "dnpm build convert gnm",
}


def read_gnm(path: Path) -> ForeignHead:
    """Read gnm_head.npz.

    Raises DnpmError when an array is missing, damaged or of a wrong shape, or when it is another version or variant.
    """
    with ArrayFile(path) as file, reading(path):
        version, variant = (str(file.get(name)) if name in file.names else "none" for name in ("version", "variant"))
        if not version.startswith("3.") or variant != "head":
            raise DnpmError(f"{path}: is GNM {variant!r} of version {version!r}; give Head v3's gnm_head.npz")

        def numbers(name: str, *shape: int | None) -> np.ndarray:
            return floats(file.get(name), shape, f"{path}: {name}")

        vertices = numbers("template_vertex_positions", None, 3)
        n_v = len(vertices)
        names = texts(file.get("joint_names"), f"{path}: joint_names")
        if missing := sorted(set(_EYES.values()) - set(names)):
            raise DnpmError(f"{path}: has no joint {', '.join(missing)}")
        n_j = len(names)
        modes = texts(file.get("expression_names"), f"{path}: expression_names")
        identity = numbers("vertex_identity_basis", None, n_v, 3)
        faces = polygons(file.get("quads"), n_v, f"{path}: quads")
        kinds, kind = _kinds(file, n_v, faces, path)
        keep = kind != kinds.index(_LEFT_OUT) if _LEFT_OUT in kinds else np.ones(len(faces), bool)
        kept, _, faces = drop_unused(faces, keep, n_v)
        quad_uvs = numbers("quad_uvs", len(keep), 4, 2)[keep]
        uv, corner = np.unique(quad_uvs.reshape(-1, 2), axis=0, return_inverse=True)
        correctives = numbers("pose_correctives_regressor", 9 * n_j, 3 * n_v).reshape(9 * n_j, n_v, 3)[:, kept]
        parents = indices(np.maximum(file.get("joint_parent_indices"), 0), n_j, f"{path}: joint_parent_indices")
        shown = tuple(k for k in kinds if k != _LEFT_OUT)
        place = np.array([shown.index(k) if k in shown else 0 for k in kinds], np.uint8)
        return ForeignHead(
            name="GNM Head v3",
            vertices=vertices[kept],
            faces=faces,
            kinds=shown,
            kind=place[kind[keep]],
            identity=identity[:, kept],
            modes=numbers("expression_basis", len(modes), n_v, 3)[:, kept],
            mode_names=tuple(modes),
            are_named=False,
            joints=numbers("template_joint_positions", n_j, 3),
            joint_identity=numbers("joint_identity_basis", len(identity), n_j, 3),
            parents=tuple(parents.ravel().tolist()),
            skinning=numbers("skinning_weights", n_j, n_v)[:, kept],
            eyes={side: names.index(joint) for side, joint in _EYES.items()},
            jaw=None,
            unit_mm=_MM,
            correctives=correctives.reshape(9 * n_j, -1) if correctives.any() else None,
            uv=uv.astype(np.float32),
            faces_uv=corner.reshape(-1, 4).astype(np.int32),
            metadata=dict(SOURCE),
        )


def _kinds(file: Any, n_v: int, faces: np.ndarray, path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Materials, and (F,) uint8 into them, by the vertex groups."""
    names = texts(file.get("vertex_group_names"), f"{path}: vertex_group_names")
    weights = floats(file.get("vertex_groups"), (len(names), n_v), f"{path}: vertex_groups")
    kinds = ("skin", *(kind for kind, _ in _KINDS))
    result = np.zeros(len(faces), np.uint8)
    for kind, groups in _KINDS:
        rows = [names.index(name) for name in groups if name in names]
        if rows:
            inside = (weights[rows].max(0) > 0.5)[faces].mean(1) > 0.5
            result[inside & (result == 0)] = kinds.index(kind)
    used = tuple(kind for k, kind in enumerate(kinds) if k == 0 or (result == k).any())
    place = np.array([used.index(kind) if kind in used else 0 for kind in kinds], np.uint8)
    return used, place[result]
