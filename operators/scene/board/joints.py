"""Where a face's joints are, how far its keys turn them, and which vertices turn with neck, head and jaw.

All of it is measured on the face's own shape keys, in the face's units and Blender's axes (z up, face along -y). Where
the neck ends is a rule: a plane from below the chin to the nape, 60 mm soft on an average face.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ....core.face_model.model import FaceModel
from .. import names
from ..export.snapshot import sphere_centre
from ..face import slider_values

_CHIN, _EYES = 8, (slice(36, 42), slice(42, 48))
"""Landmarks: the chin; the corners and lids of the right eye, and of the left."""
_AVERAGE = 0.103
"""Metres from the eyes down to the chin on the average face: what follows is for such a face."""
_HEAD, _NECK, _NECK_TOP = (0.0, 0.010, -0.035), (0.0, 0.015, -0.160), 0.125
_BELOW_CHIN, _NAPE, _SOFT = (0.048, -0.016), (0.051, -0.060), 0.030
_EYE_DEPTH = 0.010
_UNIT = 0.0128
"""Metres: the board is about as tall as the face."""
_SURE = 0.35
"""Vertices that jawOpen moves by this share of the most belong to the jaw, where the lower teeth are not known."""


@dataclass(frozen=True)
class Eye:
    """An eye: its centre, and by how many radians its keys turn it up, down, to the subject's left and right."""

    centre: np.ndarray
    up: float
    down: float
    left: float
    right: float


@dataclass(frozen=True)
class Joints:
    """Of one face."""

    size: float
    """Of the face, beside the average's 1, in the face's units a metre."""
    head: np.ndarray
    neck: np.ndarray
    chin: np.ndarray
    eyes: dict[str, Eye]
    """By L and R."""
    jaw: np.ndarray | None
    """Where it turns; None for a face without jawOpen."""
    jaw_open: float
    """Radians by which jawOpen turns it."""
    jaw_side: float
    """Radians by which jawLeft swings it."""
    jaw_forward: float
    """How far jawForward moves it."""
    weights: dict[str, np.ndarray]
    """(V,) of neck, head and jaw; they add up to 1."""

    @property
    def unit(self) -> float:
        """How long the board's unit is."""
        return _UNIT * self.size


def measure(face: bpy.types.Object, model: FaceModel) -> Joints:
    """The joints of a face as it is shaped now. Raises DnpmError when its keys are gone or renamed."""
    slider_values.expression_vector(face, model)
    blocks = slider_values.key_blocks(face)
    rest = _points(blocks[names.BASIS] if names.BASIS in blocks else slider_values.shape_keys(face).reference_key)
    marks = rest[np.asarray(model.landmarks68)]
    chin = marks[_CHIN].astype(float)
    middle = np.concatenate([marks[part] for part in _EYES]).mean(0)
    size = max(float(np.linalg.norm(middle - chin)), 1e-6) / _AVERAGE

    def moved(name: str) -> np.ndarray | None:
        return _points(blocks[name]) if name in model.expression_index else None

    jaw, jaw_open, share = _jaw(rest, moved("jawOpen"), model)
    groups = model.vertex_groups
    lower = _lower(rest, moved("jawOpen"), model)
    side, forward = moved("jawLeft"), moved("jawForward")
    swing, push = 0.06, 0.008 * size
    if jaw is not None and side is not None:
        swing = float(abs((side - rest)[lower, 0].mean()) / max(np.linalg.norm(rest[lower].mean(0) - jaw), 1e-9))
    if forward is not None:
        push = float(np.linalg.norm((forward - rest)[lower].mean(0)))
    eyes = {}
    for side_name, letter, part in (("Right", "R", _EYES[0]), ("Left", "L", _EYES[1])):
        group = groups.get(f"eye_{side_name.lower()}")
        if group is None or len(group) < 20:
            centre, group = marks[part].mean(0) + np.array([0, _EYE_DEPTH * size, 0]), None
        else:
            centre = sphere_centre(rest[group])
        inward, outward = (
            _turn(rest, moved(f"eyeLook{way}{side_name}"), group, 2) for way in ("In", "Out")
        )  # fmt: skip
        up, down = (_turn(rest, moved(f"eyeLook{way}{side_name}"), group, 0) for way in ("Up", "Down"))
        left, right = (outward, inward) if letter == "L" else (inward, outward)
        eyes[letter] = Eye(np.asarray(centre, float), up, down, left, right)
    neck = _neck_share(rest, chin, size)
    weights = {"neck": neck, "jaw": (1 - neck) * share, "head": (1 - neck) * (1 - share)}
    return Joints(
        size, np.array(_HEAD) * size, np.array(_NECK) * size, chin, eyes, jaw, jaw_open, max(swing, 0.01),
        max(push, 1e-6), weights,
    )  # fmt: skip


def _points(block: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(3 * len(block.data), np.float32)
    block.data.foreach_get("co", points)
    return points.reshape(-1, 3)


def _rigid(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(N, 3) twice -> the rotation that turns one into the other best (Kabsch)."""
    u, _, vt = np.linalg.svd((before - before.mean(0)).T.astype(float) @ (after - after.mean(0)))
    return vt.T @ np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T


def _turn(rest: np.ndarray, moved: np.ndarray | None, group: np.ndarray | None, axis: int) -> float:
    """By how much a key turns an eyeball about x (0) or z (2); 30 degrees where that cannot be measured."""
    if moved is None or group is None:
        return float(np.radians(30.0))
    turn = _rigid(rest[group], moved[group])
    sine = (turn[2, 1] - turn[1, 2]) / 2 if axis == 0 else (turn[1, 0] - turn[0, 1]) / 2
    angle = float(np.arctan2(abs(sine), (np.trace(turn) - 1) / 2))
    return angle if angle > 0.05 else float(np.radians(30.0))


def _lower(rest: np.ndarray, opened: np.ndarray | None, model: FaceModel) -> np.ndarray:
    """Vertices that are of the jaw's bone."""
    group = model.vertex_groups.get("teeth_lower")
    if group is not None and len(group) >= 20:
        return np.asarray(group)
    if opened is None:
        return np.arange(len(rest))
    length = np.linalg.norm(opened - rest, axis=1)
    return np.flatnonzero(length >= _SURE * max(float(length.max()), 1e-12))


def _jaw(rest: np.ndarray, opened: np.ndarray | None, model: FaceModel) -> tuple[np.ndarray | None, float, np.ndarray]:
    """The joint, the angle of jawOpen, and (V,) how much of that turn each vertex does."""
    nothing = np.zeros(len(rest))
    if opened is None:
        return None, 0.0, nothing
    lower = _lower(rest, opened, model)
    turn = _rigid(rest[lower], opened[lower])
    angle = float(np.arctan2(abs(turn[2, 1] - turn[1, 2]) / 2, (np.trace(turn) - 1) / 2))
    if angle < 0.05:
        return None, 0.0, nothing
    # The point that stays, in the plane of the turn.
    still = np.eye(3) - turn
    shift = opened[lower].mean(0) - turn @ rest[lower].mean(0)
    joint = np.zeros(3)
    joint[1:] = np.linalg.lstsq(still[1:, 1:], shift[1:], rcond=None)[0]
    way = (rest - joint) @ (turn - np.eye(3)).T
    along = ((opened - rest) * way).sum(1) / np.maximum((way * way).sum(1), (0.002 * np.ptp(rest[:, 2])) ** 2)
    share = np.clip(along, 0.0, 1.0)
    share[share < 0.02] = 0.0
    return joint, angle, share


def _neck_share(rest: np.ndarray, chin: np.ndarray, size: float) -> np.ndarray:
    """(V,): 1 on the neck, 0 on the head."""
    front = np.array([chin[1] + _BELOW_CHIN[0] * size, chin[2] + _BELOW_CHIN[1] * size])
    back = np.array(_NAPE) * size
    way = (back - front) / max(float(np.linalg.norm(back - front)), 1e-9)
    below = np.array([way[1], -way[0]])
    depth = (rest[:, 1:] - front) @ below / (_SOFT * size)
    t = np.clip((depth + 1) / 2, 0.0, 1.0)
    return t * t * (3 - 2 * t)
