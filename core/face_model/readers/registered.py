"""Reads a folder of registered meshes and compresses it to a bilinear model by HOSVD.

    FOLDER/<person>/neutral.obj, FOLDER/<person>/jawOpen.obj, ...

One folder a person, one OBJ of the same topology an expression, `neutral.obj` the rest; FaceScape's own folders
(`<id>/models_reg/1_neutral.obj`, `2_smile.obj`) are read as they are: the number before the name is dropped.
Expressions are called what their files are called; ARKit's names come first.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ... import logs
from ...errors import DnpmError
from ...files.inputs import one_line, read_text
from ...files.obj import read_obj, read_positions
from ..build.tucker import identity_modes
from ..model import FaceModel
from .assemble import Rectangle, arkit_first, checked_count, detail_layer, identity_labels

log = logs.logger(__name__)

NEUTRAL = "neutral"
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_COMPONENTS = 50


def read_registered(
    folder: Path,
    unit: str = "mm",
    identities: int | None = None,
    rectangle: Rectangle = (0.0, 0.0, 1.0, 1.0),
    landmarks: Path | None = None,
) -> FaceModel:
    """Read the folder.

    unit: mm, cm or m. identities: components to keep (None: 50, or one less than people). rectangle: u0, v0, u1, v1 of
    the texture that becomes the detail layer. landmarks: a text file of 68 vertex indices from 0, multi-PIE's order.
    The identity basis is that of the people at rest; expressions are regressed on it, so that expression sliders keep
    their meaning. Raises DnpmError when a person lacks an expression that others have, when a mesh is of another
    topology, or when people do not differ.
    """
    folder = Path(folder)
    if unit not in MM_PER_UNIT:
        raise DnpmError(f"unit {unit!r} is not one of {', '.join(MM_PER_UNIT)}")
    people = _people(folder)
    names = arkit_first(name for name in next(iter(people.values())) if name != NEUTRAL)
    first = next(iter(people.values()))[NEUTRAL]
    mesh = read_obj(first)
    if not len(mesh.uv):
        raise DnpmError(f"{first}: has no texture coordinates, on which the detail layer is laid out")
    n_v, scale = len(mesh.vertices), MM_PER_UNIT[unit]

    log.info("reading %d people at rest", len(people))
    rests = np.stack([read_positions(files[NEUTRAL], n_v) * scale for files in people.values()]).astype(np.float32)
    wanted = min(_COMPONENTS, len(people) - 1) if identities is None else identities
    count = checked_count(wanted, len(people) - 1, str(folder))
    mean = rests.mean(0, dtype=np.float64)
    coefficients, explained = identity_modes(rests, np.ones(n_v), count)
    if np.abs(coefficients.mean(0)).max() > 1e-3:
        raise DnpmError(f"{folder}: the people at rest differ in fewer than {count} ways; ask for fewer identities")
    # Coefficients have mean 0 and are uncorrelated: least squares on them is a weighted sum, one mesh at a time.
    take = np.concatenate([np.full((1, len(people)), 1 / len(people)), coefficients.T / len(people)]).astype(np.float32)
    core = np.zeros((count + 1, len(names) + 1, n_v, 3), np.float32)
    core[1:, 0] = np.tensordot(take[1:], rests - mean.astype(np.float32), 1)
    for s, (person, files) in enumerate(people.items()):
        log.info("reading %s", person)
        for e, name in enumerate(names, 1):
            delta = (read_positions(files[name], n_v) * scale - rests[s]).astype(np.float32)
            core[:, e] += take[:, s, None, None] * delta
    detail_uv, detail_faces, mask = detail_layer(
        mesh.faces, mesh.uv, mesh.faces_uv, rectangle, np.ones(len(mesh.faces), bool), str(first)
    )
    return FaceModel(
        name=folder.name,
        neutral=mean.astype(np.float32),
        core=core.astype(np.float16),
        expression_names=tuple(names),
        identity_labels=identity_labels(count),
        faces=mesh.faces,
        uv=mesh.uv,
        faces_uv=mesh.faces_uv,
        detail_uv=detail_uv,
        faces_detail_uv=detail_faces,
        detail_mask=mask,
        face_material=np.zeros(len(mesh.faces), np.uint8),
        material_names=("skin",),
        landmarks68=np.full(68, -1, np.int32) if landmarks is None else _landmarks(Path(landmarks), n_v),
        metadata={
            "source": f"{len(people)} registered people",
            "licence": "the meshes' owner's",
            "command": "dnpm build convert meshes",
            "explained_variance": f"{explained:.5f}",
        },
    )


def _people(folder: Path) -> dict[str, dict[str, Path]]:
    """Person -> expression -> file, checked for what is missing."""
    if not folder.is_dir():
        raise DnpmError(f"{folder}: no such folder; give one with a folder of OBJ files for each person")
    people: dict[str, dict[str, Path]] = {}
    for person in sorted((p for p in folder.iterdir() if p.is_dir()), key=_natural):
        inner = person / "models_reg"
        files = sorted((inner if inner.is_dir() else person).glob("*.obj"))
        if files:
            people[person.name] = {re.sub(r"^\d+_", "", file.stem): file for file in files}
    if len(people) < 2:
        raise DnpmError(f"{folder}: holds {len(people)} folders of OBJ files; at least 2 people are needed")
    every = {name for files in people.values() for name in files}
    missing = [
        f"{who}/{name}.obj" for who, files in people.items() for name in sorted((every | {NEUTRAL}) - files.keys())
    ]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise DnpmError(
            f"{folder}: every person needs every expression and {NEUTRAL}.obj; missing: {', '.join(missing[:6])}{more}"
        )
    if every == {NEUTRAL}:
        raise DnpmError(f"{folder}: holds only {NEUTRAL}.obj files; a model needs at least one expression")
    return people


def _natural(path: Path) -> list[tuple[int, str]]:
    """2 before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _landmarks(path: Path, n_v: int) -> np.ndarray:
    try:
        indices = np.array(read_text(path, 1_000_000).replace(",", " ").split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DnpmError(f"{path}: must hold 68 whole numbers ({one_line(error)})") from error
    if indices.shape != (68,) or indices.min() < -1 or indices.max() >= n_v:
        raise DnpmError(f"{path}: must hold 68 indices of {n_v} vertices (-1 for none), holds {len(indices)}")
    return indices.astype(np.int32)
