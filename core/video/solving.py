"""One picture of a known person: the head's pose and the expression, from landmarks and scores.

The same least squares as a photo's fit (`core/photo/fit/`), with the identity and the camera's focal length known: 59
unknowns, started from the picture before, so that a few Gauss-Newton steps are enough. Landmarks and scores count by
their measured reliability: the landmarks by the covariance of the networks' errors, what scores say about the
expression by its deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.bilinear import contract
from ..photo.camera import UPRIGHT, Camera
from ..photo.fit.landmark_errors import level
from ..photo.fit.part import BEYOND
from ..photo.fit.problem import CAMERA, Observed, camera_of, project_with_derivatives, rotation_derivatives
from ..photo.fit.response import FEATURES, feature_derivatives, features
from ..photo.fit.solve import Fitter
from ..photo.landmarks.detect import Face

_STEPS, _FIRST_STEPS = 4, 12
_SETTLED = 2e-3
_SAME_FOCAL = 0.002
"""How exactly the focal length is kept, in its logarithm."""
_ODD = 0.08
"""As `part.py`: from here on, in eye distances, an error counts less than its square."""
_MOST_STEP = 0.5


@dataclass(frozen=True)
class Solved:
    """camera of this picture (the head's pose in it), expression (n_exp,), not limited; residual: root mean square of
    what the landmarks leave, in eye distances; left (936,): that itself, in the picture turned so that
    the eyes are level; turn (2,): slopes of the face to the picture's right and down there."""

    camera: Camera
    expression: np.ndarray
    residual: float
    left: np.ndarray
    turn: np.ndarray


class FrameSolver:
    """For one person before one camera."""

    def __init__(
        self, fitter: Fitter, identity: np.ndarray, focal: float, size: tuple[int, int], spread: float
    ) -> None:
        """identity (n_id,); focal in pixels; size (width, height); spread of the looks at this clip's faces
        (`Face.spread`), which the noise follows."""
        self.fitter, self.focal, self.size = fitter, focal, size
        model, bilinear = fitter.model, fitter.bilinear
        columns = model.n_exp + 1
        expressed = contract(bilinear.by_identity, identity).reshape(columns, -1, 3).astype(float)
        self.rest, self.shapes = bilinear.rest + expressed[0], expressed[1:]
        self.centre = fitter.centre
        error_model = fitter.error_model_of(Face((0, 0, 1, 1), np.zeros((478, 3)), 1.0, spread=spread))
        self.axes, self.share, self.white = error_model.precision(spread)
        response = error_model.response
        self.by_turn = response[:FEATURES]
        n_id = model.n_id
        known = len(response) > FEATURES
        self.usual = np.tensordot(identity, response[FEATURES : FEATURES + n_id], 1) if known else np.zeros((468, 2))
        self.by_expression = response[FEATURES + n_id :] if known else np.zeros((model.n_exp, 468, 2))
        self.weights = fitter.weights
        self._own: np.ndarray | None = None
        self._eyes = 1.0

    def forget(self) -> None:
        """The next picture does not follow the last one."""
        self._own = None

    def solve(
        self, points: np.ndarray, expected: np.ndarray, certainty: np.ndarray, steps: int = _STEPS
    ) -> Solved:  # fmt: skip
        """points (468 or more, 2 or 3) pixels; expected (n_exp,) what the scores say of the expression, and 1 over its
        standard deviation (n_exp,); steps: at most so many from the picture before, fewer when nothing moves any
        more."""
        pixels = np.asarray(points[:468, :2], float)
        turn, eyes = level(pixels)
        one = Observed(self.fitter.points, pixels, self.weights, self.size, eyes, expected, certainty)
        own = self._start(one, eyes)
        steps = _FIRST_STEPS if self._own is None else steps
        left = np.zeros(2 * len(pixels))
        for _ in range(steps):
            precision, gradient, left = self._system(one, own, turn, eyes)
            change = -np.linalg.solve(precision, gradient)
            change[CAMERA:] = change[CAMERA:].clip(-_MOST_STEP, _MOST_STEP)
            own = own + change
            if np.abs(change).max() < _SETTLED:
                break
        self._own, self._eyes = own, eyes
        residual = float(np.sqrt((left**2).mean()))
        camera = camera_of(own, one, self.centre)
        return Solved(camera, own[CAMERA:].copy(), residual, left, turn @ camera.rotation[:2, 2])

    def _start(self, one: Observed, eyes: float) -> np.ndarray:
        """From the picture before; the unknowns are in eye distances, which differ."""
        if self._own is None:
            camera = self.fitter._pose(one, np.zeros(self.fitter.model.n_id))
            camera[6] = np.log(self.focal * 100.0 / eyes) - camera[5]
            return np.append(camera, one.expected)
        own = self._own.copy()
        ratio = self._eyes / eyes
        own[3:5] *= ratio
        own[5] += np.log(ratio)
        return own

    def _system(
        self, one: Observed, own: np.ndarray, turn: np.ndarray, eyes: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """The normal equations at `own`: (59, 59), (59,), and the landmarks' errors (936,) in eye distances."""
        expression = own[CAMERA:]
        places = self.rest + np.tensordot(expression, self.shapes, 1)
        pixels, by_camera, by_place = project_with_derivatives(own[:CAMERA], one, self.centre, places)
        camera = camera_of(own, one, self.centre)
        distance = float(np.exp(own[6]))
        usual = (
            np.tensordot(features(camera.rotation, turn, distance), self.by_turn, 1)
            + self.usual + np.tensordot(expression, self.by_expression, 1)
        )  # fmt: skip
        apart = (pixels - one.pixels) @ turn.T / eyes - usual
        robust = np.repeat((1 + (apart**2).sum(1) / _ODD**2) ** -0.25, 2)
        turns = [d @ UPRIGHT for d in rotation_derivatives(own[:3])]
        by_turn = np.tensordot(feature_derivatives(camera.rotation, turn, distance, turns), self.by_turn, 1)
        by_expression = np.einsum("enc,cnk->enk", self.shapes, by_place, optimize=True)
        rows = np.concatenate([by_camera, by_expression]) @ turn.T / eyes
        rows[:3] -= by_turn[:3]
        rows[6] -= by_turn[3]
        rows[CAMERA:] -= self.by_expression
        jacobian = rows.reshape(len(rows), -1) * robust
        errors = apart.ravel() * robust
        seen, seen_errors = jacobian @ self.axes.T, self.axes @ errors
        precision = (jacobian @ jacobian.T + (seen * self.share) @ seen.T) / self.white
        gradient = (jacobian @ errors + seen @ (self.share * seen_errors)) / self.white
        certain = one.certainty**2
        outside = np.where((expression < 0) | (expression > 1), 1 / BEYOND**2, 0.0)
        place = np.arange(CAMERA, len(own))
        precision[place, place] += certain + outside
        gradient[CAMERA:] += certain * (expression - one.expected) + outside * (expression - expression.clip(0, 1))
        # The focal length is one for the clip: log size + log distance is known.
        off = own[5] + own[6] + np.log(eyes / 100.0) - np.log(self.focal)
        precision[np.ix_([5, 6], [5, 6])] += 1 / _SAME_FOCAL**2
        gradient[[5, 6]] += off / _SAME_FOCAL**2
        return precision, gradient, apart.ravel()
