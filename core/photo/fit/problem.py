"""Residuals of fitting and their derivatives: what one camera sees of one bilinear face (Eq. 3).

Unknowns of a picture: rotation vector (3), shift of the principal point's ray (2) in eye distances, logarithm of the
size, logarithm of the distance, expression (n_exp). Identity (n_id) is one for all pictures of a person. All
derivatives are analytic: V_p is bilinear, a projection is a quotient.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...face_model.bilinear import contract
from ...face_model.model import FaceModel
from ..camera import UPRIGHT, Camera, rotation_of
from .cues import Cues
from .points import SurfacePoints

CAMERA = 7
"""Unknowns of a camera: rotation 3, shift 2, log size, log distance."""


@dataclass(frozen=True)
class Observed:
    """2D places in one picture. pixels (N, 2), weights (N,) (1 is a landmark that sits well), size (width, height),
    eye_distance in pixels; expected (n_exp,) is the expression that another look at the picture suggests."""

    points: SurfacePoints
    pixels: np.ndarray
    weights: np.ndarray
    size: tuple[int, int]
    eye_distance: float
    expected: np.ndarray
    certainty: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(n_exp,): 1 over the standard deviation that `expected` is trusted by."""
    cues: Cues = field(default_factory=Cues)
    """What is measured of the landmarks beside their places."""


class Bilinear:
    """The model at some places of its surface: positions and their derivatives by identity and expression."""

    def __init__(self, model: FaceModel, points: SurfacePoints) -> None:
        self.model, self.points = model, points
        self._use(_table(model, points))

    def _use(self, table: np.ndarray) -> None:
        self.by_identity = np.ascontiguousarray(table.reshape(len(table), -1))
        self.by_expression = np.ascontiguousarray(table.swapaxes(0, 1).reshape(table.shape[1], -1))
        self.shape = table.shape
        self.rest = self.points.of(self.model.neutral)

    def moved(self, points: SurfacePoints) -> Bilinear:
        """The same for other points, of which most are the same or more follow: only those are worked out."""
        count = len(self.points.corners)
        same = (points.corners[:count] == self.points.corners).all(1)
        same &= (points.weights[:count] == self.points.weights).all(1)
        new = np.append(np.flatnonzero(~same), np.arange(count, len(points.corners)))
        rows, columns = self.shape[:2]
        table = np.zeros((rows, columns, len(points.corners), 3), np.float32)
        table[:, :, :count] = self.by_identity.reshape(self.shape)
        if len(new):
            table[:, :, new] = _table(self.model, SurfacePoints(points.corners[new], points.weights[new]))
        other = Bilinear.__new__(Bilinear)
        other.model, other.points = self.model, points
        other._use(table)
        return other

    def positions(self, identity: np.ndarray, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-> (N, 3) mm, (n_id, N, 3) by identity, (n_exp, N, 3) by expression."""
        rows, columns, count, _ = self.shape
        expressed = contract(self.by_identity, identity).reshape(columns, count, 3)
        identified = contract(self.by_expression, expression).reshape(rows, count, 3)
        return self.rest + contract(expressed, expression), identified[1:], expressed[1:]


def _table(model: FaceModel, points: SurfacePoints) -> np.ndarray:
    """(n_id + 1, n_exp + 1, N, 3) float32: the core at the points."""
    corners = np.unique(points.corners)
    place = np.full(len(model.neutral), -1)
    place[corners] = np.arange(len(corners))
    core = np.asarray(model.core[:, :, corners], np.float32)
    return np.einsum("nk,ijnkc->ijnc", points.weights.astype(np.float32), core[:, :, place[points.corners]])


def camera_of(values: np.ndarray, observed: Observed, centre: np.ndarray) -> Camera:
    """Seven unknowns -> the camera; centre (3,) mm is the point of the head that it turns about."""
    rotation = rotation_of(values[:3]) @ UPRIGHT
    distance = float(np.exp(values[6]))
    focal = float(np.exp(values[5])) * observed.eye_distance / 100.0 * distance
    middle = np.array(observed.size) / 2
    # The head's centre is seen at `shift`; the principal point stays in the picture's middle.
    shift = values[3:5] * observed.eye_distance / focal * distance
    translation = np.array([*shift, distance]) - rotation @ centre
    return Camera(rotation, translation, focal, middle, observed.size)


def project_with_derivatives(
    values: np.ndarray, observed: Observed, centre: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-> (N, 2) pixels, (7, N, 2) by the camera's unknowns, (3, N, 2) by a place's own coordinates."""
    camera = camera_of(values, observed, centre)
    local = camera.into_camera(places)
    inverse = 1.0 / np.maximum(local[:, 2], 1.0)
    flat = local[:, :2] * inverse[:, None]
    pixels = camera.focal * flat + camera.centre
    # d pixel / d camera coordinates: focal / z (1, 0, -x/z; 0, 1, -y/z).
    rows = np.zeros((len(places), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1.0
    rows[:, :, 2] = -flat
    rows *= (camera.focal * inverse)[:, None, None]
    by_place = np.einsum("nij,jk->kni", rows, camera.rotation)
    by_camera = np.zeros((CAMERA, len(places), 2))
    turned = (places - centre) @ UPRIGHT.T
    for k, turn in enumerate(rotation_derivatives(values[:3])):
        by_camera[k] = np.einsum("nij,nj->ni", rows, turned @ turn.T)
    distance = float(np.exp(values[6]))
    step = observed.eye_distance / camera.focal * distance
    by_camera[3] = rows[:, :, 0] * step
    by_camera[4] = rows[:, :, 1] * step
    # A larger focal length enlarges all, and the shift in millimetres shrinks alike.
    shift = values[3:5] * step
    by_camera[5] = camera.focal * flat - np.einsum("nij,j->ni", rows[:, :, :2], shift)
    # Farther away and longer by as much: the size stays, perspective weakens.
    by_camera[6] = camera.focal * flat + rows[:, :, 2] * distance
    return pixels, by_camera, by_place


def rotation_derivatives(vector: np.ndarray) -> list[np.ndarray]:
    """d R / d v_k for a rotation vector (Gallego & Yezzi 2015; the generators where it is 0)."""
    generators = [np.zeros((3, 3)) for _ in range(3)]
    for k, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        generators[k][i, j], generators[k][j, i] = 1.0, -1.0
    square = float(vector @ vector)
    if square < 1e-12:
        return generators
    rotation = rotation_of(vector)
    cross = sum((v * g for v, g in zip(vector, generators, strict=True)), np.zeros((3, 3)))
    result = []
    for k in range(3):
        axis = np.cross(vector, (np.eye(3) - rotation)[:, k])
        turn = sum((a * g for a, g in zip(axis, generators, strict=True)), np.zeros((3, 3)))
        result.append((vector[k] * cross + turn) / square @ rotation)
    return result
