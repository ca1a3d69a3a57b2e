"""A face's look in Blender: its properties, the paint that is made of them, and the material's colours.

The paint is an image of the file, shared by the faces whose models and looks are the same (`paint_key`), so that an
artist may paint on it. A look that changes gets another image; the old one goes, unless somebody painted on it.
"""

from __future__ import annotations

import hashlib
import time

import bpy
import numpy as np

from ....core.face_model.looks import AMOUNTS, TONES, Look
from ....core.face_model.model import FaceModel
from ....core.face_model.skin_paint import paint_key, skin_paint
from .. import compat, names
from ..detail import map_image
from ..face import models, slider_values
from ..photo import photo_colour
from . import eye_material, materials, skin_material

PAINT = "DNPM Skin Paint"
"""What the images' names begin with."""
KEY, PIXELS = "dnpm_paint", "dnpm_paint_pixels"
"""On such an image: its paint_key, and the digest of the pixels as they were painted."""
QUIET_S = 0.15
"""A slider that rested so long is let go: painting takes a third of a second."""

_changed: dict[int, float] = {}


def look_of(obj: bpy.types.Object) -> Look:
    """What the face's properties say."""
    face = getattr(obj, names.FACE)
    amounts = {name: float(getattr(face, name)) for name in AMOUNTS}
    return Look(tone=face.tone, hair_colour=face.hair_colour, iris=tuple(face.iris), **amounts)


def set_look(obj: bpy.types.Object, look: Look, *, later: bool = False) -> None:
    """Write the properties, and paint: at once, or (`later`, with a window) after it was drawn without.

    Raises DnpmError when another face model is loaded.
    """
    face = getattr(obj, names.FACE)
    with slider_values.suppress_updates():
        face.tone, face.hair_colour, face.iris = look.tone, look.hair_colour, look.iris
        for name in AMOUNTS:
            setattr(face, name, getattr(look, name))
    later = later and not compat.in_background()
    apply(obj, paints=not later)
    if later:
        on_look_changed(obj)


def apply(obj: bpy.types.Object, *, paints: bool = True) -> bool:
    """Bring the materials up to the face's look; returns whether the paint was another's.

    Nodes that the artist removed are left out; without `paints` the paint stays as it is. Raises DnpmError when another
    face model is loaded.
    """
    look, changed = look_of(obj), False
    colour: tuple[float, ...] = skin_material.linear(TONES[look.tone].base)
    _changed.pop(obj.session_uid, None)
    for material in materials.own(obj):
        tree = material.node_tree
        eye_material.set_iris(tree, look.iris)
        skin_material.set_tone(tree, look)
        photo_colour.retint(tree, look)
        if material[names.MATERIAL_KIND] == "iris":
            material.diffuse_color = (*look.iris, 1.0)
        if material[names.MATERIAL_KIND] == "skin":
            colour = photo_colour.in_solid(tree) or colour
            material.diffuse_color = skin_material.for_solid(colour)
        node = tree.nodes.get(skin_material.PAINT)
        if node is None or not paints:
            continue
        model = models.model_of(obj)
        old = node.image
        if old is None or old.get(KEY) != paint_key(model, look):
            node.image = paint_image(model, look)
            changed = True
            if old is not None:
                _let_go(old)
    materials.tint_lashes(obj, skin_material.for_solid(colour))
    return changed


def on_look_changed(obj: bpy.types.Object) -> None:
    """A slider of the look was moved: paint once it rests. In background mode, where timers need not fire, at once."""
    if slider_values.updates_suppressed():
        return
    if compat.in_background():
        apply(obj)
        return
    _changed[obj.session_uid] = time.monotonic()
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=QUIET_S)


def tick() -> float | None:
    """The timer: paints the faces whose sliders rest, and ends when there is none left."""
    for uid, moved in list(_changed.items()):
        obj = slider_values.find(uid)
        if obj is None:
            del _changed[uid]
        elif time.monotonic() - moved >= QUIET_S:
            apply(obj)
    return QUIET_S / 3 if _changed else None


def finish() -> None:
    """Paint now what waits for its sliders to rest: the file is saved, or rendered."""
    for uid in list(_changed):
        obj = slider_values.find(uid)
        if obj is None:
            del _changed[uid]
        else:
            apply(obj)


def forget() -> None:
    """Another file, or the extension is switched off."""
    _changed.clear()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def paint_image(model: FaceModel, look: Look) -> bpy.types.Image:
    """The packed image of this model's and look's paint: the file's own, else a new one."""
    key = paint_key(model, look)
    for image in bpy.data.images:
        if image.get(KEY) == key and image.size[0] > 0:
            return image
    paint = skin_paint(model, look)[::-1]
    image = bpy.data.images.new(f"{PAINT} {look.tone}", paint.shape[1], paint.shape[0], alpha=True)
    image.alpha_mode = "STRAIGHT"
    image.pixels.foreach_set(np.ascontiguousarray(paint, np.float32).ravel())
    image.update()
    image.pack()
    image[KEY], image[PIXELS] = key, _pixel_digest(image)
    return image


def _let_go(image: bpy.types.Image) -> None:
    """Free a paint that no face shows any more; one that an artist changed stays in the file."""
    if image.users or image.get(KEY) is None:
        return
    if image.get(PIXELS) == _pixel_digest(image):
        bpy.data.images.remove(image)
    else:
        image.use_fake_user = True


def _pixel_digest(image: bpy.types.Image) -> str:
    return hashlib.blake2b(map_image.raw_pixels(image).tobytes(), digest_size=12).hexdigest()
