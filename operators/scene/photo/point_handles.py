"""Points of the face over its photo, to be dragged to where they belong: an empty each, hanging on the photo's camera.

Whatever point was moved is pinned when the face is fitted again; a pinned one stays pinned until the points go.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ....core.face_model.model import FaceModel
from ....core.face_model.units import to_blender
from .. import names
from ..face import slider_values
from . import photo_camera

POINT = "dnpm_point"
"""On an empty: which of the 68 landmarks it is."""
HOME, PINNED = "dnpm_home", "dnpm_pinned"
"""On an empty: the pixel on which it was put or pinned, and whether the artist has moved it."""
SHOWN = (8, *range(17, 68))
"""Landmarks that are places of the skin. The outline beside the chin (0 to 16 but 8) is wherever the face ends."""
_MOVED = 0.002
"""Shares of the photo's longer side: less than that is not a drag."""
_SIZE_MM, _PINNED_MM = 2.5, 4.0


def of(camera: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The points that hang on a camera."""
    return [] if camera is None else [child for child in camera.children if child.get(POINT) is not None]


def are_shown(face: bpy.types.Object) -> bool:
    """Whether any photo of the face has points."""
    return any(of(item.camera) for item in getattr(face, names.PHOTO).photos)


def show(face: bpy.types.Object, model: FaceModel) -> int:
    """Put points on the face as it is; pinned ones stay where they are. Returns how many photos have some now."""
    scale = getattr(face, names.FACE).unit_scale
    vertices = model.vertices(slider_values.identity_vector(face), slider_values.expression_vector(face, model))
    landmarks = to_blender(vertices[model.landmarks68], scale)
    shown = 0
    for item in getattr(face, names.PHOTO).photos:
        camera = item.camera
        if not photo_camera.is_of(camera, face):
            continue
        shown += 1
        there = {int(point[POINT]): point for point in of(camera)}
        into_camera = np.linalg.inv(np.array(camera.matrix_basis))
        places = landmarks @ into_camera[:3, :3].T + into_camera[:3, 3]
        pixels = photo_camera.project(camera, places, tuple(item.size))
        for k in SHOWN:
            point = there.get(k) or _new(camera, k, scale)
            if point.get(PINNED):
                point.location = photo_camera.unproject(camera, point[HOME], places[k][2], tuple(item.size)).tolist()
            else:
                point.location, point[HOME] = places[k], [float(n) for n in pixels[k]]
    return shown


def hide(face: bpy.types.Object) -> None:
    """Delete the points of all photos."""
    for item in getattr(face, names.PHOTO).photos:
        for point in of(item.camera):
            bpy.data.objects.remove(point)


def pins(item: Any, model: FaceModel) -> tuple[tuple[int, float, float], ...]:
    """(vertex, x, y) of a photo's points that were moved, now or before, in the photo's pixels."""
    return tuple(
        (int(model.landmarks68[int(point[POINT])]), float(pixel[0]), float(pixel[1]))
        for point, pixel in _moved(item)
    )  # fmt: skip


def note(face: bpy.types.Object) -> None:
    """Mark the points that were moved as pinned to their pixels, before their cameras change."""
    for item in getattr(face, names.PHOTO).photos:
        for point, pixel in _moved(item):
            point[PINNED], point[HOME] = True, [float(n) for n in pixel]
            point.empty_display_size = _PINNED_MM / 1000 / getattr(face, names.FACE).unit_scale


def _moved(item: Any) -> list[tuple[bpy.types.Object, np.ndarray]]:
    found = []
    for point in of(item.camera):
        pixel = photo_camera.project(item.camera, np.array([point.location]), tuple(item.size))[0]
        away = float(np.abs(pixel - np.array(point[HOME])).max())
        if away > _MOVED * max(item.size) or point.get(PINNED):
            found.append((point, pixel))
    return found


def _new(camera: bpy.types.Object, landmark: int, scale: float) -> bpy.types.Object:
    point = bpy.data.objects.new(f"DNPM Point {landmark}", None)
    point.empty_display_type, point.empty_display_size = "SPHERE", _SIZE_MM / 1000 / scale
    point.show_in_front = True
    point.hide_render = True
    point[POINT] = landmark
    for collection in camera.users_collection:
        collection.objects.link(point)
    point.parent = camera
    return point
