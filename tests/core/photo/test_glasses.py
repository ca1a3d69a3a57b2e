"""Glasses on the texture: rims that are drawn over a person's paint are found, a face without any keeps all."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.looks import TONES, Look
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.skin_paint import skin_paint
from dnpm.core.photo.glasses import rims, without_glasses
from dnpm.core.photo.skin import skin_only
from dnpm.core.photo.texture import Texture

SIDE = 256


def bare(model: FaceModel, tone: str) -> np.ndarray:
    """(SIDE, SIDE, 3): a person's paint over the tone, with some noise."""
    paint = skin_paint(model, Look(tone))
    paint = paint[:: len(paint) // SIDE, :: len(paint) // SIDE]
    colour = TONES[tone].base + paint[..., 3:] * (paint[..., :3] - TONES[tone].base)
    noise = np.random.default_rng(0).normal(0, 0.01, colour.shape)
    return np.clip(colour + noise, 0, 1).astype(np.float32)


def worn(model: FaceModel, metal: float, bridge: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE) bool twice: rims, a bridge and arms; and the lenses' middles."""
    places = landmark_uv(model) * [SIDE, -SIDE] + [0, SIDE]
    picture, lenses = Image.new("L", (SIDE, SIDE)), Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    for eye in (places[36:42], places[42:48]):
        x, y = eye.mean(0)
        draw.ellipse([x - 27, y - 16, x + 27, y + 26], outline=255, width=round(metal))
        ImageDraw.Draw(lenses).ellipse([x - 16, y + 10, x + 16, y + 18], fill=255)
    if bridge:
        draw.line([*places[39] + [8, 1], *places[42] + [-8, 1]], fill=255, width=round(metal))
    return np.asarray(picture) > 0, np.asarray(lenses) > 0


@pytest.mark.parametrize("tone", ["fair", "medium", "deep"])
def test_a_face_without_glasses_keeps_all(face_model: FaceModel, tone: str) -> None:
    texture = Texture(bare(face_model, tone), np.ones((SIDE, SIDE), np.float32))
    assert without_glasses(texture, face_model) is texture


@pytest.mark.parametrize(("tone", "colour"), [("fair", 0.05), ("medium", 0.1), ("deep", 0.8)])
def test_rims_go_and_lenses_stay(face_model: FaceModel, tone: str, colour: float) -> None:
    skin = bare(face_model, tone)
    frame, lenses = worn(face_model, 3)
    skin[frame] = colour
    texture = Texture(skin, np.ones((SIDE, SIDE), np.float32))
    kept = without_glasses(texture, face_model)
    assert np.array_equal(kept.colour, texture.colour)
    places = (landmark_uv(face_model) * [SIDE, -SIDE] + [0, SIDE]).astype(int)
    below = frame & (np.arange(SIDE)[:, None] > places[36:48, 1].max() + 6)
    assert kept.visible[below].mean() < 0.05
    assert kept.visible[lenses].mean() > 0.9
    assert kept.visible[places[36:48, 1], places[36:48, 0]].min() > 0.9
    assert skin_only(texture, face_model).visible[below].mean() < 0.05


def test_rings_without_a_bridge_are_no_glasses(face_model: FaceModel) -> None:
    skin = bare(face_model, "fair")
    skin[worn(face_model, 3, bridge=False)[0]] *= 0.8
    assert not rims(Texture(skin, np.ones((SIDE, SIDE), np.float32)), face_model).any()


def test_a_model_without_landmarks_keeps_all(tiny_model: FaceModel) -> None:
    texture = Texture(np.random.default_rng(0).random((64, 64, 3)).astype(np.float32), np.ones((64, 64), np.float32))
    assert without_glasses(texture, tiny_model) is texture
