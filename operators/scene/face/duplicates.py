"""Gives a face parts of its own: mesh, map and materials, so that it has its own sliders and shows its own map.

A duplicate shares them with its original: Shift-D copies the mesh but neither the map's texture and image nor the
materials; Alt-D copies not even the mesh, on which the expression sliders (the shape keys) sit. A library override
shares them with the linked face. Its own mesh is a local one and no override, for Blender would take the coordinates of
an overridden mesh from the library again whenever the file is opened.
"""

from __future__ import annotations

import bpy

from .. import names
from ..board import posing
from ..detail import map_image, map_state
from ..look import materials
from . import slider_values


def needs_own_data(obj: bpy.types.Object) -> bool:
    """Whether this face uses the mesh or the map of another face that was there before it, or of another file."""
    if obj.library is not None:
        return False
    return _is_foreign(obj.data) or _shared_mesh(obj) or _has_foreign_map(obj) or _shared_map(obj)


def _is_foreign(data: bpy.types.ID) -> bool:
    return data.library is not None or data.override_library is not None


def _has_foreign_map(obj: bpy.types.Object) -> bool:
    texture, image = map_image.live_texture(obj), map_image.find_image(obj)
    return any(data is not None and _is_foreign(data) for data in (texture, image))


def _older_faces(obj: bpy.types.Object) -> list[bpy.types.Object]:
    return [other for other in slider_values.faces() if other.session_uid < obj.session_uid]


def _shared_mesh(obj: bpy.types.Object) -> bool:
    return obj.data.users > 1 and any(other.data == obj.data for other in _older_faces(obj))


def _shared_map(obj: bpy.types.Object) -> bool:
    texture = map_image.live_texture(obj)
    image = map_image.find_image(obj)
    # Both are cheap to ask, and without another user there is no need to look at every face.
    if texture is None or (texture.users < 2 and (image is None or image.users < 3)):
        return False
    for other in _older_faces(obj):
        same_texture = map_image.live_texture(other) == texture
        if same_texture or (image is not None and map_image.find_image(other) == image):
            return True
    return False


def give_own_data(obj: bpy.types.Object) -> None:
    """Copy mesh, map and the materials that belong to one face."""
    if _is_foreign(obj.data) or _shared_mesh(obj):
        mesh = obj.data.copy()
        if mesh.override_library is not None:
            mesh.make_local(clear_liboverride=True)
        obj.data = mesh
        armature = posing.board_of(obj)
        if armature is not None:
            posing.retarget(obj, armature)
    if _has_foreign_map(obj) or _shared_map(obj):
        _give_own_map(obj)
    materials.give_own(obj)
    data_name = obj.name
    obj.data.name = data_name
    texture, image = map_image.live_texture(obj), map_image.find_image(obj)
    for part in (texture, image):
        if part is not None:
            part.name = f"{names.DETAIL} {data_name}"


def _give_own_map(obj: bpy.types.Object) -> None:
    shared, image = map_image.live_texture(obj), map_image.find_image(obj)
    if shared is None:
        return
    texture = shared.copy()
    if image is not None and isinstance(texture, bpy.types.ImageTexture):
        copy = map_image.copy_of(image)
        map_state.copied(image, copy)
        texture.image = copy
    modifier = map_image.displace_modifier(obj)
    if map_image.is_baked(obj):  # The sequence on disk serves both.
        getattr(obj, names.SEQUENCE).live_texture = texture
    elif modifier is not None:
        modifier.texture = texture
