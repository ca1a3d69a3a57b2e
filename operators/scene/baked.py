"""A face's maps over time on disk: which sliders it has at every frame, and the sequence in place of the live map."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ...core.batch.sequence import Sequence
from . import compat, controls, detail_image, live, materials, models, names, skin_material, state

SLICE_S = 0.05
"""Frames are gone through for so long between two looks at the artist's keys."""


def sample(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range
) -> Generator[float, None, dict[int, live.Wish]]:
    """The sliders at every frame, as whatever animates them makes them; else as `through`."""
    model, uid = models.model_of(face), face.session_uid

    def read(graph: bpy.types.Depsgraph) -> live.Wish:
        found = state.find(uid)
        values = state.identity_vector(found, graph), state.expression_vector(found, model, graph)
        return live.Wish(*values, controls.read(found, graph))

    return through(face, scene, frames, read)


def through(
    face: bpy.types.Object, scene: bpy.types.Scene, frames: range, read: Callable[[bpy.types.Depsgraph], Any]
) -> Generator[float, None, dict[int, Any]]:
    """What `read` finds at every frame. Yields the share done.

    The scene goes through the frames, without the modifiers that make that slow, and is put back when this ends or is
    closed; the artist's work has to wait meanwhile. Raises what `read` raises.
    """
    found = {}
    with state.paused(), _light(face), _frame_kept(scene):
        until = time.monotonic() + SLICE_S
        for k, frame in enumerate(frames):
            scene.frame_set(frame)
            found[frame] = read(bpy.context.evaluated_depsgraph_get())
            if time.monotonic() > until:
                yield k / len(frames)
                until = time.monotonic() + SLICE_S
    return found


@contextmanager
def _light(face: bpy.types.Object):
    """Inside, the face is drawn without its modifiers: a frame takes milliseconds."""
    shown = {modifier.name: modifier.show_viewport for modifier in face.modifiers}
    for modifier in face.modifiers:
        modifier.show_viewport = False
    try:
        yield
    finally:
        for name, value in shown.items():
            if name in face.modifiers:
                face.modifiers[name].show_viewport = value


@contextmanager
def _frame_kept(scene: bpy.types.Scene):
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


def show(face: bpy.types.Object, sequence: Sequence, frames: range) -> None:
    """Let modifier and skin read the sequence, also where this extension is not installed; the live map is put aside.

    Raises RuntimeError when Blender cannot read the first file, with all as it was.
    """
    group, modifier = getattr(face, names.SEQUENCE), detail_image.displace_modifier(face)
    image = _load(sequence.path(frames[0]))
    name = f"{names.DETAIL} {face.name} baked"
    texture = modifier.texture if detail_image.is_baked(face) else detail_image.new_texture(name, image)
    if not detail_image.is_baked(face):
        group.live_texture = modifier.texture
    texture.image = image
    _set_user(texture.image_user, frames)
    group.is_png = sequence.form == "PNG16"
    modifier.texture = texture
    detail_image.update_strength(face)
    materials.link_map(face)
    for material in materials.own(face):
        for node in material.node_tree.nodes:
            if node.type == "TEX_IMAGE" and node.name.startswith(skin_material.MAP):
                _set_user(node.image_user, frames)
    texture.update_tag()
    face.update_tag()


def hide(face: bpy.types.Object) -> None:
    """Back to the live map; the files stay on disk."""
    modifier = detail_image.displace_modifier(face)
    texture, image = modifier.texture if modifier is not None else None, detail_image.shown_image(face)
    detail_image.leave_sequence(face)
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
    known = [image for image in bpy.data.images if image.source == "SEQUENCE" and image.filepath == shown]
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
