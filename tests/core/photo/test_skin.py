"""Hair on the texture: a painted fringe is taken for none of the skin, bare skin and brows are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.looks import TONES, Look
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.skin_paint import skin_paint
from dnpm.core.photo.skin import without_hair
from dnpm.core.photo.texture import Texture

SIDE = 256


@pytest.fixture(scope="module")
def top(face_model: FaceModel) -> int:
    """The row in which the brows end."""
    return int((1 - landmark_uv(face_model)[17:27, 1].max()) * SIDE)


def bare(model: FaceModel, tone: str) -> Texture:
    """A person's paint as a photo would have it: over the tone, with some noise, all of it seen."""
    paint = skin_paint(model, Look(tone))
    paint = paint[:: len(paint) // SIDE, :: len(paint) // SIDE]
    colour = TONES[tone].base + paint[..., 3:] * (paint[..., :3] - TONES[tone].base)
    noise = np.random.default_rng(0).normal(0, 0.02, colour.shape)
    return Texture(np.clip(colour + noise, 0, 1).astype(np.float32), np.ones((SIDE, SIDE), np.float32))


@pytest.mark.parametrize("tone", list(TONES))
def test_bare_skin_stays(face_model: FaceModel, tone: str) -> None:
    texture = bare(face_model, tone)
    kept = without_hair(texture, face_model)
    assert np.array_equal(kept.colour, texture.colour)
    assert kept.visible.mean() > 0.97


@pytest.mark.parametrize(("tone", "hair"), [("fair", 0.1), ("brown", 0.04), ("deep", 0.02), ("medium", 0.95)])
def test_a_fringe_goes(face_model: FaceModel, top: int, tone: str, hair: float) -> None:
    texture = bare(face_model, tone)
    row = top - SIDE // 5
    texture.colour[:row, 60:200] = [hair, 0.9 * hair, 0.8 * hair]
    kept = without_hair(texture, face_model).visible
    assert kept[: row - 6, 70:190].mean() < 0.05
    assert kept[row + 12 :].mean() > 0.97


def test_brows_and_lips_stay(face_model: FaceModel, top: int) -> None:
    texture = bare(face_model, "fair")
    texture.colour[top + 4 :] = 0.05
    assert (without_hair(texture, face_model).visible[top + 20 :, 100:156] == 1).all()


def test_a_model_without_landmarks_has_all(tiny_model: FaceModel) -> None:
    texture = Texture(np.random.default_rng(0).random((64, 64, 3)).astype(np.float32), np.ones((64, 64), np.float32))
    assert without_hair(texture, tiny_model) is texture


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), seen=st.floats(0, 1))
def test_visible_only_falls(face_model: FaceModel, seed: int, seen: float) -> None:
    rng = np.random.default_rng(seed)
    texture = Texture(rng.random((64, 64, 3)).astype(np.float32), np.full((64, 64), seen, np.float32))
    kept = without_hair(texture, face_model).visible
    assert (kept >= 0).all()
    assert (kept <= texture.visible).all()
