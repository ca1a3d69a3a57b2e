"""Files as the makers of GNM, FLAME and FaceVerse write them, of any head: names, types, shapes and order.

Followed: google/GNM, gnm/shape/gnm_data_loader.py, gnm_xnp.py, gnm_utils.py and the tests beside them (23 arrays, texts
as NumPy's unicode, names of regions, modes and groups); soubhiksanyal/FLAME_PyTorch, flame_pytorch/flame.py,
Rubikplayer/flame-fitting, smpl_webuser/serialization.py, mattloper/chumpy, chumpy/ch.py (__getstate__), and
scipy.sparse (objects are their __dict__) for FLAME's pickle, which Python 2 wrote; LizhenWangT/FaceVerse,
model/FaceVerseModel.py (v2) and faceversev3_jittor/faceverse_cuda/FaceVerseModel.py (v3), and
LizhenWangT/FaceVerse_v4, faceversev4/FaceVerseModel_torch.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Head:
    """vertices (V, 3) in the file's unit, quads (Q, 4), corner_uv (Q, 4, 2), identity (I, V, 3), modes (E, V, 3);
    groups: name -> (V,) bool."""

    vertices: np.ndarray
    quads: np.ndarray
    corner_uv: np.ndarray
    identity: np.ndarray
    modes: np.ndarray
    groups: dict[str, np.ndarray]


def triangles_of(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [2, 3, 0]]])


def small_head(seed: int = 0, side: int = 6) -> Head:
    """A bulged square in metres with a small eyeball's stand-in on each side: formats, not faces."""
    from dnpm.tests.core.face_model.readers.format_files import grid

    rng = np.random.default_rng(seed)
    vertices, uv, quads = grid(side)
    n = len(vertices)
    balls = [vertices[:8] * 0.1 + [x, 3, 5] for x in (3, -3)]
    ball_quads = np.array([[0, 1, 3, 2], [4, 5, 7, 6]])
    all_vertices = np.concatenate([vertices, *balls]) * 0.01
    quads = np.concatenate([quads, ball_quads + n, ball_quads + n + 8])
    all_uv = np.concatenate([uv, np.full((16, 2), 0.5)])
    number = np.arange(len(all_vertices))
    return Head(
        all_vertices, quads, all_uv[quads], rng.normal(0, 1e-3, (7, len(all_vertices), 3)),
        rng.normal(0, 1e-3, (9, len(all_vertices), 3)),
        {"left_eye": (number >= n) & (number < n + 8), "right_eye": number >= n + 8},
    )  # fmt: skip


GNM_COMPONENTS = ("skin", "left_eye", "right_eye", "upper_teeth_and_gums", "lower_teeth_and_gums", "tongue")
"""The groups that do not overlap and together hold all vertices (gnm_numpy_test.py)."""
GNM_REGIONS = (
    "skin_exterior", "mouth_sock", "hockey_mask", "left", "right", "ears", "left_ear", "right_ear", "eyes",
    "eye_interiors", "eye_exteriors", "scleras", "irises", "pupils", "eye_sockets", "teeth", "gums", "upper_lip",
    "lower_lip", "chin_region", "nose_region", "forehead_region", "middle_brow_region", "lower_lip_region",
    "expression_basis_left_eye", "expression_basis_right_eye", "expression_basis_mouth_nose_ears",
    *(f"{side}_{part}_region" for side in ("left", "right")
      for part in ("brow", "temple", "zygomatic", "parotid", "cheek", "infraorbital")),
)  # fmt: skip
"""Groups that overlap with those: v3.0 has 46 in all, of which these are the ones that its code and its users name."""


def gnm_mode_names(left: int, right: int, lower: int, tongue: int) -> list[str]:
    """As v3.0 names and orders its modes (there 100, 100, 150 and 31): the tongue's mean comes before its modes."""
    counts = (("left_eye_region", left), ("right_eye_region", right), ("lower_face_region", lower))
    names = [f"{region}_{k:03}" for region, count in counts for k in range(count)]
    return [*names, "tongue_mean", *(f"tongue_{k:03}" for k in range(tongue)), "pupils_000"]


def gnm_arrays(head: Head, mode_names: list[str] | None = None) -> dict[str, np.ndarray]:
    """As v3.0: metres; joints neck, head, left_eye, right_eye; correctives are zeros, and so are absent groups."""
    n = len(head.vertices)
    eyes = [head.groups["left_eye"], head.groups["right_eye"]]
    weights = np.stack([0.0 * eyes[0], 1.0 - eyes[0] - eyes[1], *eyes])
    regressor = np.stack([np.ones(n), np.ones(n), *eyes])
    regressor = regressor / regressor.sum(1, keepdims=True)
    triangles = triangles_of(head.quads)
    uv = head.corner_uv
    names = mode_names or [f"lower_face_region_{k:03}" for k in range(len(head.modes))]
    nothing = np.zeros(n, bool)
    skin = ~(eyes[0] | eyes[1])
    groups = dict.fromkeys((*GNM_COMPONENTS, *GNM_REGIONS), nothing)
    groups |= {"skin": skin, "skin_exterior": skin, "eyes": ~skin, "eye_exteriors": ~skin} | head.groups
    f4, i4 = np.float32, np.int32
    return {
        "version": np.array("3.0"), "variant": np.array("head"),
        "template_vertex_positions": head.vertices.astype(f4),
        "template_joint_positions": (regressor @ head.vertices).astype(f4),
        "vertex_identity_basis": head.identity.astype(f4),
        "joint_identity_basis": np.einsum("jv,ivc->ijc", regressor, head.identity).astype(f4),
        "expression_basis": head.modes.astype(f4),
        "identity_names": np.array([f"head_{k:03}" for k in range(len(head.identity))]),
        "joint_names": np.array(["neck", "head", "left_eye", "right_eye"]), "expression_names": np.array(names),
        "joint_parent_indices": np.array([0, 0, 1, 1], i4), "skinning_weights": weights.astype(f4),
        "quads": head.quads.astype(i4), "triangles": triangles.astype(i4), "quad_uvs": uv.astype(f4),
        "triangle_uvs": np.concatenate([uv[:, :3], uv[:, [2, 3, 0]]]).astype(f4),
        "mesh_component_names": np.array(GNM_COMPONENTS), "mirror_indices": np.arange(n, dtype=i4),
        "joint_regressor": regressor.astype(f4), "pose_correctives_regressor": np.zeros((36, 3 * n), f4),
        "bone_aligned_template_joint_orientations": np.tile(np.eye(3, dtype=f4), (4, 1, 1)),
        "vertex_groups": np.stack(list(groups.values())).astype(f4), "vertex_group_names": np.array(list(groups)),
    }  # fmt: skip


def flame_arrays(head: Head, jaw: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """As FLAME 2020: metres, 300 of shape (those after the head's are zero) and the modes; root, neck, jaw, two eyes.

    jaw: (V,) shares. J_regressor is dense here; `flame_pickle` makes it sparse.
    """
    n = len(head.vertices)
    eyes = [head.groups["left_eye"], head.groups["right_eye"]]
    dirs = np.zeros((n, 3, 300 + len(head.modes)))
    dirs[..., : len(head.identity)] = head.identity.transpose(1, 2, 0)
    dirs[..., 300:] = head.modes.transpose(1, 2, 0)
    regressor = np.zeros((5, n))
    regressor[:3, :6] = 1 / 6
    for row, eye in zip((3, 4), eyes, strict=True):
        regressor[row, eye] = 1 / eye.sum()
    jaw = jaw * ~(eyes[0] | eyes[1])
    weights = np.stack([0.0 * jaw, 1.0 - jaw - eyes[0] - eyes[1], jaw, *eyes], 1)
    tree = np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)
    return {
        "f": triangles_of(head.quads).astype(np.uint32), "v_template": head.vertices.astype(np.float64),
        "shapedirs": dirs, "posedirs": rng.normal(0, 1e-5, (n, 3, 36)), "J_regressor": regressor,
        "kintree_table": tree, "J": regressor @ head.vertices, "weights": weights, "bs_style": "lbs",
        "bs_type": "lrotmin",
    }  # fmt: skip


def faceverse_dictionary(
    head: Head, names: list[str] | None, eyes_last: bool = True, version: int = 3
) -> dict[str, Any]:
    """v3: exBase_52 with its names; v4: exBase without. Vertices must be ordered face, left eye, right eye."""
    n = len(head.vertices)
    flat = lambda shapes: shapes.transpose(1, 2, 0).reshape(3 * n, -1).astype(np.float32)  # noqa: E731
    first = n - int(head.groups["left_eye"].sum() + head.groups["right_eye"].sum())
    made = {
        "meanshape": head.vertices.astype(np.float32), "meantex": np.full((n, 3), 128, np.float32),
        "idBase": flat(head.identity), "texBase": np.zeros((3 * n, 2), np.float32),
        "tri": triangles_of(head.quads)[:, [0, 2, 1]].astype(np.int64),
        "face_mask": np.ones(n, np.float32), "point_buf": np.zeros((n, 8), np.int64),
    }  # fmt: skip
    made["exBase_52" if version == 3 else "exBase"] = flat(head.modes)
    if names is not None:
        made["exp_name_list_52" if version == 3 else "exp_name_list"] = names
    if eyes_last:
        made["ver_inds"] = [first, first + int(head.groups["left_eye"].sum()), n]
        made["tri_inds"] = [0, 0, len(made["tri"])]
    if version == 4:
        made["parsing"] = {"skin": np.ones(n, np.float32)}
        made["keypoints_68"] = np.arange(68).reshape(-1, 1) % first
    return made


def flame_pickle(path: Path, arrays: dict[str, Any]) -> None:
    """The pickle that Python 2's cPickle writes with protocol 2: shapedirs in chumpy's Ch, J_regressor a csc_matrix."""
    out = bytearray(b"\x80\x02")
    _dictionary(out, arrays, wrapped={"shapedirs": _chumpy, "J_regressor": _sparse})
    path.write_bytes(bytes(out + b"."))


def _put(out: bytearray, value: Any) -> None:
    if value is None:
        out += b"N"
    elif isinstance(value, bool):
        out += b"\x88" if value else b"\x89"
    elif isinstance(value, int):
        out += b"J" + struct.pack("<i", value)
    elif isinstance(value, str | bytes):
        data = value.encode("latin-1") if isinstance(value, str) else value
        out += (b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))) + data
    elif isinstance(value, tuple):
        out += b"("
        for part in value:
            _put(out, part)
        out += b"t"
    elif isinstance(value, dict):
        _dictionary(out, value, {})
    elif isinstance(value, np.ndarray):
        _array(out, value)
    else:
        raise TypeError(type(value))


def _dictionary(out: bytearray, values: dict[str, Any], wrapped: dict[str, Any]) -> None:
    out += b"}("
    for key, value in values.items():
        _put(out, key)
        wrapped.get(key, _put)(out, value)
    out += b"u"


def _array(out: bytearray, array: np.ndarray) -> None:
    out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    _put(out, (0,))
    _put(out, "b")
    out += b"\x87R"
    out += b"("
    _put(out, 1)
    _put(out, array.shape)
    out += b"cnumpy\ndtype\n"
    _put(out, (array.dtype.str[1:], 0, 1))
    out += b"R"
    _put(out, (3, "<", None, None, None, -1, -1, 0))
    out += b"b"
    _put(out, False)
    _put(out, np.ascontiguousarray(array).tobytes())
    out += b"tb"


def _chumpy(out: bytearray, array: np.ndarray) -> None:
    """A plain Ch: `x`, and what __getstate__ leaves of its book-keeping; _dirty_vars is a set."""
    out += b"cchumpy.ch\nCh\n)\x81}("
    _put(out, "x")
    _array(out, array)
    _put(out, "_dirty_vars")
    out += b"c__builtin__\nset\n]"
    _put(out, "x")
    out += b"a\x85R"
    for key, value in (("_itr", None), ("_depends_on_deps", {}), ("_make_dense", False), ("_make_sparse", False)):
        _put(out, key)
        _put(out, value)
    out += b"ub"


def _sparse(out: bytearray, matrix: np.ndarray) -> None:
    """scipy.sparse.csc.csc_matrix of that time."""
    from scipy.sparse import csc_matrix

    made = csc_matrix(matrix)
    out += b"cscipy.sparse.csc\ncsc_matrix\n)\x81"
    state = {"_shape": matrix.shape, "maxprint": 50, "indices": made.indices, "indptr": made.indptr, "data": made.data}
    _put(out, state | {"format": "csc"})
    out += b"b"
