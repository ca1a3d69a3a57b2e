"""A face's maps over time on disk: its sliders at every frame, its files, and the sequence in place of the live map."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ....core.backend.requests import MapRequest
from ....core.batch import sequence as files
from ....core.batch.sequence import Sequence
from ....core.errors import DnpmError
from .. import compat, names
from ..face import models, slider_values
from ..look import materials, skin_material
from . import controls, live, map_image

SLICE_S = 0.05
"""Frames are gone through for so long between two looks at the artist's keys."""


def sample(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range
) -> Generator[float, None, dict[int, MapRequest]]:
    """The sliders at every frame, as whatever animates them makes them; else as `through`."""
    model, uid, name = models.model_of(face), face.session_uid, face.name

    def read(graph: bpy.types.Depsgraph) -> MapRequest:
        found = slider_values.still_there(uid, name)
        request = MapRequest(
            identity=slider_values.identity_vector(found, graph),
            expression=slider_values.expression_vector(found, model, graph),
        )
        return controls.added_to(request, found, graph)

    return through(face, scene, frames, read)


def through(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range, read: Callable[[bpy.types.Depsgraph], Any]
) -> Generator[float, None, dict[int, Any]]:
    """What `read` finds at every frame. Yields the share done.

    The scene goes through the frames, without the modifiers that make that slow, and is put back when this ends or is
    closed; the artist's work has to wait meanwhile. Raises what `read` raises.
    """
    found = {}
    with slider_values.suppress_frame_updates(), _light(face), _frame_kept(scene):
        until = time.monotonic() + SLICE_S
        for k, frame in enumerate(frames):
            scene.frame_set(frame)
            found[frame] = read(bpy.context.evaluated_depsgraph_get())
            if time.monotonic() > until:
                yield k / len(frames)
                until = time.monotonic() + SLICE_S
    return found


@contextmanager
def _light(face: bpy.types.Object) -> Iterator[None]:
    """Inside, the face is drawn without its modifiers: a frame takes milliseconds."""
    uid = face.session_uid
    shown = {modifier.name: modifier.show_viewport for modifier in face.modifiers}
    for modifier in face.modifiers:
        modifier.show_viewport = False
    try:
        yield
    finally:
        found = slider_values.find(uid)  # It may have been deleted meanwhile.
        for modifier in found.modifiers if found is not None else ():
            modifier.show_viewport = shown.get(modifier.name, modifier.show_viewport)


@contextmanager
def _frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


_PROCESS = secrets.token_hex(8)
"""Tells the faces of unsaved files from those that another Blender bakes into the same folder."""


def stem(face: bpy.types.Object, folder: Path) -> str:
    """The stem of this face's files in a folder: the same for the same object of the same .blend, and no other's."""
    if bpy.data.filepath:
        blend = Path(bpy.data.filepath)
        # Relative, so that both can be moved together.
        near = os.path.relpath(blend, folder) if compat.same_drive(blend, str(folder)) else blend
        owner = f"{Path(near).as_posix()}\n{face.name}"
    else:
        owner = f"{_PROCESS}\n{face.session_uid}"
    shown = [_shown_files(other) for other in bpy.data.objects if other != face and slider_values.is_face(other)]
    return files.stem_of(face.name, owner, [one[1] for one in shown if one is not None and _same(one[0], folder)])


def earlier(face: bpy.types.Object, folder: Path, form: str) -> list[Sequence]:
    """Where maps of this face may lie already, under another stem: what it shows (baked from another .blend, under
    another name), and what the first version baked. They are read and never written."""
    places = [(folder, files.first_stem(face.name))]
    shown = _shown_files(face)
    if shown is not None:
        places.insert(0, shown)
    return [files.known_sequence(place, form, found) for place, found in places]


def _shown_files(face: bpy.types.Object) -> tuple[Path, str] | None:
    """Folder and stem of the sequence that a face shows; None where it shows its live map."""
    image = map_image.shown_image(face) if map_image.is_baked(face) else None
    if image is None:
        return None
    file = Path(bpy.path.abspath(image.filepath, library=image.library))
    found = files.stem_of_file(file)
    return None if found is None else (file.parent, found)


def _same(one: Path, other: Path) -> bool:
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def show(face: bpy.types.Object, sequence: Sequence, frames: range) -> None:
    """Let modifier and skin read the sequence, also where this extension is not installed; the live map is put aside.

    Raises DnpmError when modifier, texture or live map was deleted meanwhile, and RuntimeError when Blender cannot read
    the first file; with all as it was.
    """
    group, modifier = getattr(face, names.SEQUENCE), map_image.displace_modifier(face)
    map_image.image_of(face)
    if modifier is None or modifier.texture is None:
        raise DnpmError(f"{face.name}: its Displace modifier was deleted: press Repair Face")
    image = _load(sequence.path(frames[0]))
    # Baked before, its texture goes on being used, unless the artist has put another kind there, or it is linked.
    texture = modifier.texture if map_image.is_baked(face) else None
    if not map_image.is_baked(face):
        group.live_texture = modifier.texture
    if not isinstance(texture, bpy.types.ImageTexture) or texture.library is not None:
        texture = map_image.new_texture(f"{names.DETAIL} {face.name} baked", image)
    texture.image = image
    _set_user(texture.image_user, frames)
    group.is_png = sequence.form == "PNG16"
    modifier.texture = texture
    map_image.update_strength(face)
    materials.link_map(face)
    for material in materials.own(face):
        for node in material.node_tree.nodes:
            if node.type == "TEX_IMAGE" and node.name.startswith(skin_material.MAP):
                _set_user(node.image_user, frames)
    texture.update_tag()
    face.update_tag()


def hide(face: bpy.types.Object) -> None:
    """Back to the live map; the files stay on disk."""
    modifier = map_image.displace_modifier(face)
    texture, image = modifier.texture if modifier is not None else None, map_image.shown_image(face)
    map_image.leave_sequence(face)
    materials.link_map(face)
    if texture is not None and texture.users == 0:
        bpy.data.textures.remove(texture)
    if image is not None and image.source == "SEQUENCE" and image.users == 0:
        bpy.data.images.remove(image)
    live.restore(face)


def _load(path: Path) -> bpy.types.Image:
    """The sequence that begins with this file; relative to the .blend, so that both can be moved together."""
    shown = (
        bpy.path.relpath(str(path)) if bpy.data.filepath and compat.same_drive(path, bpy.data.filepath) else str(path)
    )
    known = [
        image
        for image in bpy.data.images
        # A linked image's path is relative to its own file.
        if image.source == "SEQUENCE" and image.filepath == shown and image.library is None
    ]
    image = known[0] if known else bpy.data.images.load(shown)
    if known:
        image.reload()
        return image
    image.source = "SEQUENCE"
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    return image


def _set_user(user: bpy.types.ImageUser, frames: range) -> None:
    """A frame of the scene shows the file of the same number; after the last one that is held."""
    user.frame_start, user.frame_duration = frames[0], len(frames)
    user.frame_offset = frames[0] - 1
    user.use_cyclic = False
    user.use_auto_refresh = True
