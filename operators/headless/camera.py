"""The camera of a view: around the face, aimed at a part of it and near enough for that part to fill the picture."""

from __future__ import annotations

import math
from typing import cast

import bpy
import numpy as np
from mathutils import Vector

from ...core.batch.views import View
from ...core.face_model.model import FaceModel
from ...core.face_model.units import to_blender

LENS_MM = 85.0
"""A portrait lens: nearer ones make the nose large."""
_EYES, _NOSE, _MOUTH, _BROWS = slice(36, 48), slice(27, 36), slice(48, 68), slice(17, 27)


def aim(camera: bpy.types.Object, view: View, model: FaceModel, vertices_mm: np.ndarray, size: tuple[int, int]) -> None:
    """Place the camera for a face at the origin.

    `vertices_mm` (V, 3) are the face's vertices in core's axes: the camera follows the identity, so that a long face is
    not cut off. `size` is the picture's in pixels.
    """
    centre_mm, radius_mm = target_sphere(view.target, model, vertices_mm)
    centre = Vector(to_blender(centre_mm, bpy.context.scene.unit_settings.scale_length).tolist())
    radius = radius_mm / 1000.0 / bpy.context.scene.unit_settings.scale_length / view.zoom
    data = cast("bpy.types.Camera", camera.data)
    data.lens = LENS_MM
    data.sensor_width = 36.0
    data.sensor_fit = "HORIZONTAL"
    # The sphere must fit into the narrower side of the picture.
    half_width = 0.5 * data.sensor_width
    half = half_width * min(1.0, size[1] / size[0])
    distance = radius / math.sin(math.atan(half / LENS_MM))
    azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
    # The face looks along -y, the subject's left is +x.
    direction = Vector((
        math.sin(azimuth) * math.cos(elevation),
        -math.cos(azimuth) * math.cos(elevation),
        math.sin(elevation),
    ))  # fmt: skip
    camera.location = centre + direction * distance
    camera.rotation_euler = direction.to_track_quat("Z", "Y").to_euler()
    data.clip_start, data.clip_end = distance * 0.02, distance * 20


def target_sphere(target: str, model: FaceModel, vertices_mm: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius in mm of the part of the face that the picture is to hold."""
    landmarks = model.landmarks68
    if target == "head" or landmarks.min() < 0:  # a model without landmarks is shown whole
        low, high = np.quantile(vertices_mm, (0.005, 0.995), axis=0)
        return (low + high) / 2, float(np.linalg.norm((high - low)[:2]) * 0.5)
    points = vertices_mm[landmarks]
    eyes, mouth, chin = points[_EYES].mean(0), points[_MOUTH].mean(0), points[8]
    width = float(np.linalg.norm(points[0] - points[16]))
    if target == "portrait":
        middle = eyes * 0.62 + chin * 0.38
        # Half way back to the ears, about which a head seems to turn.
        middle[2] = 0.5 * (middle[2] + 0.5 * (points[0, 2] + points[16, 2]))
        return middle, width * 0.78
    if target == "face":
        return (eyes * 0.55 + chin * 0.45), width * 0.62
    if target == "forehead":
        return points[_BROWS].mean(0) + (eyes - mouth) * 0.35, width * 0.38
    if target == "eyes":
        return eyes, width * 0.42
    if target == "nose":
        return points[_NOSE].mean(0), width * 0.3
    return mouth, width * 0.32
