"""Light out of a photo's colours: a half-dark face becomes even, a tinted one a skin, an even one stays."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.looks import TONES
from dnpm.core.face_model.model import FaceModel
from dnpm.core.geometry.mesh import vertex_normals
from dnpm.core.geometry.uv_map import mask_at
from dnpm.core.photo.delight import DARKEST, LUMINANCE, without_light
from dnpm.core.photo.render import from_linear, to_linear
from dnpm.core.photo.texture import Texture, uv_table

SIDE = 128


def lit(model: FaceModel, tone: str, toward: tuple[float, float, float], colour: tuple[float, float, float]) -> Texture:
    """A plain skin under ambient light and a light from (3,), the beard's place painted dark."""
    normals = uv_table(model, SIDE).to_texels(vertex_normals(model.neutral, model.faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    direction = np.array(toward) / np.linalg.norm(toward)
    shade = 0.35 + 0.75 * np.clip(normals @ direction, 0, None)
    skin = to_linear(np.array(TONES[tone].base)) * np.ones((SIDE, SIDE, 3))
    skin[-SIDE // 8 :] *= 0.2
    return Texture(from_linear(skin * shade[..., None] * np.array(colour)), np.ones((SIDE, SIDE), np.float32))


def inner(model: FaceModel) -> np.ndarray:
    skin = mask_at(model.detail_mask, SIDE) > 0.95
    skin[-SIDE // 4 :] = False
    return skin


def contrast(texture: Texture, chosen: np.ndarray) -> float:
    light = np.log(np.maximum(to_linear(texture.colour[chosen]).mean(-1), 1e-3))
    return float(light.std())


@pytest.mark.parametrize("toward", [(1.0, 0.2, 0.3), (-0.6, 1.0, 0.5)])
def test_a_half_dark_face_becomes_even(face_model: FaceModel, toward: tuple) -> None:
    given = lit(face_model, "medium", toward, (0.8, 0.8, 0.8))
    found = without_light(given, face_model.neutral, face_model)
    chosen = inner(face_model)
    assert contrast(found, chosen) < 0.5 * contrast(given, chosen)
    beard = np.zeros((SIDE, SIDE), bool)
    beard[-SIDE // 8 + 4 :] = True
    beard &= mask_at(face_model.detail_mask, SIDE) > 0.95
    if beard.any():
        assert found.colour[beard].mean() < 0.7 * found.colour[chosen].mean(), "what is no light stays"


def test_a_red_light_is_taken_for_light_and_usual_skin_stays(face_model: FaceModel) -> None:
    chosen = inner(face_model)
    ratio = lambda t: float(np.median(np.log(to_linear(t.colour[chosen])[:, 0] / to_linear(t.colour[chosen])[:, 1])))  # noqa: E731
    usual = lit(face_model, "fair", (0, 0.2, 1.0), (0.8, 0.8, 0.8))
    red = lit(face_model, "fair", (0, 0.2, 1.0), (1.0, 0.4, 0.25))
    kept, mended = (without_light(t, face_model.neutral, face_model) for t in (usual, red))
    assert ratio(kept) == pytest.approx(ratio(usual), abs=0.05)
    assert ratio(red) > ratio(usual) + 0.8
    assert ratio(mended) < ratio(red) - 0.3


def test_a_dim_photo_is_brightened_and_the_deepest_skin_stays(face_model: FaceModel) -> None:
    chosen = inner(face_model)
    light = lambda t: float(np.median(to_linear(t.colour[chosen]) @ LUMINANCE))  # noqa: E731
    deep, fair, dim = (
        lit(face_model, tone, (0, 0.2, 1.0), (level,) * 3)
        for tone, level in (("deep", 0.9), ("fair", 0.9), ("fair", 0.02))
    )
    found = [light(without_light(t, face_model.neutral, face_model)) for t in (deep, fair, dim)]
    assert found[:2] == pytest.approx([light(deep), light(fair)], rel=0.15)
    assert light(dim) < 0.5 * DARKEST
    assert found[2] == pytest.approx(float(to_linear(np.array(TONES["fair"].base)) @ LUMINANCE), rel=0.1)


def test_grey_photos_and_unseen_faces_stay(face_model: FaceModel) -> None:
    given = lit(face_model, "fair", (0, 0.2, 1.0), (0.8, 0.8, 0.8))
    grey = Texture(np.repeat(given.colour.mean(-1, keepdims=True), 3, -1), given.visible)
    found = without_light(grey, face_model.neutral, face_model).colour
    assert np.ptp(found, axis=-1).max() < 0.01
    unseen = Texture(given.colour, np.zeros((SIDE, SIDE), np.float32))
    assert without_light(unseen, face_model.neutral, face_model) is unseen
