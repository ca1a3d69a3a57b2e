"""What a face model cannot say about a person: a smooth field of displacements that takes its landmarks to where the
photo has them.

A fit stops at the model's components; what it leaves at the landmarks, beyond the networks' usual errors, is partly
the person. Neighbouring points' remainders agree where it is, and contradict each other where it is error. A Gaussian
process over the face at rest (squared exponential kernel; Rasmussen & Williams 2006, chapter 2) tells the two apart:
its mean moves the vertices in the photo's plane, since nothing is known about depth. It is added to the face at rest
and in every expression alike. Teeth and tongue stay, eyeballs move as a whole.

Lengths on the face are in millimetres, remainders in distances between the outer corners of the eyes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...face_model.model import FaceModel
from ..camera import Camera
from .points import OVAL

LENGTH_MM = 14.0
"""Over which the field changes."""
AMPLITUDE, NOISE = 0.012, 0.004
"""Standard deviations of the field and of each landmark's own error."""
_OUTLINE_NOISE = 0.02
"""The outline's points slide along the face."""
_PINNED_MM = 20.0
"""So far around a point that the artist has pinned the landmarks are taken to be wrong as the nearest one is."""
_REACH = 3.0
"""Lengths from the nearest landmark at which the field has gone."""
_STILL = ("teeth_lower", "teeth_upper", "tongue", "mouth")
_RIGID = ("eye_left", "eye_right")
MOST_MM = 6.0
"""No vertex moves farther."""


class LandmarkField:
    """One face model's field, ready for any number of fits."""

    def __init__(self, model: FaceModel, places: np.ndarray, eye_mm: float) -> None:
        """places (468, 3) mm: the landmarks on the face at rest; eye_mm: between its eyes' outer corners."""
        rest = np.asarray(model.neutral, float)
        apart = np.full(len(rest), np.inf)
        for point in places:
            np.minimum(apart, ((rest - point) ** 2).sum(1), out=apart)
        self.near = np.flatnonzero(apart < (_REACH * LENGTH_MM) ** 2)
        noise = np.full(len(places), NOISE)
        noise[list(OVAL)] = _OUTLINE_NOISE
        covariance = AMPLITUDE**2 * _kernel(places, places) + np.diag(noise**2)
        across = AMPLITUDE**2 * _kernel(rest[self.near], places)
        self.map = np.linalg.solve(covariance, across.T).T.astype(np.float32)
        self.count, self.eye_mm, self.rest, self.places = len(rest), eye_mm, rest, places
        group = lambda name: model.vertex_groups.get(name, np.zeros(0, int))  # noqa: E731
        self.still = np.concatenate([group(name) for name in _STILL])
        self.rigid = [group(name) for name in _RIGID if len(group(name))]

    def of(
        self, remainders: Sequence[np.ndarray], turns: Sequence[np.ndarray], cameras: Sequence[Camera],
        pinned: Sequence[Sequence[int]],
    ) -> np.ndarray:  # fmt: skip
        """(V, 3) float32 mm, the mean of one person's photos. Of each: remainders (468, 2), what the face's landmarks
        lie away from the photo's less the usual errors, in the picture turned by turns (2, 2); its camera; the vertices
        that the artist pinned."""
        total = np.zeros((self.count, 3))
        for remainder, turn, camera, vertices in zip(remainders, turns, cameras, pinned, strict=True):
            for vertex in vertices:
                apart = ((self.places - self.rest[vertex]) ** 2).sum(1)
                remainder = remainder - np.exp(-apart / (2 * _PINNED_MM**2))[:, None] * remainder[apart.argmin()]
            flat = np.zeros((len(self.near), 3))
            flat[:, :2] = -(self.map @ remainder) @ turn * self.eye_mm
            total[self.near] += flat @ camera.rotation / len(remainders)
        total[self.still] = 0.0
        for eye in self.rigid:
            total[eye] = total[eye].mean(0)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total * np.minimum(1.0, MOST_MM / np.maximum(length, 1e-9)), np.float32)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    apart = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.exp(-np.maximum(apart, 0) / (2 * LENGTH_MM**2)))
