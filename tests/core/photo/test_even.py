"""Foreheads of shown colours: blotches and islands between strands go, moles and what lies below the brows stay."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.even import evened, surely_skin
from dnpm.core.photo.texture import Texture, uv_scale

SIDE = 256
SKIN = np.array([0.8, 0.62, 0.52], np.float32)


@pytest.fixture(scope="module")
def brows(face_model: FaceModel) -> int:
    """The row in which the brows end."""
    return int((1 - landmark_uv(face_model)[17:27, 1].max()) * SIDE)


def skin() -> Texture:
    return Texture(np.tile(SKIN, (SIDE, SIDE, 1)), np.ones((SIDE, SIDE), np.float32))


def patch(row: int, column: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - row, columns - column) < radius


def test_a_broad_blotch_fades_and_a_mole_stays(face_model: FaceModel, brows: int) -> None:
    mm = uv_scale(face_model) / SIDE
    texture, row = skin(), brows - round(28 / mm)
    blotch, mole = patch(row, 105, 12 / mm), patch(row, 158, 1.6 / mm)
    texture.colour[blotch] *= np.array([0.7, 0.75, 0.9], np.float32)
    texture.colour[mole] *= 0.5
    made = evened(texture, face_model).colour
    inner = patch(row, 105, 6 / mm)
    before, after = (np.abs(image[inner].mean(0) - SKIN).max() for image in (texture.colour, made))
    assert after < before / 3
    assert made[row, 158].mean() < 0.62 * SKIN.mean()


def test_what_lies_below_the_brows_stays(face_model: FaceModel, brows: int) -> None:
    texture = skin()
    texture.colour[brows + 12 :, 60:120] *= np.array([1.0, 0.8, 0.8], np.float32)
    made = evened(texture, face_model).colour
    assert np.abs(made - texture.colour)[brows + 12 :, 80:176].max() < 0.01


def test_a_shadow_over_the_whole_forehead_is_bounded_by_the_cheeks(face_model: FaceModel, brows: int) -> None:
    mm = uv_scale(face_model) / SIDE
    texture = skin()
    texture.colour[: brows - round(6 / mm)] *= 0.5
    row = brows - round(28 / mm)
    made = evened(texture, face_model).colour[row - 5 : row + 5, 100:156].mean()
    assert 0.85 * SKIN.mean() < made <= SKIN.mean()


def test_next_to_hair_and_beyond_it_nothing_is_sure(face_model: FaceModel, brows: int) -> None:
    mm = uv_scale(face_model) / SIDE
    texture, row = skin(), brows - round(25 / mm)
    texture.visible[row - round(4 / mm) : row] = 0
    sure = surely_skin(texture, face_model).visible
    assert sure[row : row + round(3 / mm), 90:166].max() < 0.3
    assert sure[row + round(10 / mm) : brows, 110:146].mean() > 0.95
    assert sure[: row - round(4 / mm)].max() < 0.05
    assert sure[brows + 20 :, 90:166].min() > 0.99


def test_a_model_without_landmarks_has_all(tiny_model: FaceModel) -> None:
    texture = Texture(np.random.default_rng(0).random((64, 64, 3)).astype(np.float32), np.ones((64, 64), np.float32))
    assert surely_skin(texture, tiny_model) is texture
    assert evened(texture, tiny_model) is texture
