"""The camera of a video, keyed frame by frame, with the video behind it: to check a performance by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from mathutils import Matrix

from ....core.backend.video_requests import VideoCurves
from ....core.errors import DnpmError
from ....core.face_model.units import MM_PER_M, to_blender
from ....core.video.pose import rotation_of_angles
from .. import names
from ..photo import photo_camera
from . import keyframes

LABEL = "DNPM Video"
_PIXELS = (0.7, 1.6)
"""Width over height of the pixels of any video's standard."""
_TURN = np.diag([1.0, -1.0, -1.0])


def add(
    face: bpy.types.Object, scene: bpy.types.Scene, path: str, made: VideoCurves, frames: np.ndarray,
    angles: np.ndarray, translation: np.ndarray, start: float,
) -> Callable[[], None]:  # fmt: skip
    """A camera that hangs on the face and moves about it as the video's camera did about the head, its movie behind it.

    frames (T,) of the scene, with the head's angles (T, 3) radians and translation (T, 3) mm then; start: the scene's
    frame of the first picture. The camera becomes the scene's. Returns what takes it back. Raises DnpmError when the
    movie cannot be read by this Blender.
    """
    before = scene.camera
    try:
        movie = bpy.data.images.load(path, check_existing=False)
    except RuntimeError as error:
        raise DnpmError(f"{path}: this Blender cannot show it behind a camera ({str(error).strip()})") from error
    camera = photo_camera.new_camera(face, f"{LABEL} {Path(path).name}")
    data = cast("bpy.types.Camera", camera.data)

    def undo() -> None:
        scene.camera = before
        bpy.data.objects.remove(camera)
        if not data.users:
            bpy.data.cameras.remove(data)
        if not movie.users:
            bpy.data.images.remove(movie)

    try:
        camera.parent = face
        camera.matrix_parent_inverse = Matrix.Identity(4)
        camera.rotation_mode = "QUATERNION"
        _key(camera, frames, angles, translation, getattr(face, names.FACE).unit_scale)
        side = max(made.width, made.height)
        data.type, data.sensor_fit, data.sensor_width = "PERSP", "AUTO", photo_camera.SENSOR_MM
        data.lens = made.focal / side * photo_camera.SENSOR_MM
        away = float(np.median(np.linalg.norm(translation, axis=1)))
        distance = float(np.linalg.norm(to_blender(np.array([0.0, 0.0, away]), getattr(face, names.FACE).unit_scale)))
        data.clip_start, data.clip_end = distance * 0.02, distance * 20
        _stretch(movie, made)
        photo_camera.set_background(camera, movie)
        user = data.background_images[0].image_user
        user.frame_start = round(start)
        user.frame_duration = max(1, movie.frame_duration)
        user.frame_offset, user.use_auto_refresh = 0, True
        scene.camera = camera
    except BaseException:
        undo()
        raise
    return undo


def _stretch(movie: bpy.types.Image, made: VideoCurves) -> None:
    """Show pixels that are not square as broad as they were read; Blender takes a movie's for square."""
    width, height = movie.size
    if not (width and height):
        return
    aspect = (made.width / width) / (made.height / height)
    # Beyond that a phone's movie lies on its side.
    if _PIXELS[0] < aspect < _PIXELS[1]:
        movie.display_aspect = (aspect, 1.0)


def _key(
    camera: bpy.types.Object, frames: np.ndarray, angles: np.ndarray, translation: np.ndarray, unit_scale: float
) -> None:  # fmt: skip
    rotation = rotation_of_angles(np.asarray(angles, float))
    places = np.asarray(to_blender(-np.einsum("tji,tj->ti", rotation, translation), unit_scale))
    turns = []
    for matrix in rotation:
        axes = np.asarray(to_blender((_TURN @ matrix) * MM_PER_M, 1.0)).T
        turns.append(Matrix(axes.tolist()).to_quaternion())
    values = np.array([turn[:] for turn in turns])
    flips = np.cumsum((values[1:] * values[:-1]).sum(1) < 0) % 2
    values[1:][flips == 1] *= -1
    curves = [keyframes.Curve("location", frames, places[:, k], k) for k in range(3)]
    curves += [keyframes.Curve("rotation_quaternion", frames, values[:, k], k) for k in range(4)]
    keyframes.write(camera, camera.name, curves, layered=False)
