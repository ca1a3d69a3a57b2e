"""Nostrils are found on the face model, on both sides and nowhere else, and are dark in pictures with hollows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.nostrils import nostril_depths
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.render import Lights, Paint, render


def test_both_nostrils_and_nothing_else(face_model: FaceModel) -> None:
    depths = nostril_depths(face_model)
    inside = face_model.neutral[depths > 0]
    base = face_model.neutral[face_model.landmarks68[31:36]]
    assert np.linalg.norm(inside[:, None] - base[None], axis=2).min(1).max() < 15
    left, right = (inside[:, 0] > 0).sum(), (inside[:, 0] < 0).sum()
    assert left == right > 10
    assert depths.max() > 1


def test_a_model_without_landmarks_has_none(face_model: FaceModel) -> None:
    bare = replace(face_model, landmarks68=np.full(68, -1))
    assert not nostril_depths(bare).any()


def test_nostrils_are_dark_where_hollows_count(face_model: FaceModel) -> None:
    vertices = face_model.neutral
    below = vertices[face_model.landmarks68[30:36]].mean(0)
    paint = Paint(np.full((8, 8, 3), 0.7, np.float32), np.full(3, 0.7, np.float32), np.full(3, 0.1, np.float32))
    pictures = []
    for pitch in (-35.0, 35.0):
        camera = Camera.before((80, 80), 900, 1.0, 50, below, turned(0.0, pitch))
        pictures.append(
            [render(face_model, vertices, camera, paint, Lights(hollows=on))[0].min(-1).min() for on in (False, True)]
        )
    seen = min(pictures, key=lambda pair: pair[1])
    assert seen[1] < 0.5 * seen[0]
