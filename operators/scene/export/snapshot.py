"""What is exported of a face, as numbers: nothing of Blender's is held while the worker computes its maps."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ....core.backend.requests import MapRequest
from ....core.errors import DnpmError
from ....core.export.visemes import VISEMES, viseme_mixtures
from ....core.face_model import tongue
from ....core.face_model.model import FaceModel
from ....core.face_model.units import from_blender
from .. import names
from ..detail import controls, live
from ..face import models, slider_values

_FEWEST = 20
"""Vertices of an eyeball, for a sphere through them."""


@dataclass(frozen=True)
class Snapshot:
    """A face at one moment."""

    uid: int
    name: str
    model: FaceModel
    rest: np.ndarray
    """(V, 3) float32 metres in Blender's axes: Basis."""
    keys: dict[str, np.ndarray]
    """Expression -> (V, 3), absolute: at 1."""
    visemes: dict[str, np.ndarray]
    beside: dict[str, np.ndarray]
    """As `keys`: movements that are no expressions of the model's (`core/face_model/tongue.py`)."""
    request: MapRequest
    """Of the map at rest, with all that steers the face's detail."""
    strength: float
    """The scale s of Eq. 4."""

    @property
    def rest_mm(self) -> np.ndarray:
        """(V, 3) mm in core's axes."""
        return from_blender(self.rest).astype(np.float32)

    def posed_mm(self, expression: np.ndarray) -> np.ndarray:
        """(n_exp,) -> (V, 3) mm in core's axes: the coarse face in an expression, as the keys make it."""
        points = self.rest.copy()
        for value, key in zip(expression, self.keys.values(), strict=True):
            if value:
                points += np.float32(value) * (key - self.rest)
        return from_blender(points).astype(np.float32)

    def joints(self) -> dict[str, np.ndarray]:
        """Name -> (3,) metres in Blender's axes: the head's turning point, and the eyeballs' centres where there are
        eyes."""
        found = {"head": np.zeros(3)}
        for name in ("eye_left", "eye_right"):
            group = self.model.vertex_groups.get(name)
            if group is not None and len(group) >= _FEWEST:
                found[name] = sphere_centre(self.rest[group])
        return found


def take(face: bpy.types.Object, *, visemes: bool) -> Snapshot:
    """The face as it is, its mesh brought up to its sliders. Raises DnpmError when parts of it are missing."""
    live.ask_now(face, full=True, wanted=False)
    model, scale = models.model_of(face), getattr(face, names.FACE).unit_scale
    blocks = slider_values.key_blocks(face)
    missing = [name for name in (names.BASIS, *model.expression_names) if name not in blocks]
    if missing:
        raise DnpmError(f"{face.name}: its shape keys {', '.join(missing[:4])} are gone: press Repair Face")
    read = {name: _points(blocks[name]) * np.float32(scale) for name in (names.BASIS, *model.expression_names)}
    rest = read.pop(names.BASIS)
    if len(rest) != len(model.neutral):
        raise DnpmError(f"{face.name}: its mesh was edited ({len(rest)} vertices, made with {len(model.neutral)})")
    mixed: dict[str, np.ndarray] = {}
    if visemes:
        steps = np.stack(list(read.values())) - rest
        shapes = rest + np.tensordot(viseme_mixtures(model), steps, 1)
        mixed = dict(zip(VISEMES, shapes.astype(np.float32), strict=True))
    request = MapRequest(
        identity=slider_values.identity_vector(face), expression=np.zeros(model.n_exp, np.float32)
    )  # fmt: skip
    beside = {name: _points(blocks[name]) * np.float32(scale) for name in tongue.names(model) if name in blocks}
    return Snapshot(
        face.session_uid, face.name, model, rest, read, mixed, beside, controls.added_to(request, face),
        float(getattr(face, names.FACE).strength),
    )  # fmt: skip


def _points(block: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", points)
    return points.reshape(-1, 3)


def sphere_centre(points: np.ndarray) -> np.ndarray:
    """(N, 3) -> (3,): the centre of the sphere nearest to the points, a cornea's bulge passed over (least squares of
    |p|^2 = 2 p.c + k, once more without the farthest tenth)."""
    kept = np.asarray(points, np.float64)
    for last in (False, True):
        middle = kept.mean(0)
        p = kept - middle
        table = np.concatenate([2 * p, np.ones((len(p), 1))], 1)
        solved = np.linalg.lstsq(table, (p * p).sum(1), rcond=None)[0]
        centre = middle + solved[:3]
        if last:
            break
        off = np.abs(np.linalg.norm(kept - centre, axis=1) - np.median(np.linalg.norm(kept - centre, axis=1)))
        kept = kept[off <= np.quantile(off, 0.9)]
    return centre
