"""Reads FaceVerse (Tsinghua University and Ant Group): versions 2, 3 and 4, each one .npy file.

Where to get it: https://github.com/LizhenWangT/FaceVerse (v2 `faceverse_simple_v2.npy`, v3 `faceverse_v3_6_s.npy`;
BSD-like licence) and https://github.com/LizhenWangT/FaceVerse_v4 (`faceverse_v4_2.npy`, MIT). Format (FaceVerseModel.py
and FaceVerseModel_torch.py there): a dictionary that was pickled into an .npy: meanshape (V, 3), tri (T, 3), idBase
(3V, n), exBase or exBase_52 (3V, m) with x, y, z of each vertex together, exp_name_list or exp_name_list_52; since v3
ver_inds: where the vertices of face, left eye, right eye and (v4) teeth and tongue end; v4 has keypoints_68. v2 and v3
have the 52 names of ARKit; v4 has 177 modes of expression, to which ours are fitted. The unit is not written down: it
is found by fitting. Nor are the axes, which differ (v2 has y down): eyes and chin among the landmarks tell them
(keypoints_68, mediapipe_keypoints, or v2's keypoints in iBUG's order). Eyeballs turn about their middle.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...files.inputs import reading
from ...files.npz import ArrayFile, load_dictionary
from .arrays import floats, indices, named, polygons, texts
from .head import ForeignHead
from .ict import arkit_name

_TEETH_FOLLOW = (19496, 6550)
"""v4: the inner mouth is moved along z with the gap between these two vertices (FaceVerseModel_torch.py, get_vs)."""
_NAMES = {"exBase_52": "exp_name_list_52", "exBase": "exp_name_list"}
_IBUG = (8, range(36, 42), range(42, 48))
"""Chin, the subject's right eye, left eye among 68 landmarks, or the 66 without the inner mouth's corners."""
_MEDIAPIPE = (152, (33, 133), (263, 362))
_PARTS = ("face", "left eye", "right eye")
SOURCE = {
    "source": "FaceVerse, https://github.com/LizhenWangT/FaceVerse and https://github.com/LizhenWangT/FaceVerse_v4",
    "licence": "FaceVerse's: see LICENSE of its repository (v4: MIT)",
    "command": "dnpm build convert faceverse",
}


def read_faceverse(path: Path) -> ForeignHead:
    """Read the .npy (or an .npz of the same arrays).

    Raises DnpmError when an array is missing, damaged or of a wrong shape, or when the pickle holds more than arrays.
    """
    path = Path(path)
    file = _arrays(path)
    with reading(path):
        vertices = _flat(named(file, "meanshape", str(path)), 3)
        vertices = floats(vertices, (None, 3), f"{path}: meanshape")
        n_v = len(vertices)
        base = "exBase_52" if "exBase_52" in file else "exBase"
        modes = _basis(file, base, n_v, path)
        identity = _basis(file, "idBase", n_v, path)
        names = [f"mode {k + 1}" for k in range(len(modes))]
        if is_named := _NAMES[base] in file:
            names = [arkit_name(name) for name in texts(file[_NAMES[base]], f"{path}: {_NAMES[base]}")]
            if len(names) != len(modes) or len(set(names)) != len(names):
                raise DnpmError(f"{path}: {_NAMES[base]} has {len(set(names))} names for {len(modes)} expressions")
        faces = polygons(named(file, "tri", str(path)), n_v, f"{path}: tri")
        ends = _ends(file, n_v, path)
        if len(ends) >= 6 and max(_TEETH_FOLLOW) < n_v:
            first, second = _TEETH_FOLLOW
            for shapes in (identity, modes):
                gap = shapes[:, first, 2] - shapes[:, second, 2]
                shapes[:, ends[2] : ends[5], 2] -= gap[:, None]
        part = np.searchsorted(ends, np.arange(n_v), side="right")
        joints, skinning = [np.zeros(3, np.float32)], [np.ones(n_v, np.float32)]
        moves = [np.zeros((len(identity), 3), np.float32)]
        eyes: dict[str, int] = {}
        for number, side in ((1, "left"), (2, "right")) if len(ends) >= 3 else ():
            ball = part == number
            eyes[side] = len(joints)
            joints.append(vertices[ball].mean(0))
            moves.append(identity[:, ball].mean(1))
            skinning.append(ball.astype(np.float32))
            skinning[0] = skinning[0] - skinning[-1]
        kinds, kind = _kinds(file, part[faces[:, 0]], faces, n_v, path)
        landmarks = None
        if "keypoints_68" in file:
            landmarks = indices(file["keypoints_68"], n_v, f"{path}: keypoints_68").ravel().astype(np.int32)
            if len(landmarks) != 68:
                raise DnpmError(f"{path}: keypoints_68 lists {len(landmarks)} vertices")
        head = ForeignHead(
            name="FaceVerse",
            vertices=vertices,
            faces=_outward(vertices, faces, part[faces[:, 0]] == 0),
            kinds=kinds,
            kind=kind,
            identity=identity,
            modes=modes,
            mode_names=tuple(names),
            are_named=is_named,
            joints=np.stack(joints),
            joint_identity=np.stack(moves, 1),
            parents=(0,) * len(joints),
            skinning=np.stack(skinning),
            eyes=eyes,
            jaw=None,
            unit_mm=None,
            landmarks68=landmarks,
            metadata=dict(SOURCE),
        )
        upright = head.placed(1.0, _axes(file, vertices, path), np.zeros(3))
        return replace(upright, unit_mm=None)


def _axes(file: dict[str, Any], vertices: np.ndarray, path: Path) -> np.ndarray:
    """(3, 3): turns the file's axes into core's (x to the subject's left, y up), by quarter turns."""
    for name, counts, (chin, right, left) in (
        ("keypoints_68", (68,), _IBUG), ("mediapipe_keypoints", (468, 478), _MEDIAPIPE),
        ("keypoints_mediapipe", (468, 478), _MEDIAPIPE), ("keypoints", (66, 68), _IBUG),
    ):  # fmt: skip
        if name not in file:
            continue
        marks = indices(np.asarray(file[name]), len(vertices), f"{path}: {name}").ravel()
        if len(marks) in counts:
            points = vertices[marks].astype(np.float64)
            one, other = points[list(left)].mean(0), points[list(right)].mean(0)
            across = _snapped(one - other)
            up = _snapped(((one + other) / 2 - points[chin]) * (across == 0))
            return np.stack([across, up, np.cross(across, up)])
    return np.eye(3)


def _snapped(direction: np.ndarray) -> np.ndarray:
    """The axis that a direction lies along most, with its sign."""
    axis = np.zeros(3)
    largest = int(np.abs(direction).argmax())
    axis[largest] = -1.0 if direction[largest] < 0 else 1.0
    return axis


def _arrays(path: Path) -> dict[str, Any]:
    if path.suffix == ".npz":
        with ArrayFile(path) as file:
            return {name: file.get(name) for name in file.names}
    return load_dictionary(path)


def _basis(file: dict[str, Any], name: str, n_v: int, path: Path) -> np.ndarray:
    """(3V, n), or (V, 3, n), with x, y, z of each vertex together -> (n, V, 3)."""
    table = named(file, name, str(path))
    if isinstance(table, np.ndarray) and table.ndim == 3 and table.shape[1] == 3:
        table = _flat(table, table.shape[2])
    table = floats(table, (3 * n_v, None), f"{path}: {name}")
    return np.ascontiguousarray(table.reshape(n_v, 3, -1).transpose(2, 0, 1))


def _flat(value: Any, last: int) -> Any:
    """As rows of `last` numbers, where it is an array of so many: FaceVerse's own loaders take any shape."""
    fits = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and last and value.size % last == 0
    return value.reshape(-1, last) if fits else value


def _ends(file: dict[str, Any], n_v: int, path: Path) -> np.ndarray:
    """Where the vertices of each part end; the last is n_v."""
    if "ver_inds" not in file:
        return np.array([n_v])
    ends = indices(np.asarray(file["ver_inds"]), n_v + 1, f"{path}: ver_inds").ravel()
    if (np.diff(ends) < 0).any() or ends[-1] != n_v or len(ends) < 3:
        raise DnpmError(f"{path}: ver_inds must say where {', '.join(_PARTS)} end, is {ends.tolist()}")
    return ends


def _kinds(
    file: dict[str, Any], part: np.ndarray, faces: np.ndarray, n_v: int, path: Path
) -> tuple[tuple[str, ...], np.ndarray]:
    """Materials, and (F,) uint8 into them: the parts, and what v4's parsing masks say of the inner mouth."""
    kinds = ("skin", "eye", "teeth", "tongue")
    kind = np.zeros(len(faces), np.uint8)
    kind[(part == 1) | (part == 2)] = 1
    kind[part > 2] = 2
    masks = file.get("parsing")
    if isinstance(masks, dict) and "tongue" in masks:
        mask = floats(np.asarray(masks["tongue"], np.float32).ravel(), (n_v,), f"{path}: parsing of the tongue")
        kind[(mask > 0.5)[faces[:, :3]].all(1)] = 3
    used = tuple(name for k, name in enumerate(kinds) if k == 0 or (kind == k).any())
    place = np.array([used.index(name) if name in used else 0 for name in kinds], np.uint8)
    return used, place[kind]


def _outward(vertices: np.ndarray, faces: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Triangles the way round that normals point out of the head: its renderers turn them, by version."""
    corners = vertices[faces[skin, :3]].astype(np.float64)
    corners = corners - corners.reshape(-1, 3).mean(0)
    volume = np.einsum("tc,tc->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return faces if volume >= 0 else faces[:, [0, 2, 1, 3]]
