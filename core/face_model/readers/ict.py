"""Reads ICT-FaceKit's folder of OBJ files (MIT, https://github.com/ICT-VGL/ICT-FaceKit, `FaceXModel/`).

What lies in it, in centimetres, y up, the face along +z, the subject's left at +x: `generic_neutral_mesh.obj`;
`identity000.obj` ..., the neutral plus one principal component at one standard deviation each; one OBJ an expression
(`browDown_L.obj`), the neutral plus the expression; `vertex_indices.json` with the keys `expressions` (names) and
`idx_to_landmark_verts` (multi-PIE's 68).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ... import logs
from ...errors import DnpmError
from ...files import json_file
from ...files.inputs import brief
from ...files.obj import ObjMesh, read_obj, read_positions
from ..arkit import ARKIT_NAMES
from ..eye_layout import eye_texture
from ..model import FaceModel
from .assemble import arkit_first, checked_count, detail_layer, drop_unused, identity_labels

log = logs.logger(__name__)

_MM_PER_UNIT = 10.0
_COMPONENTS = 50
"""Of 100: they carry 98 % of the variance, and the dense core of 100 would take a gigabyte."""
_MATERIALS = {
    "M_Face": "skin", "M_BackHead": "skin", "M_GumsTongue": "gums", "M_Teeth": "teeth", "M_ScleraLeft": "eye",
    "M_ScleraRight": "eye", "M_EyeLashes": "lashes",
}  # fmt: skip
# Wetness, blends and shadows of a game's eye shader, and irises that lie under the sclera's mesh: our eye material
# paints the iris on the outer surface, under which these would only be in the way.
_LEFT_OUT = ("M_IrisLeft", "M_IrisRight", "M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion")
# The README's table of parts, half open. The inner mouth shares its material with the back of the head.
_FULL_VERTICES, _MOUTH_SOCKET = 26719, (11248, 13294)


def read_ict(folder: Path, identities: int | None = None) -> FaceModel:
    """Read the folder.

    identities: how many of the identity components to take, most important first (None: 50, or all). ICT's names become
    ARKit's (`browDown_L` -> `browDownLeft`; `browInnerUp_L` and `_R` are summed to `browInnerUp`, `cheekPuff` too); it
    has no tongueOut. The model is linear, so that core[k, e] = 0 for k, e > 0. Raises DnpmError on a missing or
    damaged file, or on one of another topology.
    """
    folder = Path(folder)
    config = _config(folder / "vertex_indices.json")
    mesh = read_obj(folder / "generic_neutral_mesh.obj")
    n_v = len(mesh.vertices)
    found = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    if not found:
        raise DnpmError(f"{folder}: has no identity000.obj; give ICT-FaceKit's folder FaceXModel")
    count = checked_count(min(_COMPONENTS, len(found)) if identities is None else identities, len(found), str(folder))
    keep_faces = ~np.isin(mesh.material, _numbers(mesh, _LEFT_OUT))
    kept, renumber, faces = drop_unused(mesh.faces, keep_faces, n_v)

    def delta(path: Path) -> np.ndarray:
        return (read_positions(path, n_v) - mesh.vertices)[kept] * _MM_PER_UNIT

    log.info("reading %d identity components", count)
    core_rest = np.stack([delta(path) for path in found[:count]])
    log.info("reading %d expressions", len(config["expressions"]))
    shapes: dict[str, np.ndarray] = {}
    for ict_name in config["expressions"]:
        name = arkit_name(ict_name)
        shapes[name] = shapes.get(name, 0.0) + delta(folder / f"{ict_name}.obj")
    names = arkit_first(shapes)
    core = np.zeros((count + 1, len(names) + 1, len(kept), 3), np.float16)
    core[1:, 0] = core_rest
    for e, name in enumerate(names, 1):
        core[0, e] = shapes[name]

    neutral = mesh.vertices[kept] * _MM_PER_UNIT
    kinds, material = _materials(mesh, keep_faces, n_v)
    faces_uv = mesh.faces_uv[keep_faces]
    face_tile = np.isin(mesh.material[keep_faces], _numbers(mesh, ("M_Face",)))
    detail_uv, detail_faces, mask = detail_layer(faces, mesh.uv, faces_uv, (0.0, 0.0, 1.0, 1.0), face_tile, str(folder))
    groups = {"face": np.unique(faces[face_tile][faces[face_tile] >= 0])}
    uv = mesh.uv
    for side, kind in (("left", "M_ScleraLeft"), ("right", "M_ScleraRight")):
        chosen = np.isin(mesh.material[keep_faces], _numbers(mesh, (kind,)))
        if chosen.any():
            groups[f"eye_{side}"] = np.unique(faces[chosen][faces[chosen] >= 0])
            uv, faces_uv = eye_texture(neutral, faces, chosen, uv, faces_uv)
    for kind in ("teeth", "lashes"):
        chosen = material == kinds.index(kind) if kind in kinds else np.zeros(len(faces), bool)
        if chosen.any():
            groups[kind] = np.unique(faces[chosen][faces[chosen] >= 0])
    return FaceModel(
        name="ICT-FaceKit",
        neutral=neutral.astype(np.float32),
        core=core,
        expression_names=tuple(names),
        identity_labels=identity_labels(count),
        faces=faces,
        uv=uv.astype(np.float32),
        faces_uv=faces_uv.astype(np.int32),
        detail_uv=detail_uv,
        faces_detail_uv=detail_faces,
        detail_mask=mask,
        face_material=material,
        material_names=kinds,
        landmarks68=_landmarks(config, renumber, folder),
        vertex_groups={name: indices.astype(np.int32) for name, indices in groups.items()},
        metadata={
            "source": "ICT-FaceKit, USC Institute for Creative Technologies, https://github.com/ICT-VGL/ICT-FaceKit",
            "licence": "MIT",
            "command": "dnpm build convert ict",
        },
    )


def arkit_name(name: str) -> str:
    """ICT's name -> ARKit's: without a side where ARKit knows none; a name that Apple has not keeps its sides."""
    for ending, side in (("_L", "Left"), ("_R", "Right")):
        if name.endswith(ending):
            base = name.removesuffix(ending)
            return base if base in ARKIT_NAMES else base + side
    return name


def _config(path: Path) -> dict:
    config = json_file.read(path, "give ICT-FaceKit's FaceXModel")
    names = config.get("expressions") if isinstance(config, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DnpmError(f"{path}: has no list of names under `expressions`")
    for name in names:
        if Path(name).name != name or not name.isprintable():
            raise DnpmError(f"{path}: expression {brief(name)} is not a plain file name")
    return config


def _landmarks(config: dict, renumber: np.ndarray, folder: Path) -> np.ndarray:
    """(68,), -1 where the folder has none or where the vertex was left out."""
    given = config.get("idx_to_landmark_verts")
    if given is None:
        return np.full(68, -1, np.int32)
    try:
        indices = np.array(given, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DnpmError(f"{folder / 'vertex_indices.json'}: idx_to_landmark_verts is not a list of numbers") from error
    if indices.shape != (68,) or indices.min() < 0 or indices.max() >= len(renumber):
        raise DnpmError(f"{folder / 'vertex_indices.json'}: idx_to_landmark_verts must be 68 vertices of the mesh")
    return renumber[indices]


def _numbers(mesh: ObjMesh, names: tuple[str, ...]) -> list[int]:
    return [i for i, name in enumerate(mesh.material_names) if name in names]


def _materials(mesh: ObjMesh, keep: np.ndarray, n_v: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of ours, and (F,) uint8 into them; a material that ICT's list does not have is skin."""
    ours = [_MATERIALS.get(name, "skin") for name in mesh.material_names]
    per_face = np.array([ours[i] for i in mesh.material[keep]])
    if n_v == _FULL_VERTICES:
        first = mesh.faces[keep][:, 0]
        per_face[(first >= _MOUTH_SOCKET[0]) & (first < _MOUTH_SOCKET[1])] = "mouth"
    names = tuple(dict.fromkeys(["skin", *per_face.tolist()]))
    return names, np.array([names.index(kind) for kind in per_face], np.uint8)
