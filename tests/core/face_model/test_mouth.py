"""How deep the mouth's parts lie, and what is left of the light there."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.mouth import THROAT_LIGHT, light_at, mouth_depths, tooth_depths


def test_light_falls_off_and_reddens():
    light = light_at(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(light[0], 1.0)
    np.testing.assert_allclose(light[2], THROAT_LIGHT, rtol=1e-6)
    assert (np.diff(light, axis=0) < 0).all()
    assert light.min() > 0.08, "never black"
    assert light[2, 0] > light[2, 1] >= light[2, 2]


def test_a_tooth_is_as_deep_as_a_whole(face_model, tiny_model):
    depth, vertices = tooth_depths(face_model), mouth_depths(face_model)
    teeth = face_model.face_material == face_model.material_names.index("teeth")
    assert not depth[~teeth].any()
    assert len(np.unique(depth[teeth].round(5))) <= 28
    assert depth[teeth].min() < 0.25
    assert depth[teeth].max() > 0.7
    np.testing.assert_allclose(depth[teeth].mean(), vertices[face_model.faces[teeth]].mean(), atol=0.02)
    assert not tooth_depths(tiny_model).any()
