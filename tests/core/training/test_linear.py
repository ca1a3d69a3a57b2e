"""Coefficients known without painting are those of the painted maps."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.detail import linear, samples
from dnpm.core.training.detail.principal import learn_bands, project
from dnpm.core.training.teacher import Teacher

COUNTS = {16: 5, 32: 5, 64: 6}


@pytest.fixture(scope="module")
def small(face_model: FaceModel) -> Teacher:
    return Teacher(face_model, 64)


def test_a_view_says_what_projection_of_the_painted_map_says(small: Teacher, face_model: FaceModel):
    pairs = [samples.draw(face_model, "train", k) for k in range(24)]
    maps = np.stack([small.map(*pair) for pair in pairs])
    bands = learn_bands(maps, COUNTS)
    view = linear.LinearView.of(small, bands)
    coefficients, _ = project(maps[:8], bands)
    size = view.squeezed.shape[2]
    for pair, expected in zip(pairs[:8], coefficients.numpy(), strict=True):
        parts = small.ingredients(*pair)
        squeezed = np.zeros(size, np.float32) if parts.squeezed is None else parts.squeezed.ravel()
        found = view.coefficients(
            parts.creases[None], parts.skin[None], squeezed[None], parts.furrows[None], np.zeros(1, int)
        )
        np.testing.assert_allclose(found[0], expected, atol=2e-3)


def test_a_view_needs_a_teacher_as_fine_as_its_bands(small: Teacher):
    bands = learn_bands(np.random.default_rng(0).standard_normal((8, 128, 128)).astype(np.float32), {128: 4})
    with pytest.raises(DnpmError, match="128"):
        linear.LinearView.of(small, bands)


def test_strain_from_the_layers_vertices_is_the_meshs(small: Teacher, face_model: FaceModel):
    mesher = linear.Mesher(small)
    for k in range(12):
        identity, expression = samples.draw(face_model, "test", k)
        if expression.any():
            expected = small.ingredients(identity, expression).squeezed
            np.testing.assert_allclose(small.squeezed(mesher(identity, expression)), expected, atol=1e-3)


def test_people_who_share_a_mesh_differ_in_their_skin_alone(face_model: FaceModel):
    identity, _ = samples.draw(face_model, "train", 3)
    people = np.stack(samples.other_skins(face_model, "train", 3, 5, identity))
    np.testing.assert_array_equal(people[0], identity)
    assert not np.diff(people[:, : face_model.n_shape], axis=0).any()
    if face_model.n_shape < face_model.n_id:
        assert np.abs(np.corrcoef(people[:, face_model.n_shape :])[0, 1:]).max() < 0.8
