"""Reads FLAME 2020 and 2023 (Max Planck Institute for Intelligent Systems): generic_model.pkl, flame2023.pkl, or .npz.

Where to get it: https://flame.is.tue.mpg.de, after registration; the licence there governs the result as well. FLAME
2023 Open is under CC BY 4.0. Format (Li et al. 2017, and the loader of https://github.com/soubhiksanyal/FLAME_PyTorch):
v_template (5023, 3) in metres, y up, facing +z; f (9976, 3); shapedirs (5023, 3, 400), 300 of the person's shape and
100 of expression; posedirs (5023, 3, 36); J_regressor (5, 5023); weights (5023, 5); kintree_table (2, 5): root, neck,
jaw, left eye, right eye. The .pkl is a Python 2 pickle in which J_regressor is a sparse matrix of SciPy and shapedirs
is wrapped by chumpy; it is read without running it (`core/files/array_pickles.py`). It has no texture coordinates:
`head_template.obj`, which comes with FLAME's texture space, brings them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...files.array_pickles import load_pickle
from ...files.inputs import reading
from ...files.npz import ArrayFile
from ...files.obj import read_obj
from .arrays import floats, indices, named, polygons
from .head import ForeignHead

_MM, _SHAPES, _JOINTS = 1000.0, 300, 5
_JAW, _EYES = 2, {"left": 3, "right": 4}
_MOST_BYTES = 500_000_000
_ARRAYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
SOURCE = {
    "source": "FLAME, Max Planck Institute for Intelligent Systems, https://flame.is.tue.mpg.de",
    "licence": "FLAME's own: see https://flame.is.tue.mpg.de/modellicense.html (FLAME 2023 Open: CC BY 4.0)",
    "command": "dnpm build convert flame",
}


def read_flame(path: Path, mesh: Path | None = None) -> ForeignHead:
    """Read the .pkl or .npz. mesh: head_template.obj, for its texture coordinates.

    Raises DnpmError when an array is missing, damaged or of a wrong shape, when the pickle holds more than arrays, or
    when the mesh is of another topology.
    """
    path = Path(path)
    file = _arrays(path)
    with reading(path):
        get = lambda name: named(file, name, str(path))  # noqa: E731
        vertices = floats(get("v_template"), (None, 3), f"{path}: v_template")
        n_v = len(vertices)
        dirs = floats(get("shapedirs"), (n_v, 3, None), f"{path}: shapedirs")
        if dirs.shape[2] <= _SHAPES:
            raise DnpmError(
                f"{path}: shapedirs has {dirs.shape[2]} components; FLAME 2020 and 2023 have {_SHAPES} of shape and "
                "100 of expression after them"
            )
        shapes = np.ascontiguousarray(dirs.transpose(2, 0, 1))
        regressor = floats(get("J_regressor"), (_JOINTS, n_v), f"{path}: J_regressor")
        poses = floats(get("posedirs"), (n_v, 3, 9 * (_JOINTS - 1)), f"{path}: posedirs")
        # The root's rotation matrix has no correctives.
        correctives = np.zeros((9 * _JOINTS, 3 * n_v), np.float32)
        correctives[9:] = poses.reshape(3 * n_v, -1).T
        skinning = floats(get("weights"), (n_v, _JOINTS), f"{path}: weights").T
        tree = get("kintree_table")
        if not isinstance(tree, np.ndarray) or tree.shape != (2, _JOINTS) or tree.dtype.kind not in "iu":
            raise DnpmError(f"{path}: kintree_table must be (2, {_JOINTS}) whole numbers")
        parents = indices(np.r_[0, tree[0, 1:].astype(np.int64)], _JOINTS, f"{path}: kintree_table")
        faces = polygons(get("f"), n_v, f"{path}: f")
        uv, faces_uv = _layout(mesh, n_v, faces)
        balls = (skinning[list(_EYES.values())].sum(0) > 0.5)[faces[:, :3]].all(1)
        return ForeignHead(
            name="FLAME",
            vertices=vertices,
            faces=faces,
            kinds=("skin", "eye"),
            kind=balls.astype(np.uint8),
            identity=shapes[:_SHAPES],
            modes=shapes[_SHAPES:],
            mode_names=tuple(f"expression {k + 1}" for k in range(len(shapes) - _SHAPES)),
            are_named=False,
            joints=regressor @ vertices,
            joint_identity=np.einsum("jv,kvc->kjc", regressor, shapes[:_SHAPES]),
            parents=tuple(parents.tolist()),
            skinning=np.ascontiguousarray(skinning),
            eyes=dict(_EYES),
            jaw=_JAW,
            unit_mm=_MM,
            correctives=correctives,
            uv=uv,
            faces_uv=faces_uv,
            metadata=dict(SOURCE),
        )


def _arrays(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".npz":
        with ArrayFile(path) as file:
            return {name: file.get(name) for name in _ARRAYS if name in file.names}
    value = load_pickle(path, _MOST_BYTES)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DnpmError(f"{path}: is not FLAME's dictionary of arrays; give generic_model.pkl or flame2023.pkl")
    return value


def _layout(mesh: Path | None, n_v: int, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uv and faces_uv of the mesh, in the order of FLAME's faces; nothing without one."""
    if mesh is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 4), np.int32)
    found = read_obj(mesh)
    if len(found.vertices) != n_v or found.faces.shape != faces.shape:
        raise DnpmError(
            f"{mesh}: has {len(found.vertices)} vertices and {len(found.faces)} faces, FLAME {n_v} and {len(faces)}; "
            "give head_template.obj"
        )
    if not len(found.uv):
        raise DnpmError(f"{mesh}: has no texture coordinates, for which it is read; give head_template.obj")
    # The faces may begin with another corner, or be in another order: corners are told by face and vertex.
    place = {tuple(sorted(row[:3].tolist())): k for k, row in enumerate(found.faces)}
    table = np.full(faces.shape, -1, np.int32)
    for k, row in enumerate(faces[:, :3].tolist()):
        other = place.get(tuple(sorted(row)))
        if other is None:
            raise DnpmError(f"{mesh}: its faces are not FLAME's; give head_template.obj")
        corner = dict(zip(found.faces[other, :3].tolist(), found.faces_uv[other, :3].tolist(), strict=True))
        table[k, :3] = [corner[vertex] for vertex in row]
    return found.uv.astype(np.float32), table
