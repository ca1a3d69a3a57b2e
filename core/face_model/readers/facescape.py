"""Reads FaceScape's bilinear models: v1.6 (.npz) and v1.3 (a pair of .npy files).

The files are under FaceScape's own licence; users bring them. Format (https://github.com/zhuhao-nju/facescape):
vertices = core . identity factors . expression weights with the first weight 1, where `shape_bm_core` (3V, 52, 50)
holds absolute shapes, so that an expression is its difference from the first. Faces count from 1. In millimetres, y up,
the face along +z. Its textures are 4096 texels a side; the detail layer is the square of 1900 its authors train on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...files.inputs import reading
from ...files.npz import ArrayFile, load_array
from ...files.obj import read_obj
from ..arkit import ARKIT_NAMES
from ..model import FaceModel
from .assemble import arkit_first, checked_count, detail_layer, identity_labels

_MOST_IDENTITIES, _FARTHEST_MM = 2000, 1e5
SIDE = 4096
CROP_TOP, CROP_LEFT, CROP_SIZE = 600, 1100, 1900
# u0, v0, u1, v1; row = 4096 (1 - v), column = 4096 u.
DETAIL_RECTANGLE = (
    CROP_LEFT / SIDE, 1 - (CROP_TOP + CROP_SIZE) / SIDE, (CROP_LEFT + CROP_SIZE) / SIDE, 1 - CROP_TOP / SIDE,
)  # fmt: skip

_BOTH = ("Left", "Right")
# Expressions 1 to 51 in the file's order, paired with ARKit's by their meaning (FaceScape publishes no names).
EXPRESSIONS: tuple[str, ...] = tuple(
    name + side
    for name, sides in (
        ("eyeBlink", _BOTH), ("eyeSquint", _BOTH), ("eyeLookDown", _BOTH), ("eyeLookIn", _BOTH), ("eyeWide", _BOTH),
        ("eyeLookOut", _BOTH), ("eyeLookUp", _BOTH), ("browDown", _BOTH), ("browInnerUp", ("",)),
        ("browOuterUp", _BOTH), ("jawOpen", ("",)), ("mouthClose", ("",)), ("jawLeft", ("",)), ("jawRight", ("",)),
        ("jawForward", ("",)), ("mouthUpperUp", _BOTH), ("mouthLowerDown", _BOTH), ("mouthRollUpper", ("",)),
        ("mouthRollLower", ("",)), ("mouthSmile", _BOTH), ("mouthDimple", _BOTH), ("mouthStretch", _BOTH),
        ("mouthFrown", _BOTH), ("mouthPress", _BOTH), ("mouthPucker", ("",)), ("mouthFunnel", ("",)),
        ("mouthLeft", ("",)), ("mouthRight", ("",)), ("mouthShrugLower", ("",)), ("mouthShrugUpper", ("",)),
        ("noseSneer", _BOTH), ("cheekPuff", ("",)), ("cheekSquint", _BOTH),
    )
    for side in sides
)  # fmt: skip
assert len(EXPRESSIONS) == 51
assert set(EXPRESSIONS) == set(ARKIT_NAMES) - {"tongueOut"}

_SOURCE = {
    "source": "FaceScape bilinear model, https://facescape.nju.edu.cn",
    "licence": "FaceScape's own: non-commercial research; not to be passed on",
    "command": "dnpm build convert facescape",
}


def read_facescape(path: Path, identities: int | None = None, factors: Path | None = None) -> FaceModel:
    """Read v1.6's .npz.

    identities: how many components to take, those that move the face most (None: all). factors: an .npy (people, 50) of
    identity factors, from which mean and deviation are taken when the file has no `id_mean` and `id_var`. Raises
    DnpmError when an array is missing, damaged, of a wrong shape, or a pickle that holds more than arrays.
    """
    with ArrayFile(path) as file, reading(path):
        core = _core(_numbers(file.get("shape_bm_core")), f"{path}: shape_bm_core")
        n_vertices, _, n_id = core.shape[0] // 3, core.shape[1], core.shape[2]
        if factors is not None:
            mean, deviation = _statistics(load_array(factors), n_id, str(factors))
        elif {"id_mean", "id_var"} <= file.names:
            mean = _vector(file.get("id_mean"), n_id, f"{path}: id_mean")
            deviation = np.sqrt(np.maximum(_vector(file.get("id_var"), n_id, f"{path}: id_var"), 0))
        else:
            raise DnpmError(
                f"{path}: has no id_mean and id_var, so that the mean face is not known; give the file of identity "
                "factors as well (factors_id_847_50_52.npy, --factors)"
            )
        faces = _polygons(file.get("fv_indices"), n_vertices, f"{path}: fv_indices")
        uv = _table(file.get("texcoords"), 2, f"{path}: texcoords").astype(np.float32)
        faces_uv = _polygons(file.get("ft_indices"), len(uv), f"{path}: ft_indices")
        landmarks = np.full(68, -1, np.int32)
        if "lm_list_v16" in file.names:
            landmarks = _indices(file.get("lm_list_v16"), n_vertices, f"{path}: lm_list_v16")
            if landmarks.shape != (68,):
                raise DnpmError(f"{path}: lm_list_v16 must list 68 landmarks, has {len(landmarks)}")
        groups = {}
        if "v_indices_front" in file.names:
            groups["face"] = _indices(file.get("v_indices_front"), n_vertices, f"{path}: v_indices_front")
    with reading(path):
        if faces.shape != faces_uv.shape or ((faces < 0) != (faces_uv < 0)).any():
            raise DnpmError(f"{path}: fv_indices and ft_indices do not belong together")
        layers = faces, uv, faces_uv
        return _model("FaceScape v1.6", core, mean, deviation, identities, layers, landmarks, groups, path)


def read_facescape_pair(
    core_path: Path, factors_path: Path, mesh_path: Path, identities: int | None = None
) -> FaceModel:
    """Read v1.3's core_847_50_52.npy (50, 52, 3V), factors_id_847_50_52.npy (847, 50) and one registered mesh (.obj).

    The pair has no faces: any OBJ of FaceScape's topology (<id>/models_reg/1_neutral.obj) brings them. Raises DnpmError
    as `read_facescape` does.
    """
    core = load_array(core_path)
    if core.ndim != 3:
        raise DnpmError(f"{core_path}: must be (identities, 52, 3 x vertices), is {core.shape}")
    core = _core(core.transpose(2, 1, 0), str(core_path))
    mean, deviation = _statistics(load_array(factors_path), core.shape[2], str(factors_path))
    mesh = read_obj(mesh_path)
    if len(mesh.vertices) * 3 != core.shape[0]:
        raise DnpmError(
            f"{mesh_path}: has {len(mesh.vertices)} vertices, {core_path} {core.shape[0] // 3}; "
            "give a mesh of the same version"
        )
    none = np.full(68, -1, np.int32)
    layers = (mesh.faces, mesh.uv, mesh.faces_uv)
    with reading(core_path):
        return _model("FaceScape v1.3", core, mean, deviation, identities, layers, none, {}, mesh_path)


def _model(
    name: str,
    core: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    identities: int | None,
    layers: tuple[np.ndarray, np.ndarray, np.ndarray],
    landmarks: np.ndarray,
    groups: dict[str, np.ndarray],
    path: Path,
) -> FaceModel:
    """The bilinear form in ours: factors become standard deviations from the mean, ordered by what they move."""
    faces, uv, faces_uv = layers
    n_v, n_exp = core.shape[0] // 3, core.shape[1] - 1
    rests = core[:, 0].astype(np.float64) * deviation
    order = np.argsort(-np.sqrt((rests**2).sum(0)), kind="stable")
    order = order[: checked_count(identities, len(order), str(path))]
    names = arkit_first(EXPRESSIONS)
    result = np.zeros((len(order) + 1, n_exp + 1, n_v, 3), np.float16)
    result[1:, 0] = rests[:, order].T.reshape(len(order), n_v, 3)
    basis = np.concatenate([mean[:, None], np.diag(deviation)[:, order]], 1)
    for e, expression in enumerate(names, 1):
        residual = (core[:, EXPRESSIONS.index(expression) + 1] - core[:, 0]).astype(np.float64)
        result[:, e] = (residual @ basis).T.reshape(-1, n_v, 3)
    detail_uv, detail_faces, mask = detail_layer(
        faces, uv, faces_uv, DETAIL_RECTANGLE, np.ones(len(faces), bool), str(path)
    )
    return FaceModel(
        name=name,
        neutral=(core[:, 0].astype(np.float64) @ mean).reshape(n_v, 3).astype(np.float32),
        core=result,
        expression_names=tuple(names),
        identity_labels=identity_labels(len(order)),
        faces=faces,
        uv=uv,
        faces_uv=faces_uv,
        detail_uv=detail_uv,
        faces_detail_uv=detail_faces,
        detail_mask=mask,
        face_material=np.zeros(len(faces), np.uint8),
        material_names=("skin",),
        landmarks68=landmarks,
        vertex_groups=groups,
        metadata=dict(_SOURCE),
    )


def _core(core: np.ndarray, what: str) -> np.ndarray:
    if core.ndim != 3 or core.dtype.kind != "f" or core.shape[0] % 3:
        raise DnpmError(f"{what} must be numbers (3 x vertices, 52, identities), is {core.dtype} {core.shape}")
    if core.shape[1] != 52:
        raise DnpmError(
            f"{what} has {core.shape[1]} expressions; give an edition with the 52 named ones (..._52_...), because the "
            "axes of the compressed editions are not expressions"
        )
    if not core.size or core.shape[2] > _MOST_IDENTITIES:
        raise DnpmError(f"{what} must have vertices and 1 to {_MOST_IDENTITIES} identities, is {core.shape}")
    if not max(core.max(), -core.min()) <= _FARTHEST_MM:  # NaN fails as well
        raise DnpmError(f"{what} holds numbers that are not finite, or beyond 100 m; fetch the file again")
    return core


def _statistics(factors: np.ndarray, n_id: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    if factors.ndim != 2 or factors.shape[1] != n_id or len(factors) < 2 or factors.dtype.kind != "f":
        raise DnpmError(f"{what}: must be (people, {n_id}) identity factors, is {factors.dtype} {factors.shape}")
    if not (np.abs(factors) <= _FARTHEST_MM).all():
        raise DnpmError(f"{what}: holds numbers that are not finite, or beyond all measure")
    return factors.mean(0, dtype=np.float64), factors.std(0, dtype=np.float64)


def _numbers(value: object) -> np.ndarray:
    """An array; one of Python's numbers (pickled, therefore) becomes one of numpy's. The caller checks its type."""
    array = np.asarray(value)
    if array.dtype != object:
        return array
    try:
        return np.array(array.tolist())
    except ValueError:  # ragged: the caller reports it as no numbers
        return array


def _vector(value: object, length: int, what: str) -> np.ndarray:
    array = _numbers(value)
    if array.dtype.kind != "f" or array.size != length:
        raise DnpmError(f"{what} must be {length} numbers, is {array.dtype} {array.shape}")
    if not (np.abs(array) <= _FARTHEST_MM).all():
        raise DnpmError(f"{what} holds numbers that are not finite, or beyond all measure")
    return array.astype(np.float64).ravel()


def _table(value: object, columns: int, what: str) -> np.ndarray:
    array = _numbers(value)
    if array.ndim != 2 or array.shape[1] < columns or array.dtype.kind not in "fiu":
        raise DnpmError(f"{what} must have {columns} columns of numbers, is {array.dtype} {array.shape}")
    return array[:, :columns]


def _indices(value: object, count: int, what: str) -> np.ndarray:
    """Vertex indices that count from 0."""
    array = _numbers(value)
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0 or array.max() >= count:
        raise DnpmError(f"{what} must be indices of {count} vertices, is {array.dtype} {array.shape}")
    return array.astype(np.int32).ravel()


def _polygons(value: object, count: int, what: str) -> np.ndarray:
    """(F, 3 or 4) indices from 1 -> (F, 4) from 0 with -1 for a triangle's fourth."""
    array = _numbers(value)
    if array.ndim != 2 or array.shape[1] not in (3, 4) or array.dtype.kind not in "iu" or not len(array):
        raise DnpmError(f"{what} must be polygons of 3 or 4 corners, is {array.dtype} {array.shape}")
    if array[:, :3].min() < 1 or array.max() > count:
        raise DnpmError(f"{what} must count from 1 to {count}, counts from {array[:, :3].min()} to {array.max()}")
    faces = np.full((len(array), 4), -1, np.int32)
    faces[:, : array.shape[1]] = array.astype(np.int64) - 1
    return np.maximum(faces, -1)
