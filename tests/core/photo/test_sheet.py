"""The sheet's clay has the person's own brows and lips."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np

from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.reconstruct import Reconstruction
from dnpm.core.photo.sheet import painted_clay
from dnpm.core.photo.texture import Texture, uv_scale

SIDE = 256
SKIN = np.array([0.82, 0.62, 0.52], np.float32)


def dressed(model: FaceModel, brows: float, lips: float, blotch: float = 1.0) -> Reconstruction:
    """Somebody whose brows and lips, and a blotch on the cheek, have such shares of the skin's colour."""
    colour = np.tile(SKIN, (SIDE, SIDE, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mm, places = uv_scale(model) / SIDE, landmark_uv(model) * [SIDE, -SIDE] + [0, SIDE]

    def paint(points: np.ndarray, share: float) -> None:
        for x, y in points:
            colour[np.hypot(columns - x, rows - y) * mm < 3.5] = share * SKIN

    along = np.linspace(0, 1, 5)[:, None]
    for first in (17, 22):
        for a, b in zip(places[first : first + 4], places[first + 1 : first + 5], strict=True):
            paint(a + along * (b - a), brows)
    paint(places[48:68], lips)
    paint(places[[41]] + [0, 16 / mm], blotch)
    seen = np.ones((SIDE, SIDE), np.float32)
    found = SimpleNamespace(texture=Texture(colour, seen), alpha=seen, skin=SKIN, iris=None)
    return cast(Reconstruction, found)


def grey(image: np.ndarray, point: np.ndarray, model: FaceModel) -> float:
    size, mm = len(image), uv_scale(model) / len(image)
    row, column = round((1 - point[1]) * size), round(point[0] * size)
    reach = max(1, round(1 / mm))
    return float(image[row - reach : row + reach + 1, column - reach : column + reach + 1].mean())


def test_brows_and_lips_are_the_persons(face_model: FaceModel) -> None:
    uv = landmark_uv(face_model)
    dark, faint = (painted_clay(dressed(face_model, *shares), face_model) for shares in ((0.3, 0.6), (0.85, 0.95)))
    for clay in (dark, faint):
        assert np.ptp(clay.skin, axis=2).max() < 0.06, "no colours"
    nose = grey(dark.skin, uv[29], face_model)
    brow, mouth = (grey(dark.skin, uv[k], face_model) for k in (19, 51))
    assert brow < 0.55 * nose
    assert mouth < 0.85 * nose
    assert grey(faint.skin, uv[19], face_model) > brow + 0.2
    assert dark.lips is not None
    assert faint.lips is not None
    assert dark.lips.mean() < faint.lips.mean() < dark.base.mean()


def test_dark_red_lips_are_no_black_clay(face_model: FaceModel) -> None:
    uv, clay = landmark_uv(face_model), painted_clay(dressed(face_model, 0.3, 0.15), face_model)
    nose, mouth, brow = (grey(clay.skin, uv[k], face_model) for k in (29, 51, 19))
    assert 0.5 * nose < mouth < 0.75 * nose
    assert brow < mouth


def test_nothing_else_of_the_skin_shows(face_model: FaceModel) -> None:
    plain, marked = (painted_clay(dressed(face_model, 0.5, 0.8, b), face_model).skin for b in (1.0, 0.4))
    cheek = landmark_uv(face_model)[41] - [0, 16 / uv_scale(face_model)]
    assert abs(grey(plain, cheek, face_model) - grey(marked, cheek, face_model)) < 0.02
