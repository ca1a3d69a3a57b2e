"""Turns of the eyes, from their expressions: by how much the face model's eyes turn for eyeLook... at 1."""

from __future__ import annotations

import numpy as np

from ..face_model.arkit import ARKIT_NAMES
from ..face_model.model import FaceModel
from ..photo.fit.points import similarity

USUAL_DEGREES = 30.0
"""Of a whole eyeLook..., on a face model without eyes of its own."""


def eye_turns(model: FaceModel) -> dict[str, float]:
    """Radians by name of the eight eyeLook... expressions, measured on the mean face's eyes."""
    names = [name for name in ARKIT_NAMES if name.startswith("eyeLook")]
    usual = dict.fromkeys(names, float(np.radians(USUAL_DEGREES)))
    kinds = np.array(model.material_names)[model.face_material]
    corners = model.faces[kinds == "eye"]
    vertices = np.unique(corners[corners >= 0])
    if len(vertices) < 16:
        return usual
    result = {}
    zero = np.zeros(model.n_id, np.float32)
    rest = model.neutral_of(zero)
    shapes = model.expression_deltas(zero)
    for name in names:
        left = name.endswith("Left")
        side = vertices[(rest[vertices, 0] > 0) == left]
        place = model.expression_index.get(name, -1)
        if place < 0 or len(side) < 8:
            result[name] = usual[name]
            continue
        _, rotation, _ = similarity(rest[side].astype(float), (rest + shapes[place])[side].astype(float))
        forward = rotation @ np.array([0.0, 0.0, 1.0])
        aside = "In" in name or "Out" in name
        turn = abs(float(np.arctan2(forward[0 if aside else 1], forward[2])))
        result[name] = turn if turn > np.radians(5) else usual[name]
    return result


def eye_rotations(expression: np.ndarray, turns: dict[str, float]) -> np.ndarray:
    """(T, 52) -> (T, 6) radians: yaw, pitch and roll of the left, then the right eye, as in a capture's rotations: yaw
    to the subject's left, pitch down."""
    value = lambda name: expression[:, ARKIT_NAMES.index(name)] * turns[name]  # noqa: E731
    columns = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        yaw = outward * (value(f"eyeLookOut{side}") - value(f"eyeLookIn{side}"))
        pitch = value(f"eyeLookDown{side}") - value(f"eyeLookUp{side}")
        columns += [yaw, pitch, np.zeros(len(expression))]
    return np.stack(columns, 1)
