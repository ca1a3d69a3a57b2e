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


def lit_from_a_side(texture: Texture) -> Texture:
    """The same skin, half as bright on the right, as in hard light."""
    light = np.interp(np.arange(SIDE), [90, 166], [1.0, 0.45])[None, :, None]
    return Texture((texture.colour * light).astype(np.float32), texture.visible)


def test_light_from_a_side_makes_no_hair_of_skin_and_hides_none(face_model: FaceModel, top: int) -> None:
    row = top - SIDE // 5
    texture = lit_from_a_side(bare(face_model, "fair"))
    assert without_hair(texture, face_model).visible[: row - 6, 80:176].mean() > 0.97
    fringed = bare(face_model, "fair")
    fringed.colour[:row] *= 0.55
    kept = without_hair(lit_from_a_side(fringed), face_model).visible
    assert kept[: row - 6, 80:176].mean() < 0.05
    assert kept[row + 12 :, 80:176].mean() > 0.97


def test_a_shine_on_the_shadowed_side_is_no_hair(face_model: FaceModel, top: int) -> None:
    texture = lit_from_a_side(bare(face_model, "fair"))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shine = np.exp(-((rows - top + 24) ** 2 + (columns - 160) ** 2) / 8**2)[..., None]
    texture.colour[:] = np.clip(texture.colour * (1 + 0.8 * shine), 0, 1)
    kept = without_hair(texture, face_model).visible
    assert kept[shine[..., 0] > 0.5].mean() > 0.9


def test_white_hair_over_blotched_cheeks_goes(face_model: FaceModel, top: int) -> None:
    """Glasses and shadows on the cheeks widen their spread: hair must not pass as one of their colours."""
    texture, row = bare(face_model, "fair"), top - SIDE // 5
    texture.colour[:] *= np.array([1.0, 0.6, 0.55], np.float32)
    blotched = np.random.default_rng(1).random((SIDE // 8, SIDE // 8)) < 0.4
    texture.colour[top + 16 :][np.kron(blotched, np.ones((8, 8), bool))[: SIDE - top - 16]] *= np.float32(0.35)
    texture.colour[:row, 60:200] = [0.85, 0.78, 0.66]
    kept = without_hair(texture, face_model).visible
    assert kept[: row - 6, 80:180].mean() < 0.05
    assert kept[row + 12 : top - 4, 100:156].mean() > 0.9


def test_a_fringe_over_both_brows_leaves_no_bar_over_them(face_model: FaceModel, top: int) -> None:
    texture = bare(face_model, "fair")
    brow = round((1 - landmark_uv(face_model)[[18, 19, 20, 23, 24, 25], 1].min()) * SIDE)
    texture.colour[: brow + 2, 60:200] = 0.06
    kept = without_hair(texture, face_model).visible
    assert kept[: top - 8, 80:176].mean() < 0.05
    assert kept[brow + 9 : brow + 20, 80:176].mean() > 0.95
    # Where brows are: half of what was there before, at most.
    assert kept[top - 4 : brow, 90:166].mean() < 0.4


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
