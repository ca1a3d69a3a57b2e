"""Makes data sets of what others have: folders of pictures, FaceScape's scans, sculpts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import logs
from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry import uv_map
from . import form
from .bake import Baked
from .dataset import MapWriter

log = logs.logger(__name__)


def about_set(model: FaceModel, name: str, resolution: int, **entries: Any) -> form.About:
    """The description of a set of this face model's sliders and layout."""
    if resolution < 16 or resolution > 4096:
        raise DnpmError(f"maps must be 16 to 4096 texels a side, not {resolution}")
    return form.About(
        name, resolution, model.n_id, model.n_exp, list(model.expression_names),
        face_model=form.face_model_entry(model), **entries,
    )  # fmt: skip


def mask_of(model: FaceModel, resolution: int) -> np.ndarray:
    """(R, R) in [0, 1]: where the model's detail layer counts."""
    return np.clip(uv_map.mask_at(model.detail_mask, resolution), 0, 1)


def folder_set(
    folder: Path, source: Path, model: FaceModel, resolution: int, table: Path | None, range_mm: float | None,
    licence: str,
) -> int:  # fmt: skip
    """A folder of EXR and 16-bit PNG maps in this model's layout -> samples; returns how many there are.

    table: CSV of sliders (`pictures.read_table`); a row without its file, or a file without its row, is an error.
    """
    from . import pictures

    files = pictures.map_files(source)
    rows = pictures.read_table(table, model) if table is not None else None
    if rows is not None:
        names = {file.name for file in files}
        apart = sorted(names ^ rows.keys())
        if apart:
            raise DnpmError(f"{table}: and {source} do not name the same files: {', '.join(apart[:6])}")
    recipe = {"range_mm": range_mm}
    about = about_set(model, source.name, resolution, recipe=recipe, licence=licence, source="a folder of maps")
    with MapWriter(folder, about, mask_of(model, resolution)) as writer:
        for file in files:
            if not writer.has(file.name):
                identity, expression, person = rows[file.name] if rows is not None else (None, None, None)
                displacement = pictures.resized(pictures.read_map(file, range_mm), resolution)
                writer.add(file.name, displacement, identity, expression, person)
    return writer.about.count


def facescape_set(folder: Path, source: Path, model: FaceModel, resolution: int) -> int:
    """FaceScape's TU models -> samples with fitted sliders; returns how many there are. Resumable by person."""
    from . import facescape
    from .fit import Fitter

    facescape.check_layout(model)
    people, fitter = facescape.people(source), Fitter(model)
    about = about_set(
        model, "FaceScape", resolution, licence="FaceScape's own: non-commercial research; not to be passed on",
        source="FaceScape TU models, https://facescape.nju.edu.cn", recipe={"reader": "facescape-1"},
    )  # fmt: skip
    with MapWriter(folder, about, mask_of(model, resolution)) as writer:
        for number, person in enumerate(people, 1):
            if all(writer.has(f"{person.name}/{name}") for name in person.maps):
                continue
            fit = facescape.fitted(person, fitter, model)
            log.info("%s (%d of %d): %d maps, meshes fitted to %.2f mm", person.name, number, len(people),
                     len(person.maps), fit.errors_mm.mean())  # fmt: skip
            for key, displacement, identity, expression in facescape.samples(person, fit, resolution):
                if not writer.has(key):
                    writer.add(key, displacement, identity, expression, person.name)
    return writer.about.count


def add_sculpt(
    folder: Path, model: FaceModel, key: str, baked: Baked, identity: np.ndarray | None,
    expression: np.ndarray | None, person: str | None,
) -> int:  # fmt: skip
    """Add a baked sculpt to a set of sculpts, made if need be; returns how many samples there are. Numpy alone."""
    resolution = len(baked.displacement)
    about = about_set(
        model, folder.name, resolution, has_masks=True, licence="the artist's own", source="baked from sculpts",
        recipe={"baked": "normals-1"},
    )  # fmt: skip
    with MapWriter(folder, about, mask_of(model, resolution)) as writer:
        writer.add(key, baked.displacement, identity, expression, person, mask=baked.met.astype(np.float32))
    return writer.about.count
