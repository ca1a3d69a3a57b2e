"""The face model in memory, once for the whole process, and the tables made of it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import bpy
import numpy as np

from ....core import logs
from ....core.errors import DnpmError
from ....core.face_model import tongue, units
from ....core.face_model.bilinear import IdentityTables
from ....core.face_model.locate import VARIABLE, face_model_path
from ....core.face_model.model import FaceModel
from .. import compat, names, settings

log = logs.logger(__name__)


@dataclass(frozen=True)
class KeyTable:
    """Coordinates of a face's mesh and of its shape keys for any identity, in Blender's axes, quickly (Eq. 3)."""

    model: FaceModel

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The shape keys beside the Basis: the model's expressions, then movements that are made of it (`tongue`)."""
        return (*self.model.expression_names, *tongue.names(self.model))

    @cached_property
    def _tables(self) -> IdentityTables:
        model = self.model
        return IdentityTables(model.neutral, model.core[: model.n_shape + 1], model.moved, units.to_blender)

    def rest(self, identity: np.ndarray, unit_scale: float) -> np.ndarray:
        """(n_id,) -> (V, 3) float32 Blender units: the identity at rest."""
        rest = self._tables.rest(np.asarray(identity, np.float32)[: self.model.n_shape])
        return rest if unit_scale == 1.0 else rest / np.float32(unit_scale)

    def coordinates(self, identity: np.ndarray, unit_scale: float) -> np.ndarray:
        """(n_id,) -> (1 + len(names), V, 3) float32 Blender units: the rest, then each key at 1 (absolute)."""
        shape = np.asarray(identity, np.float32)[: self.model.n_shape]
        with _making:
            rest, keys = self._tables.rest(shape), self._tables.deltas(shape)
        beside = self._beside(rest, keys)
        keys += rest
        result = np.concatenate([rest[None], keys, *([beside + rest] if len(beside) else [])])
        return result if unit_scale == 1.0 else result / np.float32(unit_scale)

    def some_coordinates(self, identity: np.ndarray, unit_scale: float, rows: Sequence[int]) -> np.ndarray:
        """(n_id,) -> (len(rows), V, 3) float32 Blender units: these rows of `coordinates`, and no others."""
        shape = np.asarray(identity, np.float32)[: self.model.n_shape]
        count = self.model.n_exp
        asked = {row - 1 for row in rows if row}
        beside = any(k >= count for k in asked)
        if beside:
            asked.add(self.model.expression_index["jawOpen"])
        some = sorted(k for k in asked if k < count)
        with _making:
            rest, moved = self._tables.rest(shape), dict(zip(some, self._tables.some_deltas(shape, some), strict=True))
        if beside:
            opened = moved[self.model.expression_index["jawOpen"]]
            made = tongue.deltas(self.model, units.from_blender(rest), units.from_blender(opened))
            moved |= {count + k: delta for k, delta in enumerate(units.to_blender(made))}
        result = np.stack([rest + moved[row - 1] if row else rest for row in rows]).astype(np.float32, copy=False)
        return result if unit_scale == 1.0 else result / np.float32(unit_scale)

    def _beside(self, rest: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """(V, 3), (n_exp, V, 3) -> what the movements that no expression is add at 1, in Blender's axes."""
        if len(self.names) == self.model.n_exp:
            return np.zeros((0, *rest.shape), np.float32)
        opened = keys[self.model.expression_index["jawOpen"]]
        made = tongue.deltas(self.model, units.from_blender(rest), units.from_blender(opened))
        return units.to_blender(made).astype(np.float32)

    def prepare(self) -> None:
        """Make what only dragging needs, in a thread of its own: most of it is numpy's, which lets Blender go on."""
        threading.Thread(target=self.prepare_now, name="dnpm-face-model", daemon=True).start()

    def prepare_now(self) -> None:
        """Make every table that is made only once, from any thread."""
        with _making:
            self._tables.prepare()
            _ = self.fingerprint

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
_making = threading.RLock()
"""Held while a model is read or its tables are made: who needs them waits for the thread that has begun."""
_soon: tuple[Path, int] | None = None
"""The file that `load_soon` has begun with."""


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
    path, when = _file(asked[0])
    table = _loaded(path, when)
    _fresh = (asked, time.monotonic() + _BELIEVED_S, table)
    return table


def load_soon() -> None:
    """Load the model and make its tables in a thread: what shows the button Add Face calls this, so that the button
    need not wait. What is wrong with the file is told when the button is pressed."""
    global _soon
    if _fresh is not None or compat.in_background():
        return
    try:
        file = _file(settings.current().face_model)
    except (DnpmError, OSError):
        return
    if file == _soon or file in _tables:
        return
    _soon = file

    def load() -> None:
        try:
            _loaded(*file).prepare_now()
        except DnpmError as error:
            log.debug("not loaded beforehand: %s", error)

    threading.Thread(target=load, name="dnpm-face-model", daemon=True).start()


def _file(preferred: str) -> tuple[Path, int]:
    """The model's file and when it was written. Raises DnpmError when there is none."""
    path = face_model_path(preferred or None)
    return path, path.stat().st_mtime_ns


def _loaded(path: Path, when: int) -> KeyTable:
    """The table of this file, read once; from any thread."""
    with _making:
        if (path, when) not in _tables:
            table = KeyTable(FaceModel.load(path))
            _tables.clear()
            _tables[path, when] = table
        return _tables[path, when]


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
    global _fresh, _soon
    _fresh = _soon = None
    _tables.clear()
