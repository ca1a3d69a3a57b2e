"""One picture's rows of the least squares: landmarks, pins, the expected expression, the camera's distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..camera import UPRIGHT
from .landmark_errors import LandmarkErrorModel, level
from .photo_regressor import PersonRows
from .points import SurfacePoints
from .problem import CAMERA, Bilinear, Observed, camera_of, project_with_derivatives, rotation_derivatives
from .response import FEATURES, feature_derivatives, features

PIN_SPREAD = 0.012
"""Standard deviation of a pin of weight 1, eye distances."""
DISTANCE_MM, DISTANCE_SPREAD = 1100.0, 0.5
BEYOND = 0.03
"""How softly 0 and 1 bound an expression; bounds proper would hold fast what starts at them."""
_ODD = 0.08
"""From here on, in eye distances, a landmark's error counts less than its square (soft L1): it is hidden, or wrong."""


class Part:
    """Rows and derivatives for one picture.

    Landmarks' errors less the network's usual ones are made independent by `LandmarkErrorModel.whitening`; cues are
    differences between landmarks; a pin's rows, and those of a cue's place, stand for themselves, in the last rows.
    share: what all other rows are multiplied by, where several photos of a person share the networks' mistakes
    (`shared.weight`).
    """

    def __init__(
        self, bilinear: Bilinear, one: Observed, centre: np.ndarray, error_model: LandmarkErrorModel, spread: float,
        pins: Sequence[tuple[int, tuple[float, float], float]], share: float = 1.0, person: PersonRows | None = None,
    ) -> None:  # fmt: skip
        """bilinear: at the model's landmarks; centre (3,) mm: the point that the head turns about; spread: of the
        face's looks; pins: vertex, pixel, weight; person: what the pixels say of the identity."""
        pins = [*pins, *((vertex, pixel, (PIN_SPREAD / apart) ** 2) for vertex, pixel, apart in one.cues.places)]
        self.one, self.centre, self.error_model, self.count = one, centre, error_model, len(one.points.corners)
        self.whitening, self.share = error_model.whitening(spread), share
        corners = np.concatenate([one.points.corners, np.array([[p[0]] * 3 for p in pins], int).reshape(-1, 3)])
        shares = np.concatenate([one.points.weights, np.tile([[1.0, 0.0, 0.0]], (len(pins), 1))])
        self.bilinear = bilinear.moved(SurfacePoints(corners, shares))
        self.turn, self.eyes = level(one.pixels)
        self.pins = np.array([p[1] for p in pins], float).reshape(-1, 2)
        self.pin_scale = np.sqrt([p[2] for p in pins]) / (PIN_SPREAD * self.eyes)
        self.robust = np.ones(2 * self.count)
        self.person = person or PersonRows(np.zeros((0, 0)), np.zeros(0))

    def residuals(self, identity: np.ndarray, own: np.ndarray) -> np.ndarray:
        """identity (n_id,), own: the camera's unknowns and the expression -> rows."""
        places = self.bilinear.positions(identity, own[CAMERA:])[0]
        pixels = project_with_derivatives(own[:CAMERA], self.one, self.centre, places)[0]
        apart = (pixels[: self.count] - self.one.pixels) @ self.turn.T / self.eyes
        cues = self.one.cues
        short = np.tensordot(cues.weights, pixels[: self.count] @ self.turn.T / self.eyes, 2) - cues.targets
        rotation, distance = self._head(own)
        apart -= self.error_model.expected(features(rotation, self.turn, distance), identity, own[CAMERA:])
        self.robust = np.repeat((1 + (apart**2).sum(1) / _ODD**2) ** -0.25, 2)
        expression = own[CAMERA:]
        rows = np.concatenate(
            [
                self.whitening @ (apart.ravel() * self.robust),
                (expression - self.one.expected) * self.one.certainty,
                far(own[:CAMERA]),
                (expression - expression.clip(0, 1)) / BEYOND,
                short / cues.deviations,
                self.person.of(identity),
                ((pixels[self.count :] - self.pins) * self.pin_scale[:, None]).ravel(),
            ]
        )
        rows[: len(rows) - 2 * len(self.pins)] *= self.share
        return rows

    def jacobian(self, identity: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-> rows by identity, rows by `own`; the robust weights are those of the last residuals."""
        places, by_identity, by_expression = self.bilinear.positions(identity, own[CAMERA:])
        _, by_camera, by_place = project_with_derivatives(own[:CAMERA], self.one, self.centre, places)
        chain = lambda d: sum(d[..., c, None] * by_place[c] for c in range(3))  # noqa: E731
        n_id, n_exp = len(by_identity), len(by_expression)
        pixels = np.concatenate([chain(by_identity), by_camera, chain(by_expression)])
        apart = pixels[:, : self.count] @ self.turn.T / self.eyes
        cues = np.tensordot(self.one.cues.weights, apart, ((1, 2), (1, 2))) / self.one.cues.deviations[:, None]
        apart -= self._usual(n_id, own)
        landmarks = self.whitening @ (apart.reshape(len(apart), -1) * self.robust).T
        pins = (pixels[:, self.count :] * self.pin_scale[:, None]).reshape(len(pixels), -1).T
        expression = own[CAMERA:]
        outside = (expression < 0) | (expression > 1)
        lower = np.zeros((1 + 2 * n_exp, n_id + CAMERA + n_exp))
        lower[:n_exp, n_id + CAMERA :] = np.diag(self.one.certainty)
        lower[n_exp, n_id + 6] = 1 / DISTANCE_SPREAD
        lower[n_exp + 1 :, n_id + CAMERA :] = np.diag(outside / BEYOND)
        person = np.zeros((len(self.person.targets), n_id + CAMERA + n_exp))
        person[:, : self.person.rows.shape[1]] = self.person.rows
        shared = np.concatenate([landmarks, lower, cues, person])
        rows = np.concatenate([self.share * shared, pins])
        return rows[:, :n_id], rows[:, n_id:]

    def _head(self, own: np.ndarray) -> tuple[np.ndarray, float]:
        """The head's rotation (3, 3) into the camera's space, and how far its middle is, in mm."""
        return camera_of(own, self.one, self.centre).rotation, float(np.exp(own[6]))

    def _usual(self, n_id: int, own: np.ndarray) -> np.ndarray:
        """(n_id + CAMERA + n_exp, 468, 2): derivatives of the network's usual error."""
        response = self.error_model.response
        rotation, distance = self._head(own)
        turns = [d @ UPRIGHT for d in rotation_derivatives(own[:3])]
        by_turn = np.tensordot(feature_derivatives(rotation, self.turn, distance, turns), response[:FEATURES], 1)
        result = np.zeros((n_id + len(own), *response.shape[1:]))
        result[n_id : n_id + 3], result[n_id + 6] = by_turn[:3], by_turn[3]
        if len(response) > FEATURES:
            result[:n_id] = response[FEATURES : FEATURES + n_id]
            result[n_id + CAMERA :] = response[FEATURES + n_id :]
        return result


def far(camera: np.ndarray) -> np.ndarray:
    """(1,) how far the camera's distance is from a portrait's."""
    return np.array([(camera[6] - np.log(DISTANCE_MM)) / DISTANCE_SPREAD])
