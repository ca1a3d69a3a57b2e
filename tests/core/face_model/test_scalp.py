"""Where hair grows on the scalp: on the top and the back, not on the face, the ears or the neck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.scalp import scalp_weights


@pytest.fixture(scope="module")
def weights(face_model):
    return scalp_weights(face_model)


def test_hair_grows_where_people_have_it(face_model, weights):
    assert weights.dtype == np.float32
    assert weights.shape == (len(face_model.neutral),)
    assert weights.min() == 0
    assert weights.max() == 1
    points = face_model.neutral
    assert weights[points[:, 1].argmax()] == 1, "the crown"
    assert weights[points[:, 2].argmin()] == 1, "the back of the head"
    face = np.delete(face_model.landmarks68, [0, 16])  # those lie on the sideburns
    assert not weights[face].any(), "the face"
    skin = face_model.material_names.index("skin")
    others = np.unique(face_model.faces[face_model.face_material != skin])
    inside = np.setdiff1d(others[others >= 0], np.unique(face_model.faces[face_model.face_material == skin]))
    assert not weights[inside].any(), "eyes, teeth and tongue"
    assert weights[np.abs(points[:, 0]).argmax()] < 0.3, "the ears' rims"
    assert not weights[points[:, 1] < -80].any(), "the neck"


def test_both_sides_are_the_same(face_model, weights):
    points = face_model.neutral
    mirrored = points * [-1, 1, 1]
    some = np.flatnonzero((points[:, 0] > 5) & (weights > 0) & (weights < 1))
    assert len(some) > 40
    twins = [int(((points - mirrored[k]) ** 2).sum(1).argmin()) for k in some]
    np.testing.assert_allclose(weights[twins], weights[some], atol=0.05)


def test_a_head_of_another_size_has_the_same_hairline(face_model, weights):
    np.testing.assert_allclose(scalp_weights(replace(face_model, neutral=face_model.neutral * 1.2)), weights, atol=1e-4)


def test_without_landmarks_there_is_none(face_model):
    assert not scalp_weights(replace(face_model, landmarks68=np.full(68, -1, np.int32))).any()
    assert not scalp_weights(replace(face_model, landmarks68=np.full(68, 40, np.int32))).any()
