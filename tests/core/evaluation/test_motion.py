"""Steps of a moving map, and sliders read back from meshes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.evaluation.detail import ComponentsMlp
from dnpm.core.evaluation.motion import SliderFit, step_ratio
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_expression, random_identity
from dnpm.core.training.detail import samples
from dnpm.core.training.teacher import Teacher


@settings(max_examples=20, deadline=None)
@given(st.floats(1.0, 20.0))
def test_a_jump_among_even_steps_is_measured(jump: float):
    heights = np.cumsum([0.0, *([1.0] * 9), jump, *([1.0] * 10)])
    maps = [np.full((8, 8), h, np.float32) for h in heights]
    mask = np.ones((8, 8))
    assert step_ratio(maps, mask) == pytest.approx(jump / ((19 + jump) / 20), rel=1e-5)
    outside = np.zeros((8, 8))
    outside[0] = 1
    flat = [m * (np.arange(8) > 0)[:, None] for m in maps]
    assert step_ratio([a + 0.1 * k for k, a in enumerate(flat)], outside) == pytest.approx(1.0, rel=1e-5)


def test_sliders_are_read_back_from_a_mesh(face_model: FaceModel):
    person, wanted = random_identity(face_model, 5), random_expression(face_model, 6)
    identity, expression = SliderFit(face_model)(face_model.vertices(person, wanted))
    assert np.abs(expression - wanted).mean() < 0.02
    shape = slice(face_model.n_shape)
    assert np.abs(identity - person)[shape].mean() < 0.1
    # A mesh says nothing of the skin.
    assert not identity[face_model.n_shape :].any()


def test_the_mlp_beats_the_mean_map(face_model: FaceModel):
    teacher = Teacher(face_model, 64)
    mlp = ComponentsMlp(face_model, teacher, 48, 0)
    pairs = [samples.draw(face_model, "train", i) for i in range(48)]
    truth = np.stack([teacher.map(*p) for p in pairs])
    ours = np.stack([mlp.map(*p) for p in pairs])
    error = ((ours - truth) ** 2).mean()
    assert error < 0.5 * ((truth - truth.mean(0)) ** 2).mean()
