"""What an artist sees at once in a photo, as rows of the fit: how open lids and lips are, how high the brows stand,
where the eyes look, and whether the teeth are closed.

The landmarks' own rows (`part.py`) treat all 468 points alike, and what the networks' scores suggest holds the sliders
back: of the difference between two people's lids or brows 80 to 90 % came through. Cues are short distances between
landmarks, in which the errors that neighbours share cancel. Each is asked for at full size, less what photos' landmarks
add to it in the mean. These means were measured on 124 portraits (`dnpm evaluate likeness`, the half for calibration)
with the default model, and hold for photos alone: fits of renders have no cues.

Lengths are in distances between the outer corners of the eyes, in the picture turned so that these lie level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ...face_model.model import FaceModel
from ..landmarks.detect import Face
from .landmark_errors import level

_EYES = (((33, 133), ((159, 145), (158, 153), (160, 144))), ((263, 362), ((386, 374), (385, 380), (387, 373))))
"""Per eye: corners (outer, inner), and pairs of points on the upper and the lower lid."""
_BROWS = (
    ((107, 55), (66, 65), (105, 52), (63, 53), (70, 46)),
    ((336, 285), (296, 295), (334, 282), (293, 283), (300, 276)),
)
"""Upper and lower rim of each brow, from the nose outwards, in the order of `_EYES`."""
_LIPS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
"""Inner rims of the upper and the lower lip."""
_LID_GAIN = 1.2
"""The model's lid points lie on the rims' skin, the networks' between the lashes; 1 where lids are closed."""
_BROW_BIAS = (0.003, -0.008, -0.017, -0.0155, -0.012)
_LIP_BIAS = 0.006
"""Of renders: a portrait's usual smile makes the mean of the portraits another expression, not another error."""
_LID_DEVIATION, _BROW_DEVIATION, _LIP_DEVIATION = 0.004, 0.007, 0.006

_IRISES = (468, 473)
"""Middles of the irises among the networks' 478 points, the subject's right first."""
_IRIS_BIAS = np.array([[0.0105, -0.0135], [-0.0095, -0.0135]])
"""Of eyes that look into the camera, as sitters do in the mean."""
_IRIS_DEVIATION, _LEAST_OPEN = 0.008, 0.045
"""Lids that are less far apart hide where the eye looks."""

_JAW, _JAW_DEVIATION = "jawOpen", 0.03


@dataclass(frozen=True)
class Cues:
    """weights (K, 468, 2): what is measured of the landmarks; targets (K,), deviations (K,). places: (vertex, pixel,
    deviation in eye distances) of what is no landmark. sliders: (number, value, deviation) of expressions that pixels
    tell."""

    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 468, 2)))
    targets: np.ndarray = field(default_factory=lambda: np.zeros(0))
    deviations: np.ndarray = field(default_factory=lambda: np.ones(0))
    places: tuple[tuple[int, tuple[float, float], float], ...] = ()
    sliders: tuple[tuple[int, float, float], ...] = ()


class CueReader:
    """One face model, ready to read faces of photos."""

    def __init__(self, model: FaceModel, eye_mm: float) -> None:
        """eye_mm: between the outer corners of the model's eyes. What a model lacks (eyes' texture, teeth, ARKit's
        jaw) it has no cue for."""
        self.irises = _iris_vertices(model)
        self.jaw = model.expression_names.index(_JAW) if _JAW in model.expression_names else None
        teeth = model.vertex_groups.get("teeth_lower")
        self.jaw_drop = 0.0
        if self.jaw is not None and teeth is not None and len(teeth):
            self.jaw_drop = -float(np.asarray(model.core[0, 1 + self.jaw, teeth, 1], float).mean()) / eye_mm

    def read(self, face: Face) -> Cues:
        """The cues of a photo's face."""
        points = face.points[:468, :2].astype(float)
        turn, eyes = level(points)
        weights, gain, bias, deviations = _measures()
        targets = np.tensordot(weights, points @ turn.T / eyes, 2) * gain + bias
        places = []
        if len(face.points) > max(_IRISES):
            opening = np.tensordot(weights, points @ turn.T / eyes, 2)
            for k, (vertex, iris) in enumerate(zip(self.irises, _IRISES, strict=False)):
                corners = points[list(_EYES[k][0])]
                away = np.linalg.norm(face.points[iris, :2] - corners.mean(0))
                inside = away < 0.5 * np.linalg.norm(corners[1] - corners[0])
                if inside and opening[k * 8 : k * 8 + 3].mean() > _LEAST_OPEN:
                    pixel = face.points[iris, :2] + _IRIS_BIAS[k] @ turn * eyes
                    places.append((vertex, (float(pixel[0]), float(pixel[1])), _IRIS_DEVIATION))
        sliders: tuple[tuple[int, float, float], ...] = ()
        if face.teeth_gap is not None and self.jaw is not None and self.jaw_drop > 0:
            sliders = ((self.jaw, min(face.teeth_gap / self.jaw_drop, 1.0), _JAW_DEVIATION),)
        return Cues(weights, targets, deviations, tuple(places), sliders)


@lru_cache(maxsize=1)
def _measures() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """weights (K, 468, 2), and of each its gain, bias and deviation: per eye its lids' opening (3) and the brow's
    height over its corners (5), then the lips' opening (5)."""
    rows, numbers = [], []

    def add(below: tuple[int, ...], above: tuple[int, ...], *what: float) -> None:
        row = np.zeros((468, 2))
        row[list(below), 1] += 1 / len(below)
        row[list(above), 1] -= 1 / len(above)
        rows.append(row)
        numbers.append(what)

    for (corners, lids), brow in zip(_EYES, _BROWS, strict=True):
        for upper, lower in lids:
            add((lower,), (upper,), _LID_GAIN, 0.0, _LID_DEVIATION)
        for rims, bias in zip(brow, _BROW_BIAS, strict=True):
            add(corners, rims, 1.0, bias, _BROW_DEVIATION)
    for upper, lower in _LIPS:
        add((lower,), (upper,), 1.0, _LIP_BIAS, _LIP_DEVIATION)
    gain, bias, deviation = np.array(numbers).T
    return np.stack(rows), gain, bias, deviation


def _iris_vertices(model: FaceModel) -> tuple[int, ...]:
    """The middle of each iris, the subject's right first: where the eye's texture has its middle."""
    found = []
    for side in ("right", "left"):
        eye = model.vertex_groups.get(f"eye_{side}")
        if eye is None or not len(eye):
            return ()
        member = np.zeros(len(model.neutral), bool)
        member[eye] = True
        corners = (model.faces >= 0) & member[model.faces]
        vertices, uv = model.faces[corners], model.uv[model.faces_uv[corners]]
        found.append(int(vertices[np.linalg.norm(uv - 0.5, axis=1).argmin()]))
    return tuple(found)
