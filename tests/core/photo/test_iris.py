"""The irises' colour: found on rendered eyes in coloured light, and refused where lids or blur hide it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.looks import IRISES
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.fit.calibrate import load_offsets
from dnpm.core.photo.fit.cues import CueReader
from dnpm.core.photo.fit.points import mediapipe_points
from dnpm.core.photo.iris import iris_colour
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.render import Lights, Paint, render

SIZE = (400, 400)


def photo(model: FaceModel, iris: str, light: tuple[float, float, float], **sliders: float) -> tuple[np.ndarray, Face]:
    """A rendered face with such irises in such a light, and its landmarks."""
    vertices = model.vertices(np.zeros(model.n_id, np.float32), model.expression(**sliders))
    points = mediapipe_points(model, LandmarkNetworks.load().canonical, load_offsets())
    camera = Camera.before(SIZE, 1000, 0.9, 200, points.of(vertices).mean(0))
    paint = replace(Paint.of(model, resolution=256), iris=np.array(IRISES[iris], np.float32))
    lights = Lights(np.array([[0.2, -0.3, -0.9]]), 0.5 * np.array([light]), 0.5 * np.array(light), 0.03)
    image, _ = render(model, vertices, camera, paint, lights)
    places = np.zeros((478, 3))
    places[:468, :2] = camera.project(points.of(vertices))[0]
    for place, vertex in zip((468, 473), CueReader(model, 83.0).irises, strict=True):
        places[place, :2] = camera.project(vertices[[vertex]])[0]
    return image, Face((0, 0, 1, 1), places, 1.0)


def chroma(colour: np.ndarray) -> np.ndarray:
    return np.log(np.asarray(colour) / np.mean(colour))


@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (1.0, 0.75, 0.55), (0.6, 0.7, 0.8)])
def test_irises_are_told_apart_in_any_light(face_model: FaceModel, light: tuple) -> None:
    found = {name: iris_colour(*photo(face_model, name, light)) for name in ("brown", "green", "blue")}
    for name, colour in found.items():
        assert colour is not None
        away = {other: float(np.linalg.norm(chroma(colour) - chroma(IRISES[other]))) for other in found}
        # Blue is read paler than it is, half way to green: a little of the lids'
        # lining more or less makes the one or the other the nearer.
        assert away[name] < 1.05 * min(away.values()), away
        assert 0.3 < colour.mean() / np.mean(IRISES[name]) < 3


def test_what_cannot_be_seen_is_not_read(face_model: FaceModel) -> None:
    image, face = photo(face_model, "blue", (1, 1, 1), eyeBlinkLeft=0.9, eyeBlinkRight=0.9)
    assert iris_colour(image, face) is None, "closed"
    image, face = photo(face_model, "blue", (1, 1, 1))
    assert iris_colour(image, replace(face, blur=0.05)) is None, "blurred"
    small = image.reshape(40, 10, 40, 10, 3).mean((1, 3))
    assert iris_colour(small, replace(face, points=face.points / 10)) is None, "small"
    assert iris_colour(image, replace(face, points=face.points[:468])) is None, "networks without irises"


def test_brown_irises_stay_brown_between_whites_that_look_like_lids(face_model: FaceModel) -> None:
    image, face = photo(face_model, "brown", (1, 1, 1))
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    for middle in (468, 473):
        x, y = face.points[middle, :2]
        away = np.hypot(columns - x, rows - y) / (0.066 * face.eye_distance)
        image[(away > 1.1) & (away < 2.2)] *= (0.95, 0.65, 0.5)
        image[np.hypot(columns - x + 2, rows - y + 2) < 1.6] = 1.0
    colour = iris_colour(image, face)
    assert colour is not None
    assert np.log(colour[0] / colour[2]) > 0.9, "as orange as a lid, the white would make them blue"
