"""Eyeballs: a sphere with a cornea, fitted to the base mesh's coarse eyes, that turns about its centre.

Texture layout (`uv`), which the eye's shader relies on: azimuthal, the pupil's centre at (.5, .5), the distance from it
angle / (2 pi), where the angle is measured at the eyeball's centre from the axis of gaze; the limbus is at 29 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIMBUS_DEGREES = 29.0
_RINGS, _SEGMENTS = 20, 24
_CORNEA_RADIUS = 0.68
"""Of the eyeball's; the cornea is the more curved cap within the limbus (7.8 mm on an eye of 11.5)."""

LOOK_DEGREES = {"Down": 28.0, "Up": 32.0, "In": 30.0, "Out": 30.0}
"""How far a slider at 1 turns the eye: about as far as people look before they turn their head."""


@dataclass(frozen=True)
class Eyeball:
    """The template: unit radius, centre at the origin, gaze along +z."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray


def eyeball() -> Eyeball:
    """Rings from the pupil (dense over the cornea) to the back, a vertex at each pole."""
    front = np.radians(LIMBUS_DEGREES) * np.linspace(0, 1, 8)[1:]
    angles = np.concatenate([front, np.linspace(front[-1], np.pi, _RINGS - len(front) + 2)[1:-1]])
    turn = 2 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    rings = len(angles)
    direction = np.stack(
        [
            np.sin(angles)[:, None] * np.cos(turn),
            np.sin(angles)[:, None] * np.sin(turn),
            np.broadcast_to(np.cos(angles)[:, None], (rings, _SEGMENTS)),
        ],
        -1,
    ).reshape(-1, 3)
    vertices = np.concatenate([[[0.0, 0.0, 1.0]], direction, [[0.0, 0.0, -1.0]]])
    vertices *= surface_radius(np.concatenate([[0.0], np.repeat(angles, _SEGMENTS), [np.pi]]))[:, None]

    around = np.stack([np.cos(turn), np.sin(turn)], -1)
    back = turn + np.pi / _SEGMENTS
    uv = np.concatenate(
        [
            [[0.5, 0.5]],
            (0.5 + angles[:, None, None] / (2 * np.pi) * around).reshape(-1, 2),
            0.5 + 0.5 * np.stack([np.cos(back), np.sin(back)], -1),
        ]
    )
    k = np.arange(_SEGMENTS)
    after = (k + 1) % _SEGMENTS
    none = np.full(_SEGMENTS, -1)
    faces = [np.stack([np.zeros(_SEGMENTS, int), 1 + k, 1 + after, none], -1)]
    for r in range(rings - 1):
        a, b = 1 + r * _SEGMENTS, 1 + (r + 1) * _SEGMENTS
        faces.append(np.stack([a + k, b + k, b + after, a + after], -1))
    last = 1 + (rings - 1) * _SEGMENTS
    pole = np.full(_SEGMENTS, last + _SEGMENTS)
    faces.append(np.stack([last + k, pole, last + after, none], -1))
    table = np.concatenate(faces).astype(np.int32)
    # The back pole has one texture corner a segment: it is a circle in this layout.
    table_uv = table.copy()
    table_uv[-_SEGMENTS:, 1] = last + _SEGMENTS + k
    return Eyeball(vertices, table, uv.astype(np.float32), table_uv)


def surface_radius(angle: np.ndarray) -> np.ndarray:
    """Distance of the unit eyeball's surface from its centre at `angle` (radians) from the gaze."""
    limbus = np.radians(LIMBUS_DEGREES)
    # Ray against the cornea's sphere, whose centre lies on the axis so that both spheres meet at the limbus.
    offset = np.cos(limbus) - np.sqrt(_CORNEA_RADIUS**2 - np.sin(limbus) ** 2)
    ray = offset * np.cos(angle) + np.sqrt(np.maximum(_CORNEA_RADIUS**2 - (offset * np.sin(angle)) ** 2, 0))
    # A soft maximum: the limbus is not an edge.
    sharp = 120.0
    return np.where(angle < np.pi / 2, np.logaddexp(sharp * ray, sharp) / sharp, 1.0)


def look_rotation(direction: str, side: str) -> np.ndarray:
    """(3, 3): how the eye of one side turns for eyeLook<direction><Side> at 1."""
    angle = np.radians(LOOK_DEGREES[direction])
    c, s = np.cos(angle), np.sin(angle)
    if direction in ("Up", "Down"):
        s = -s if direction == "Up" else s
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    outwards = 1.0 if side == "Left" else -1.0
    s *= outwards if direction == "Out" else -outwards
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
