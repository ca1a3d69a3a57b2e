"""The head's pose in a camera as angles, and back. numpy alone."""

from __future__ import annotations

import numpy as np

UPRIGHT = np.diag([1.0, -1.0, -1.0])
"""Turns core's axes into those of a camera that stands straight before the face (`core/photo/camera.py`)."""


def head_angles(rotations: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations into the camera's space -> (T, 3) radians: headYaw, headPitch, headRoll as a track has them
    (yaw outermost, right-handed about core's y, x and z). All 0: the face looks straight at the camera."""
    turn = UPRIGHT @ rotations
    yaw = np.arctan2(turn[:, 0, 2], turn[:, 2, 2])
    pitch = np.arcsin(np.clip(-turn[:, 1, 2], -1, 1))
    return np.stack([yaw, pitch, np.arctan2(turn[:, 1, 0], turn[:, 1, 1])], 1)


def rotation_of_angles(angles: np.ndarray) -> np.ndarray:
    """The reverse of `head_angles`."""
    (sy, sp, sr), (cy, cp, cr) = np.sin(angles).T, np.cos(angles).T
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    turn = np.stack([np.stack(row, 1) for row in rows], 1)
    result: np.ndarray = UPRIGHT @ turn
    return result
