"""The camera that took a photo, in Blender: it hangs on the face, and its background is the photo.

A camera of core (core/photo/camera.py) looks along +z with y down, in millimetres; Blender's along -z with y up. The
principal point becomes the lens shift (https://docs.blender.org/manual/en/latest/render/cameras.html: a shift of 1 is
the picture's longer side).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from ....core.backend.requests import PhotoCamera
from ....core.face_model.units import MM_PER_M, to_blender
from .. import names

SENSOR_MM = 36.0
_DISPLAY_MM = 60.0
"""Size of the camera's drawing: small beside the head that it looks at."""
_LONG_SIDE = (1080, 2160)
"""Pixels between which the longer side of a render in the photo's shape is kept."""
_TURN = np.diag([1.0, -1.0, -1.0])


def place(
    camera: bpy.types.Object, face: bpy.types.Object, found: PhotoCamera, unit_scale: float
) -> None:  # fmt: skip
    """Make the camera object see the face as the photo's camera did."""
    position_mm = -found.rotation.T @ found.translation
    # Columns: the camera's right, up and back, in core's axes, turned into Blender's as points are, but not scaled.
    axes = np.asarray(to_blender((_TURN @ found.rotation) * MM_PER_M, 1.0)).T
    local = np.eye(4)
    local[:3, :3], local[:3, 3] = axes, to_blender(position_mm, unit_scale)
    camera.parent = face
    camera.matrix_parent_inverse = Matrix.Identity(4)
    camera.matrix_basis = Matrix(local.tolist())
    width, height = found.size
    side = max(width, height)
    data = cast("bpy.types.Camera", camera.data)
    data.type, data.sensor_fit, data.sensor_width = "PERSP", "AUTO", SENSOR_MM
    data.lens = found.focal / side * SENSOR_MM
    data.shift_x = (width / 2 - float(found.centre[0])) / side
    data.shift_y = (float(found.centre[1]) - height / 2) / side
    distance = float(np.linalg.norm(to_blender(position_mm, unit_scale)))
    data.clip_start, data.clip_end = distance * 0.02, distance * 20


def new_camera(face: bpy.types.Object, name: str) -> bpy.types.Object:
    """A camera in the face's collections, or the scene's where nothing can be added to those (they are a library's)."""
    data = bpy.data.cameras.new(name)
    data.display_size = _DISPLAY_MM / 1000 / getattr(face, names.FACE).unit_scale
    camera = bpy.data.objects.new(name, data)
    own = [one for one in face.users_collection if one.library is None and one.override_library is None]
    for collection in own or (bpy.context.scene.collection,):
        collection.objects.link(camera)
    return camera


def set_background(camera: bpy.types.Object, image: bpy.types.Image) -> None:
    """Show the image behind what the camera sees, and only it."""
    data = cast("bpy.types.Camera", camera.data)
    data.background_images.clear()
    background = data.background_images.new()
    background.image, background.alpha, background.frame_method = image, 1.0, "FIT"
    data.show_background_images = True


def render_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) in the photo's shape, of a size to render at."""
    low, high = _LONG_SIDE
    factor = min(max(max(size), low), high) / max(size)
    return max(4, round(size[0] * factor)), max(4, round(size[1] * factor))


def project(camera: bpy.types.Object, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 3) in the camera's own axes (as children of it have them) -> (N, 2) pixels of a photo of that size."""
    focal, centre = _inner(camera, size)
    return focal * points[:, :2] * [-1.0, 1.0] / np.minimum(points[:, 2:], -1e-9) + centre


def unproject(
    camera: bpy.types.Object, pixel: Sequence[float], depth: float, size: tuple[int, int]
) -> np.ndarray:  # fmt: skip
    """The inverse: (3,) in the camera's own axes, at its z `depth` (negative)."""
    focal, centre = _inner(camera, size)
    x, y = (np.array(pixel) - centre) * [-1.0, 1.0] * depth / focal
    return np.array([x, y, depth])


def _inner(camera: bpy.types.Object, size: tuple[int, int]) -> tuple[float, np.ndarray]:
    """Focal length and principal point (2,) in pixels."""
    (width, height), side, data = size, max(size), cast("bpy.types.Camera", camera.data)
    return data.lens / SENSOR_MM * side, np.array([width / 2 - data.shift_x * side, height / 2 + data.shift_y * side])


def is_of(camera: bpy.types.Object | None, face: bpy.types.Object) -> bool:
    """Whether this camera is still there, and this face's."""
    return camera is not None and camera.type == "CAMERA" and camera.parent == face and bool(camera.users_scene)
