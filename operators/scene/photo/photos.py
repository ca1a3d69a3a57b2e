"""What photos leave on a face: sliders, the step in w+, wrinkles, colours, a camera with the photo behind it, points to
pin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import bpy

from ....core.backend.requests import PhotoCamera, PhotoFace
from ....core.face_model import corrective, relief
from ....core.face_model.looks import nearest_tone
from ....core.face_model.model import FaceModel
from ....core.face_model.photo_colours import PhotoColours
from ....core.face_model.skin_settings import SkinSettings
from ....core.face_model.w_offset import to_text
from .. import compat, names
from ..detail import live, skin_settings
from ..face import identity, models, slider_values
from ..look import looks
from . import code_offset, corrective_shape, photo_camera, photo_colour, pictures, point_handles, wrinkles
from .photo_colour import LABEL, free

Kept = tuple[tuple[int, float], ...]
"""Sliders that stay: place and value."""


def locks(face: bpy.types.Object, model: FaceModel) -> tuple[Kept, Kept]:
    """The sliders of identity and expression that stay: those that are locked, or all of a kind."""
    group, face_group = getattr(face, names.PHOTO), getattr(face, names.FACE)
    person, expression = slider_values.identity_vector(face), slider_values.expression_vector(face, model)
    kept = [k for k, item in enumerate(face_group.identity) if group.keep_identity or item.locked]
    blocks = slider_values.key_blocks(face)
    still = [
        k for k, name in enumerate(model.expression_names)
        if group.keep_expression or compat.is_locked(blocks[name])
    ]  # fmt: skip
    return tuple((k, float(person[k])) for k in kept), tuple((k, float(expression[k])) for k in still)


def write(
    face: bpy.types.Object, scene: bpy.types.Scene, made: PhotoFace, backgrounds: Sequence[bpy.types.Image | None]
) -> None:
    """Give the face what its photos became. backgrounds: the images that the file already has, None for the others.

    Raises DnpmError, with nothing changed, when the sliders do not fit the face.
    """
    group = getattr(face, names.PHOTO)
    model = models.model_of(face)
    identity.set_sliders(face, identity=made.identity, expression=made.expression)
    code_offset.write(face, to_text(made.w_offset))
    wrinkles.write(face, relief.to_text(made.relief))
    skin_settings.write(face, SkinSettings(made.skin_age, made.regions))
    if made.corrective is not None:
        corrective_shape.write(face, corrective.to_text(made.corrective))
    _set_colour(face, group, made)
    # With a window both are painted a moment later, by a timer: painting takes a third of a second.
    if group.match_iris and made.iris is not None:
        getattr(face, names.FACE).iris = [float(c) for c in made.iris]
    if group.match_tone:
        getattr(face, names.FACE).tone = nearest_tone(made.skin)
    else:
        looks.on_look_changed(face)
    point_handles.note(face)
    _set_cameras(face, scene, group, made.cameras, backgrounds)
    if point_handles.are_shown(face):
        point_handles.show(face, model)
    live.on_sliders_changed(face)


def set_colours(face: bpy.types.Object, photo: PhotoColours | Literal["none"] | None) -> None:
    """What a preset says of a photo's colours; None leaves them. Raises DnpmError, with nothing changed, when Blender
    cannot read the picture."""
    if photo is not None:
        photo_colour.write(face, None if photo == "none" else photo)
        looks.apply(face, paints=False)


def show_colour(face: bpy.types.Object) -> None:
    """Put the photo's colours into materials that lack them: they were recomputed."""
    group = getattr(face, names.PHOTO, None)
    if group is not None and group.texture is not None:
        photo_colour.show(face, group.texture, group.skin, group.colour)


def remove(face: bpy.types.Object) -> None:
    """Take everything away but the sliders: the face is as if these had been set by hand. Raises DnpmError, with
    nothing changed, when the mesh is not the model's."""
    group = getattr(face, names.PHOTO)
    corrective_shape.write(face, "")
    point_handles.hide(face)
    photo_colour.write(face, None)
    group.offset, group.relief = "", ""
    for place in reversed(range(len(group.photos))):
        _drop(face, group, place)
    looks.apply(face)
    live.on_sliders_changed(face)


def _set_colour(face: bpy.types.Object, group: Any, made: PhotoFace) -> None:
    old = group.texture
    # A new image, for a duplicate of the face may show the old one.
    group.texture = photo_colour.new_image(f"{LABEL} Colours {face.name}", made.texture)
    group.skin, group.colours = [float(c) for c in made.skin], made.colours
    photo_colour.show(face, group.texture, group.skin, group.colour)
    free(old)


def _set_cameras(
    face: bpy.types.Object, scene: bpy.types.Scene, group: Any, found: Sequence[PhotoCamera],
    backgrounds: Sequence[bpy.types.Image | None],
) -> None:  # fmt: skip
    for place in reversed(range(len(found), len(group.photos))):
        _drop(face, group, place)
    while len(group.photos) < len(found):
        group.photos.add()
    for item, camera, background in zip(list(group.photos)[: len(found)], found, backgrounds, strict=True):
        name = bpy.path.basename(camera.name) or camera.name
        old = item.image
        item.image = background or pictures.new_image(f"{LABEL} {name}", camera.picture)
        if old is not None and old != item.image:
            free(old)
        item.name, item.error, item.size = name, camera.error, camera.size
        if not group.add_camera:
            continue
        if not photo_camera.is_of(item.camera, face):
            item.camera = photo_camera.new_camera(face, f"{LABEL} {name}")
        photo_camera.place(item.camera, face, camera, getattr(face, names.FACE).unit_scale)
        photo_camera.set_background(item.camera, item.image)
    first = group.photos[0].camera
    if group.add_camera and first is not None:
        scene.camera = first
        if group.match_render:
            scene.render.resolution_x, scene.render.resolution_y = photo_camera.render_size(found[0].size)
            scene.render.resolution_percentage = 100
            scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0


def _drop(face: bpy.types.Object, group: Any, place: int) -> None:
    item = group.photos[place]
    camera, image = item.camera, item.image
    if face.override_library is None:
        group.photos.remove(place)
    else:  # Blender removes nothing from the lists of a library override
        item.name, item.image, item.camera, item.error = "", None, None, 0.0
    if photo_camera.is_of(camera, face):
        data = camera.data
        bpy.data.objects.remove(camera)
        if not data.users:
            bpy.data.cameras.remove(data)
    free(image)
