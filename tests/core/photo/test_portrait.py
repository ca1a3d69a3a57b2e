"""Small pictures of presets: the face is in the middle, does what the preset says, and looks as it says."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.backend.portrait_requests import PortraitRequest
from dnpm.core.backend.worker.engine import Engine
from dnpm.core.backend.worker.handlers.portrait import portrait as answer
from dnpm.core.backend.worker.job import Job
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import corrective, presets
from dnpm.core.face_model.looks import Look
from dnpm.core.face_model.photo_colours import encoded
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.portrait import BACKGROUND, portrait_of
from dnpm.core.photo.render import Lights, Paint, render

SIZE = 96


def flat(identity, expression, offset, relief):
    return np.zeros((64, 64), np.float32)


def preset(**parts):
    return presets.Preset("", **parts)


def test_the_face_is_in_the_middle_and_the_preset_shows(face_model):
    asked = []

    def wrinkled(identity, expression, offset, relief):
        asked.append((identity, expression))
        return flat(identity, expression, offset, relief)

    rest = portrait_of(preset(strength=1.0), face_model, wrinkled, SIZE).astype(int)
    assert rest.shape == (SIZE, SIZE, 3)
    behind = np.abs(rest - np.round(255 * np.array(BACKGROUND))).max(-1) <= 1
    assert behind[:8, :4].all()
    assert not behind[SIZE // 4 : -SIZE // 4, SIZE // 3 : -SIZE // 3].any(), "the face fills the middle"
    assert abs(float(np.nonzero(~behind)[1].mean()) - SIZE / 2) < 0.12 * SIZE
    assert not asked[0][1].any()

    open_mouth = portrait_of(preset(expression={"jawOpen": 1.0}), face_model, flat, SIZE).astype(int)
    change = np.abs(open_mouth - rest).max(-1) > 20
    assert change[SIZE // 2 :].sum() > 50
    assert change[SIZE // 2 :].sum() > 5 * change[: SIZE // 2].sum(), "the camera stands still"

    dark = portrait_of(preset(expression={"jawOpen": 1.0}), face_model, flat, SIZE,
                       actor=preset(look=Look(tone="deep"), identity={"Age": 1.5}))  # fmt: skip
    assert dark[~behind].mean() < 0.7 * open_mouth[~behind].mean()


def test_a_photos_colours_cover_the_skin(face_model):
    colour, alpha = np.full((256, 256, 3), (0.2, 0.3, 0.8), np.float32), np.ones((256, 256), np.float32)
    photo = encoded(colour, alpha, np.array([0.2, 0.3, 0.8]))
    blue, half, plain = (
        portrait_of(preset(photo=one), face_model, flat, SIZE).astype(int)
        for one in (photo, replace(photo, amount=0.5), "none")
    )
    there = (np.s_[SIZE // 2 - 6 : SIZE // 2 + 6],) * 2
    redness = [float((one[there][..., 0] - one[there][..., 2]).mean()) for one in (blue, half, plain)]
    assert redness[0] < -40 < 10 < redness[2]
    assert redness[0] < redness[1] < redness[2]


def test_cropped_hair_lies_on_the_scalp(face_model):
    bare, hairy = (
        portrait_of(preset(look=Look(hair=hair, hair_colour="black")), face_model, flat, SIZE).astype(int).sum(-1)
        for hair in (0.0, 1.0)
    )
    darker = bare - hairy > 60
    assert not (hairy > bare).any()
    assert darker[: SIZE // 5].sum() > 150
    assert not darker[SIZE // 2 :, : SIZE // 2].any(), "the face"


def test_another_models_corrective_shape_is_refused(face_model):
    text = corrective.to_text(np.ones((7, 3), np.float32))
    with pytest.raises(DnpmError, match="corrective shape has 7 vertices, this face model"):
        portrait_of(preset(corrective=text), face_model, flat, SIZE)


def test_the_worker_says_what_it_cannot_draw(tiny_parts):
    engine = Engine.load("cpu", str(tiny_parts / "weights"), str(tiny_parts / "tiny.safetensors"))
    text = presets.to_text(preset(strength=1.0))
    job = Job(threading.Event())
    with pytest.raises(DnpmError, match="tiny: this face model has no landmarks"):
        answer(engine, PortraitRequest(preset=text), job)
    with pytest.raises(DnpmError, match="size 5000: must be 32 to 512 pixels"):
        answer(engine, PortraitRequest(preset=text, size=5000), job)
    with pytest.raises(DnpmError, match="the preset: is not a preset"):
        answer(engine, PortraitRequest(preset="{}"), job)


def test_light_falls_off_behind_lips(face_model):
    """A narrow opening is darker than a wide one, and the depth of the mouth than its front."""

    def teeth(**expression):
        vertices = face_model.vertices(np.zeros(face_model.n_id, np.float32), face_model.expression(**expression))
        mouth = vertices[face_model.landmarks68[60:68]].mean(0)
        camera = Camera.before((240, 240), 700.0, 1.0, 90.0, mouth)
        paint = Paint.of(face_model, resolution=64)
        lit, shaded = (
            render(face_model, vertices, camera, paint, Lights(openings=openings))[0].mean(-1)
            for openings in (False, True)
        )
        # Not the cheeks' inner side, which has another colour where the light falls off.
        share = (shaded / lit)[lit > 0.25]
        return share[share < 0.98]

    wide = teeth(jawOpen=0.9, mouthUpperUpLeft=1.0, mouthUpperUpRight=1.0)
    narrow = teeth(jawOpen=0.12)
    assert np.quantile(wide, 0.9) > 0.8
    assert np.quantile(wide, 0.02) < 0.65
    assert np.median(narrow) < np.median(wide)
    assert max(narrow.max(), wide.max()) <= 1.0


def test_teeth_in_the_shade_are_warm(face_model):
    """What reaches them comes from the mouth's red lining: grey ones look rotten. The front teeth keep their colour."""
    expression = face_model.expression(jawOpen=0.9, mouthUpperUpLeft=1.0, mouthUpperUpRight=1.0)
    vertices = face_model.vertices(np.zeros(face_model.n_id, np.float32), expression)
    mouth = vertices[face_model.landmarks68[60:68]].mean(0)
    camera = Camera.before((240, 240), 700.0, 1.0, 90.0, mouth, turned(25.0, 0.0))
    paint = Paint.of(face_model, resolution=64)
    lit, shaded = (
        render(face_model, vertices, camera, paint, Lights(openings=openings))[0].reshape(-1, 3)
        for openings in (False, True)
    )
    # Teeth are the brightest and least coloured of what is seen where the mouth is.
    teeth = (lit.min(1) > 0.6) & (lit[:, 0] - lit[:, 2] < 0.12)
    share = shaded[teeth].mean(1) / lit[teeth].mean(1)
    warmth = (shaded[teeth, 0] / shaded[teeth, 2]) / (lit[teeth, 0] / lit[teeth, 2])
    assert (share < 0.5).sum() > 20
    assert np.median(warmth[share < 0.5]) > 1.6, "by the throat's light alone 1.4"
    assert abs(np.median(warmth[share > 0.9]) - 1) < 0.05
