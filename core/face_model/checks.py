"""What must hold of a face model's arrays before anything is computed with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files import json_file
from ..files.inputs import brief, one_line

_MOST = {"vertices": 2_000_000, "identity components": 2000, "expressions": 2000, "texels a side of the mask": 8192}
_FARTHEST_MM = 1e5
Model = Any
"""A `model.FaceModel`, which this module cannot import: its constructor calls `check`."""
# Rank and kind of numbers: "f" floats, "iu" whole ones.
_ARRAYS = {
    "neutral": (2, "f"), "core": (4, "f"), "faces": (2, "iu"), "uv": (2, "f"), "faces_uv": (2, "iu"),
    "detail_uv": (2, "f"), "faces_detail_uv": (2, "iu"), "detail_mask": (2, "f"), "face_material": (1, "iu"),
    "landmarks68": (1, "iu"),
}  # fmt: skip


def check(model: Model) -> None:
    """Raises DnpmError that lists where ranks, types, sizes, counts or indices contradict each other."""
    # Each step relies on the one before it.
    for step in (_forms, _sizes, _contents):
        if problems := list(step(model)):
            more = f"; and {len(problems) - 6} more" if len(problems) > 6 else ""
            raise DnpmError(f"face model {one_line(model.name, 60)!r}: {'; '.join(problems[:6])}{more}")


def age_regression(model: Model) -> tuple[np.ndarray, float] | None:
    """((n_id,) float32 years a standard deviation, years of the mean face) as the model's metadata tells, or None.

    Raises DnpmError when the entry is damaged.
    """
    what = f"face model {one_line(model.name, 60)!r}: its metadata's 'semantics'"
    entry = json_file.parse(model.metadata.get("semantics", "{}"), what)
    if not isinstance(entry, dict) or not isinstance(entry.get("age_years", {}), dict):
        raise DnpmError(f"{what} must be an object of objects, is {brief(entry)}")
    if "age_years" not in entry:
        return None
    listed = entry["age_years"].get("weights")
    # Age follows the shape: the skin components' weights may be left out.
    count = model.n_shape if isinstance(listed, list) and len(listed) == model.n_shape else model.n_id
    weights = json_file.array(listed, (count,), f"{what}: age_years.weights")
    weights = np.pad(weights, (0, model.n_id - count))
    intercept = entry["age_years"].get("intercept", 0.0)
    if not json_file.is_number(intercept, -1000, 1000) or np.abs(weights).max(initial=0) > 1000:
        raise DnpmError(f"{what}: age_years must be years, is {brief(entry['age_years'])}")
    return weights.astype(np.float32), float(intercept)


def _forms(model: Model) -> Iterator[str]:
    for name, (rank, kinds) in _ARRAYS.items():
        array = getattr(model, name)
        if array.ndim != rank or array.dtype.kind not in kinds:
            form = f"{'whole ' if kinds == 'iu' else ''}numbers of {rank} dimensions"
            yield f"{name} must be {form}, is {array.dtype} {array.shape}"
    for name, indices in model.vertex_groups.items():
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            yield f"vertex group {one_line(name, 40)!r} must be a list of vertices, is {indices.dtype} {indices.shape}"
    for name in ("expression_names", "identity_labels", "material_names"):
        if not all(isinstance(text, str) for text in getattr(model, name)):
            yield f"{name} must be texts, are {brief(list(getattr(model, name)))}"


def _sizes(model: Model) -> Iterator[str]:
    core, n_v = model.core.shape, len(model.neutral)
    n_id, n_exp = core[0] - 1, core[1] - 1
    yield from _wrong(
        (model.neutral.shape != (n_v, 3) or not n_v, "neutral must be (V, 3)"),
        (min(n_id, n_exp) < 0 or core[2:] != (n_v, 3), f"core must be (n_id + 1, n_exp + 1, {n_v}, 3), is {core}"),
        (len(model.expression_names) != n_exp, f"{len(model.expression_names)} expression names for {n_exp}"),
        (len(set(model.expression_names)) != len(model.expression_names), "two expressions have the same name"),
        (len(model.identity_labels) != n_id, f"{len(model.identity_labels)} identity labels for {n_id}"),
        (model.faces.shape[1] != 4, "faces must be (F, 4)"),
        (model.faces_uv.shape != model.faces.shape, "faces_uv must have the faces' shape"),
        (model.faces_detail_uv.shape != model.faces.shape, "faces_detail_uv must have the faces' shape"),
        (model.uv.shape[1] != 2 or model.detail_uv.shape[1] != 2, "uv and detail_uv must be (n, 2)"),
        (len(model.face_material) != len(model.faces), "face_material must have one entry a face"),
        (model.detail_mask.shape[0] != model.detail_mask.shape[1], "detail_mask must be square"),
        (not model.detail_mask.size, "detail_mask must not be empty"),
        (model.landmarks68.shape != (68,), "landmarks68 must be (68,) vertices"),
    )
    counts = zip(_MOST.items(), (n_v, n_id, n_exp, len(model.detail_mask)), strict=True)
    yield from (f"{count} {what}; at most {most} are read" for (what, most), count in counts if count > most)


def _contents(model: Model) -> Iterator[str]:
    n_v = len(model.neutral)
    yield from _wrong(
        (not (np.abs(model.neutral) <= _FARTHEST_MM).all(), "neutral has vertices beyond 100 m, or not finite"),
        (not (np.abs(model.uv) <= 1e4).all(), "uv has places far outside of the texture, or not finite"),
        (not (np.abs(model.detail_uv) <= 1e4).all(), "detail_uv has places far outside of its layer, or not finite"),
        (not ((model.detail_mask >= 0) & (model.detail_mask <= 1)).all(), "detail_mask must be 0 to 1"),
        (_outside(model.faces[:, :3], 0, n_v), "faces name vertices that are not there"),
        (_outside(model.faces[:, 3], -1, n_v), "faces name vertices that are not there"),
        (_outside(model.faces_uv, -1, len(model.uv)), "faces_uv names corners not there"),
        (_outside(model.faces_detail_uv, -1, len(model.detail_uv)), "detail UV too short"),
        (_outside(model.face_material, 0, len(model.material_names)), "face_material names materials not there"),
        (_outside(model.landmarks68, -1, n_v), "landmarks68 must be (68,) vertices"),
    )
    for name, indices in model.vertex_groups.items():
        if _outside(indices, 0, n_v):
            yield f"vertex group {one_line(name, 40)!r} names vertices that are not there"


def _wrong(*checks: tuple[bool, str]) -> Iterable[str]:
    return (message for wrong, message in checks if wrong)


def _outside(indices: np.ndarray, low: int, end: int) -> bool:
    """Whether an index is below `low`, or `end` or above."""
    return bool(indices.size) and (int(indices.min()) < low or int(indices.max()) >= end)
