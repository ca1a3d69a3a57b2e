"""A face of the built model, with and without a board; what the board makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.operators.scene.board import posing
from dnpm.operators.scene.face import models, slider_values

ROOT = Path(__file__).resolve().parents[3]
BUILT = Path(os.environ.get("DNPM_FACE_MODEL") or ROOT / "build" / "face_model.safetensors")
"""Read before the tiny model becomes the one that is found."""


@pytest.fixture
def full(backend, monkeypatch):
    """A face of the built model, which has all 52."""
    assert BUILT.is_file(), f"{BUILT} is missing: build it with `make face-model`"
    monkeypatch.setenv("DNPM_FACE_MODEL", str(BUILT))
    models.forget()
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    for modifier in bpy.context.object.modifiers:  # A hundred frames are gone through, and looked at without them.
        modifier.show_viewport = False
    yield bpy.context.object
    models.forget()


@pytest.fixture
def boarded(full):
    assert bpy.ops.dnpm.add_board() == {"FINISHED"}
    return full


def _shown(face) -> np.ndarray:
    """(52,): what the drivers make of it."""
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    model = models.model_of(face)
    return posing.arkit_of(slider_values.expression_vector(face, model, graph), model.expression_index)


def _moved(face, bone: str, what: str, index: int, value: float) -> dict[str, float]:
    """What a bone of the board makes the face do."""
    armature = posing.board_of(face)
    getattr(armature.pose.bones[bone], what)[index] = value
    armature.update_tag()
    values = _shown(face)
    return {name: round(float(v), 3) for name, v in zip(ARKIT_NAMES, values, strict=True) if v > 5e-4}


@pytest.fixture
def shown():
    """(52,): what the drivers make of a face."""
    return _shown


@pytest.fixture
def moved():
    """What a bone of the board makes the face do."""
    return _moved
