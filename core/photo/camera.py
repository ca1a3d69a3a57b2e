"""The pinhole camera that looks at a face.

Camera space: x to the picture's right, y down, z away from the camera. Pixels: x right, y down; the middle of the first
pixel is (.5, .5), as in most pictures' own convention. Source: Hartley & Zisserman, Multiple View Geometry, chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import DnpmError

UPRIGHT = np.diag([1.0, -1.0, -1.0])
"""Turns core's axes (y up, the face looks along +z) into a camera's that stands straight before the face."""


@dataclass(frozen=True)
class Camera:
    """rotation (3, 3) and translation (3,) mm take core's space into the camera's; focal in pixels, centre (2,) the
    principal point in pixels, size (width, height)."""

    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    size: tuple[int, int]

    def __post_init__(self) -> None:
        rotation, translation = np.asarray(self.rotation, float), np.asarray(self.translation, float)
        centre = np.asarray(self.centre, float)
        for wrong, message in (
            (rotation.shape != (3, 3) or translation.shape != (3,) or centre.shape != (2,), "wrong shapes"),
            (not all(np.isfinite(a).all() for a in (rotation, translation, centre)), "numbers that are not finite"),
            (not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4), "a matrix that is not a rotation"),
            (not self.focal > 0 or min(self.size) < 1, "a focal length or size that is not positive"),
        ):
            if wrong:
                raise DnpmError(f"a camera has {message}")
        for name, value in (("rotation", rotation), ("translation", translation), ("centre", centre)):
            object.__setattr__(self, name, value)

    @classmethod
    def before(
        cls, size: tuple[int, int], distance: float = 700.0, fill: float = 0.6, height: float = 200.0,
        target: np.ndarray | None = None, rotation: np.ndarray | None = None,
    ) -> Camera:  # fmt: skip
        """A camera whose picture shows `height` mm around `target` (3,) at `fill` of its height.

        rotation (3, 3) turns the head about the target; None: it looks straight at the camera.
        """
        middle = np.zeros(3) if target is None else np.asarray(target, float)
        turned = UPRIGHT @ (np.eye(3) if rotation is None else np.asarray(rotation, float))
        width, high = size
        focal = fill * high * distance / height
        centre = np.array([width / 2, high / 2])
        return cls(turned, np.array([0.0, 0.0, distance]) - turned @ middle, focal, centre, size)

    def into_camera(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) mm in core's space -> (N, 3) mm in the camera's."""
        return np.asarray(points, float) @ self.rotation.T + self.translation

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) mm -> (N, 2) pixels, and (N,) mm away along the axis. Points behind the camera give infinity."""
        places = self.into_camera(points)
        depth = places[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = self.focal * places[:, :2] / depth[:, None] + self.centre
        pixels[depth <= 0] = np.inf
        return pixels, depth

    @property
    def position(self) -> np.ndarray:
        """(3,) mm: where the camera stands in core's space."""
        return -self.rotation.T @ self.translation

    def scaled(self, factor: float) -> Camera:
        """The same view in a picture `factor` times as large."""
        size = (max(1, round(self.size[0] * factor)), max(1, round(self.size[1] * factor)))
        return replace(self, focal=self.focal * factor, centre=self.centre * factor, size=size)

    def cropped(self, left: float, top: float, size: tuple[int, int]) -> Camera:
        """The same view in a part of the picture that begins at (left, top)."""
        return replace(self, centre=self.centre - np.array([left, top]), size=size)


def rotation_of(vector: np.ndarray) -> np.ndarray:
    """Rotation vector (3,), radians -> (3, 3) (Rodrigues)."""
    vector = np.asarray(vector, float)
    angle = float(np.linalg.norm(vector))
    cross = _cross(vector)
    if angle < 1e-8:
        return np.eye(3) + cross
    return np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3) in core's space, degrees: yaw to the subject's left, pitch up, roll towards the left shoulder."""
    y, p, r = np.radians([yaw, pitch, roll])
    return rotation_of(np.array([0, y, 0])) @ rotation_of(np.array([-p, 0, 0])) @ rotation_of(np.array([0, 0, -r]))


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees of the rotation that takes one rotation (3, 3) into another."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1))))


def _cross(v: np.ndarray) -> np.ndarray:
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
