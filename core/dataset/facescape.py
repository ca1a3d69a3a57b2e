"""FaceScape's registered scans (TU model) as samples: `<id>/dpmap/<n>_<exp>.png` and `<id>/models_reg/<n>_<exp>.obj`.

The maps are 4096 x 4096, 16 bits, mm = (grey - 32768) / 32768 * .914; the face is the square of 1900 texels whose
corner is at row 600, column 1100 (core/face_model/readers/facescape.py), which is FaceScape's detail layer here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..face_model.readers.facescape import CROP_LEFT, CROP_SIZE, CROP_TOP, DETAIL_RECTANGLE, SIDE
from ..files.obj import read_positions
from .fit import Fit, Fitter
from .pictures import read_map, resized

RANGE_MM = 0.914


@dataclass(frozen=True)
class Person:
    """One folder: names of its samples, with the map and the mesh of each."""

    name: str
    maps: dict[str, Path]
    meshes: dict[str, Path]


def people(folder: Path) -> list[Person]:
    """The people of a folder, by number. Raises DnpmError when there are none, or a map has no mesh."""
    found = []
    candidates = [p for p in folder.iterdir() if (p / "dpmap").is_dir()] if folder.is_dir() else []
    for path in sorted(candidates, key=lambda p: (int(p.name) if p.name.isdigit() else 10**9, p.name)):
        maps = {file.stem: file for file in sorted((path / "dpmap").glob("*.png"))}
        meshes = {name: path / "models_reg" / f"{name}.obj" for name in maps}
        missing = [str(mesh) for mesh in meshes.values() if not mesh.is_file()]
        if missing:
            raise DnpmError(f"{missing[0]}: is missing ({len(missing)} such); each map needs the mesh of its name")
        if maps:
            found.append(Person(path.name, maps, meshes))
    if not found:
        raise DnpmError(f"{folder}: holds no <person>/dpmap/*.png; give the folder of FaceScape's TU models")
    return found


def check_layout(model: FaceModel) -> None:
    """Raise DnpmError unless the face model's detail layer is FaceScape's crop: the maps fit no other one."""
    u0, v0, u1, v1 = DETAIL_RECTANGLE
    inside = (model.faces_detail_uv >= 0) & (model.faces_uv >= 0)
    texture, detail = model.uv[model.faces_uv[inside]], model.detail_uv[model.faces_detail_uv[inside]]
    expected = (texture - [u0, v0]) / [u1 - u0, v1 - v0]
    if not len(detail) or np.abs(expected - detail).max() > 1e-3:
        raise DnpmError(
            f"{model.name}: its detail layer is not FaceScape's, so the maps do not fit; build FaceScape's face model "
            "with `dnpm build convert facescape` and give it with --face-model"
        )


def read_facescape_map(path: Path, resolution: int = 1024) -> np.ndarray:
    """(R, R) float32 mm: the face's square of one map. Raises DnpmError when it is not 4096 x 4096 or of 8 bits."""
    heights = read_map(path, RANGE_MM)
    if heights.shape != (SIDE, SIDE):
        raise DnpmError(f"{path}: is {heights.shape[1]} x {heights.shape[0]}; FaceScape's maps are {SIDE} x {SIDE}")
    return resized(heights[CROP_TOP : CROP_TOP + CROP_SIZE, CROP_LEFT : CROP_LEFT + CROP_SIZE], resolution)


def fitted(person: Person, fitter: Fitter, model: FaceModel) -> Fit:
    """The person's sliders, one row of expressions a map in their order. Raises DnpmError as the readers do."""
    meshes = [read_positions(path, len(model.neutral)) for path in person.meshes.values()]
    return fitter.fit(np.stack(meshes))


def samples(person: Person, fit: Fit, resolution: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(key, map (R, R) mm, identity, expression) of each of a person's maps."""
    for k, (name, path) in enumerate(person.maps.items()):
        yield f"{person.name}/{name}", read_facescape_map(path, resolution), fit.identity, fit.expressions[k]
