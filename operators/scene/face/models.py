"""The face model in memory, once for the whole process, and the tables made of it."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.face_model import units
from ....core.face_model.locate import VARIABLE, face_model_path
from ....core.face_model.model import FaceModel
from .. import names, settings


@dataclass(frozen=True)
class KeyTable:
    """Coordinates of a face's mesh and of its shape keys for any identity, in Blender's axes, quickly (Eq. 3)."""

    model: FaceModel

    @cached_property
    def _rest(self) -> np.ndarray:
        moving = self.model.core[1 : self.model.n_shape + 1, 0]
        rest = np.concatenate([self.model.neutral[None], moving.astype(np.float32)])
        return units.to_blender(rest).astype(np.float32).reshape(len(rest), -1)

    @cached_property
    def _active(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in (n_exp, V, 3) that some identity moves, flat, and (n_shape + 1, places) what each component moves.

        An expression moves a part of the face only: leaving the rest out makes a table of a third, and as much quicker.
        """
        model = self.model
        places = np.flatnonzero(np.repeat(model.moved, 3))
        table = np.empty((model.n_shape + 1, len(places) // 3, 3), np.float32)
        for row, component in zip(table, model.core[: model.n_shape + 1, 1:], strict=True):
            row[:] = units.to_blender(component.reshape(-1)[places].reshape(-1, 3).astype(np.float32))
        return places, table.reshape(model.n_shape + 1, -1)

    def coordinates(self, identity: np.ndarray, unit_scale: float) -> np.ndarray:
        """(n_id,) -> (n_exp + 1, V, 3) float32 Blender units: the rest, then each expression at 1 (absolute)."""
        shape = np.asarray(identity, np.float32)[: self.model.n_shape]
        weights = np.concatenate([np.ones(1, np.float32), shape])
        places, table = self._active
        deltas = np.zeros((self.model.n_exp, self.model.neutral.size), np.float32)
        deltas.ravel()[places] = weights @ table
        rest = weights @ self._rest
        deltas += rest
        result = np.concatenate([rest[None], deltas]).reshape(self.model.n_exp + 1, -1, 3)
        return result if unit_scale == 1.0 else result / np.float32(unit_scale)

    @cached_property
    def fingerprint(self) -> str:
        """Tells two builds of a model apart, as far as a mesh made of them can."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(self.model.name.encode())
        shape = self.model.core[1 : self.model.n_shape + 1, 0]
        for array in (self.model.neutral, shape, self.model.core[0], self.model.faces):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


_tables: dict[tuple[Path, int], KeyTable] = {}


_fresh: tuple[tuple[str, str | None], float, KeyTable] | None = None
"""What the last table was asked for with, until when it is believed, and the table."""
_BELIEVED_S = 1.0
"""Every slider asks for the model, and looking for its file takes longer than reading the sliders."""


def current_table() -> KeyTable:
    """The table of the model that the preferences name or that is found. Raises DnpmError when there is none.

    A file that was replaced is noticed within a second.
    """
    global _fresh
    asked = (settings.current().face_model, os.environ.get(VARIABLE))
    if _fresh is not None and _fresh[0] == asked and time.monotonic() < _fresh[1]:
        return _fresh[2]
    path = face_model_path(asked[0] or None)
    key = (path, path.stat().st_mtime_ns)
    if key not in _tables:
        table = KeyTable(FaceModel.load(path))
        _tables.clear()
        _tables[key] = table
    _fresh = (asked, time.monotonic() + _BELIEVED_S, _tables[key])
    return _tables[key]


def current_model() -> FaceModel:
    """The face model that new faces are made of."""
    return current_table().model


def table_of(obj: bpy.types.Object) -> KeyTable:
    """The table that this face's mesh was made of. Raises DnpmError when another model is loaded."""
    table = current_table()
    face = getattr(obj, names.FACE)
    if face.fingerprint != table.fingerprint:
        raise DnpmError(
            f"{obj.name}: made of another face model ({face.model or 'unknown'}) than the one that is loaded "
            f"({table.model.name}): choose its file in the extension's preferences, or press Repair Face to carry "
            "the sliders over to the loaded one"
        )
    return table


def model_of(obj: bpy.types.Object) -> FaceModel:
    """The face model of this face. Raises DnpmError as `table_of` does."""
    return table_of(obj).model


def forget() -> None:
    """Drop what is loaded: the preferences changed, or the extension is switched off."""
    global _fresh
    _fresh = None
    _tables.clear()
