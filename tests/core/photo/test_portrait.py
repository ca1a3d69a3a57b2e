"""Small pictures of presets: the face is in the middle, does what the preset says, and looks as it says."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from dnpm.core.backend.portrait_requests import PortraitRequest
from dnpm.core.backend.worker.engine import Engine
from dnpm.core.backend.worker.handlers.portrait import portrait as answer
from dnpm.core.backend.worker.job import Job
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import corrective, presets
from dnpm.core.face_model.looks import Look
from dnpm.core.photo.camera import Camera
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
