"""Shine goes, skin stays: the truth is the same face, rendered without gloss."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.looks import Look
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.shine import without_shine
from dnpm.core.photo.texture import Texture, unwrap

SIZE = 400


def seen(model: FaceModel, tone: str, gloss: float) -> Texture:
    """A face in a room with a window and a lamp."""
    directions = np.array([(-0.5, -0.4, -0.75), (0.7, -0.5, -0.5)])
    lights = Lights(directions, np.array([[0.5] * 3, [0.25] * 3]), np.full(3, 0.3), gloss)
    camera = Camera.before((SIZE, SIZE), 900, 0.7, 180.0)
    image, _ = render(model, model.neutral, camera, Paint.of(model, Look(tone=tone)), lights)
    return unwrap(image, model.neutral, camera, model, 512)


def shown(texture: Texture) -> np.ndarray:
    return texture.visible > 0.7


@pytest.mark.parametrize(
    ("tone", "gloss", "left"),
    [
        ("porcelain", 0.3, 0.75),
        ("porcelain", 0.6, 0.6),
        ("medium", 0.3, 0.6),
        ("medium", 0.6, 0.5),
        ("brown", 0.3, 0.6),
    ],
)
def test_most_of_the_shine_goes(face_model: FaceModel, tone: str, gloss: float, left: float) -> None:
    """Of the palest skin a faint shine is told worst: it is nearly white itself."""
    glossy, matt = (seen(face_model, tone, amount) for amount in (gloss, 0.0))
    made, where = without_shine(glossy, face_model), shown(glossy)
    before, after = (np.abs(one.colour - matt.colour)[where].max(-1) for one in (glossy, made))
    shiny = before > 0.04
    assert shiny.sum() > 500
    assert after[shiny].mean() < left * before[shiny].mean()
    assert after[~shiny].mean() < 0.02


@pytest.mark.parametrize("tone", ["porcelain", "brown"])
def test_matt_skin_stays(face_model: FaceModel, tone: str) -> None:
    matt = seen(face_model, tone, 0.0)
    made = without_shine(matt, face_model)
    assert np.abs(made.colour - matt.colour)[shown(matt)].mean() < 0.012
    assert (made.visible == matt.visible).all()


def test_what_is_paler_but_not_brighter_stays(face_model: FaceModel) -> None:
    """Stubble, grey hair, a scar."""
    matt = seen(face_model, "medium", 0.0)
    marked = matt.colour.copy()
    spot = np.s_[330:350, 200:240]
    marked[spot] = 0.75 * marked[spot].mean(-1, keepdims=True)
    made = without_shine(Texture(marked, matt.visible), face_model)
    assert np.abs(made.colour - marked)[spot].max() < 0.02


def test_blown_out_skin_gets_the_colour_around(face_model: FaceModel) -> None:
    matt = seen(face_model, "porcelain", 0.0)
    burnt, spot = matt.colour.copy(), np.s_[300:316, 340:360]
    usual = matt.colour[spot].mean((0, 1))
    burnt[spot] = 1.0
    made = without_shine(Texture(burnt, matt.visible), face_model).colour[spot].mean((0, 1))
    assert np.abs(made - usual).max() < 0.35 * np.abs(1 - usual).max()


def test_a_photo_without_colour_is_left_alone(face_model: FaceModel) -> None:
    glossy = seen(face_model, "porcelain", 0.6)
    grey = np.repeat(glossy.colour.mean(-1, keepdims=True), 3, 2).astype(np.float32)
    made = without_shine(Texture(grey, glossy.visible), face_model)
    np.testing.assert_array_equal(made.colour, grey)
