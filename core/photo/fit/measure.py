"""Measuring the landmark error model (`landmark_errors.py`): people are rendered and found as they are, reduced, and
blurred."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import DnpmError
from ...face_model.looks import IRISES, TONES, Look
from ...face_model.model import FaceModel
from ...face_model.sampling import random_expression, random_identity
from ..camera import Camera, turned
from ..degrade import blurred, reduced
from ..landmarks.detect import Face, find_faces
from ..landmarks.networks import LandmarkNetworks
from ..render import Lights, Paint, render
from .calibrate import mirror_of
from .expectation import score_row
from .landmark_errors import Differences, LandmarkErrorModels, Mirror, level
from .response import features
from .solve import Fitter

_SIZE = 400
_FIRST = 200_000
"""Seeds of the people that are looked at: none that the figures use."""
_SMALL, _BLUR = (44.0, 100.0), (0.012, 0.06)
"""Pixels of a reduced picture's side; a blur's standard deviation in distances between the eyes' outer corners."""


@dataclass(frozen=True)
class Seen:
    """A rendered person: sliders, camera, and the face that the networks found in the picture."""

    identity: np.ndarray
    expression: np.ndarray
    camera: Camera
    face: Face


def paints(model: FaceModel) -> list[Paint]:
    """Skins, brows and irises of the people that are looked at."""
    rng = np.random.default_rng(5)
    irises = list(IRISES.values())
    return [
        Paint.of(
            model,
            Look(
                tone=tone, freckles=rng.uniform(0, 0.6), brows=rng.uniform(0.4, 1.3),
                iris=irises[int(rng.integers(len(irises)))],
            ),
            256,
        )
        for tone in TONES
        for _ in range(4)
    ]  # fmt: skip


def look_at(model: FaceModel, networks: LandmarkNetworks, colours: list[Paint], number: int) -> Iterator[Seen]:
    """The person of a number, rendered and found: three pictures, less those where no face is found."""
    rng = np.random.default_rng((number, 78))
    identity = random_identity(model, _FIRST + number, 1.0)
    expression = random_expression(model, _FIRST + number, rng.uniform(0, 0.95))
    vertices = model.vertices(identity, expression)
    front = vertices[model.vertex_groups.get("face", np.arange(len(vertices)))]
    distance = float(np.exp(rng.uniform(np.log(420), np.log(2500))))
    target = front.mean(0) + rng.normal(0, 6, 3)
    rotation = turned(rng.uniform(-42, 42), rng.uniform(-22, 22), rng.uniform(-20, 20))
    camera = Camera.before((_SIZE, _SIZE), distance, rng.uniform(0.8, 0.95), 245, target, rotation)
    paint = colours[int(rng.integers(len(colours)))]
    lights = Lights.drawn(rng)
    picture, _ = render(model, vertices, camera, paint, lights, background=rng.uniform(0.1, 0.9, 3))
    faces = find_faces(picture, networks)
    eyes = faces[0].eye_distance if faces else 0.2 * _SIZE
    small = int(np.exp(rng.uniform(*np.log(_SMALL))))
    blur = float(np.exp(rng.uniform(*np.log(_BLUR))))
    found = [faces, find_faces(reduced(picture, small), networks), find_faces(blurred(picture, blur * eyes), networks)]
    for one in found:
        if one:
            yield Seen(identity, expression, camera, one[0])


def difference(fitter: Fitter, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """(468, 2) what the landmarks of a known face err by, and (FEATURES,) how it is turned."""
    points = seen.face.points[: len(fitter.points.corners), :2].astype(float)
    turn, eyes = level(points)
    placed = fitter.placed(seen.identity, seen.expression, seen.camera)
    away = float(seen.camera.into_camera(fitter.centre[None])[0, 2])
    return (placed - points) @ turn.T / eyes, features(seen.camera.rotation, turn, away)


def measure_error_models(
    fitter: Fitter, networks: LandmarkNetworks, count: int, progress: Callable[[float], None] | None = None
) -> LandmarkErrorModels:
    """LandmarkErrorModel over `count` rendered people; the fitter's own error model do not count.

    Raises DnpmError when fewer than half of the pictures' faces are found.
    """
    model = fitter.model
    colours = paints(model)
    found: list[Seen] = []
    for number in range(count):
        found += look_at(model, networks, colours, number)
        if progress is not None:
            progress((number + 1) / count)
    if len(found) < 1.5 * max(count, 2):
        raise DnpmError(
            f"the landmark networks found {len(found)} of {3 * count} rendered faces: too few to measure by"
        )
    return error_models_of(fitter, networks.canonical, found)


def error_models_of(fitter: Fitter, canonical: np.ndarray, found: list[Seen]) -> LandmarkErrorModels:
    """LandmarkErrorModel by what was found; canonical (468, 3) mm is the networks' own face."""
    model = fitter.model
    mirror = Mirror.of(mirror_of(canonical), fitter.by_identity, tuple(model.expression_names))
    measured = [difference(fitter, one) for one in found]
    faces = Differences(
        np.array([one.face.spread for one in found]), np.stack([m[0] for m in measured]),
        np.stack([m[1] for m in measured]), np.stack([one.identity for one in found]).astype(float),
        np.stack([one.expression for one in found]).astype(float),
        np.stack([score_row(model.expression_names, one.face.scores) for one in found]),
    )  # fmt: skip
    return LandmarkErrorModels.measured(faces, mirror)
