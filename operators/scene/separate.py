"""A duplicated face shares its parts with the original: here it gets its own, so that each has its own sliders and map.

Shift-D copies the mesh but neither the map's texture and image nor the materials; Alt-D copies not even the mesh, on
which the expression sliders (the shape keys) sit.
"""

from __future__ import annotations

import bpy

from . import detail_image, materials, names, state, tracks


def needs_own_data(obj: bpy.types.Object) -> bool:
    """Whether another face of this file uses this one's mesh or map, and was there before it."""
    return _shared_mesh(obj) or _shared_map(obj)


def _older_faces(obj: bpy.types.Object) -> list[bpy.types.Object]:
    return [other for other in state.faces() if other.session_uid < obj.session_uid]


def _shared_mesh(obj: bpy.types.Object) -> bool:
    return obj.data.users > 1 and any(other.data == obj.data for other in _older_faces(obj))


def _shared_map(obj: bpy.types.Object) -> bool:
    texture = detail_image.live_texture(obj)
    image = detail_image.find_image(obj)
    # Both are cheap to ask, and without another user there is no need to look at every face.
    if texture is None or (texture.users < 2 and (image is None or image.users < 3)):
        return False
    for other in _older_faces(obj):
        same_texture = detail_image.live_texture(other) == texture
        if same_texture or (image is not None and detail_image.find_image(other) == image):
            return True
    return False


def give_own_data(obj: bpy.types.Object) -> None:
    """Copy mesh, map and the materials that belong to one face."""
    if _shared_mesh(obj):
        obj.data = obj.data.copy()
    if _shared_map(obj):
        _give_own_map(obj)
        materials.give_own(obj)
    data_name = obj.name
    obj.data.name = data_name
    texture, image = detail_image.live_texture(obj), detail_image.find_image(obj)
    for part in (texture, image):
        if part is not None:
            part.name = f"{names.DETAIL} {data_name}"


def _give_own_map(obj: bpy.types.Object) -> None:
    shared, image = detail_image.live_texture(obj), detail_image.find_image(obj)
    if shared is None:
        return
    texture = shared.copy()
    if image is not None and isinstance(texture, bpy.types.ImageTexture):
        copy = detail_image.copy_of(image)
        tracks.copied(image, copy)
        texture.image = copy
    modifier = detail_image.displace_modifier(obj)
    if detail_image.is_baked(obj):  # The sequence on disk serves both.
        getattr(obj, names.SEQUENCE).live_texture = texture
    elif modifier is not None:
        modifier.texture = texture
