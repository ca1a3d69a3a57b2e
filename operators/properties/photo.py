"""Photos of a face's person: which ones, what stays, how much of them shows."""

from __future__ import annotations

import bpy

from ...core.photo.choices import TRUST, WRINKLES
from ..scene import compat, names, registration
from ..scene.detail import live
from ..scene.face import slider_values
from ..scene.photo import photo_colour


def _detail_changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if slider_values.is_face(group.id_data):
        live.on_sliders_changed(group.id_data)


def _colour_changed(group: PhotoProperties, context: bpy.types.Context) -> None:
    photo_colour.set_amount(group.id_data, group.colour)


class PhotoItem(bpy.types.PropertyGroup):
    """One photo of the face's person."""

    name: bpy.props.StringProperty(description="The photo's file", options={"HIDDEN"})
    image: bpy.props.PointerProperty(type=bpy.types.Image, options={"HIDDEN"})
    camera: bpy.props.PointerProperty(type=bpy.types.Object, options={"HIDDEN"})
    size: bpy.props.IntVectorProperty(size=2, options={"HIDDEN"})
    error: bpy.props.FloatProperty(options={"HIDDEN"})


class PhotoProperties(bpy.types.PropertyGroup):
    """How a face is made from photos, and what they left on it."""

    source: bpy.props.EnumProperty(
        name="From",
        description="Where the photo is",
        items=[("FILE", "File", "A picture's file"), ("IMAGE", "Image", "An image of this .blend")],
        options=set(),
    )
    filepath: bpy.props.StringProperty(
        name="Photo", description="The photo's file; empty: you are asked for it", subtype="FILE_PATH",
        options=compat.RELATIVE_PATH,
    )  # fmt: skip
    image: bpy.props.PointerProperty(name="Image", description="An image of this .blend", type=bpy.types.Image)
    which: bpy.props.IntProperty(
        name="Face", description="Which of the photo's faces: 1 is the largest", default=1, min=1, max=20, options=set()
    )
    refine: bpy.props.IntProperty(
        name="Refine",
        description="Steps of fitting the detail to the photo's rough map: slower, but closer to it",
        default=0, min=0, max=300, options=set(),
    )  # fmt: skip
    keep_identity: bpy.props.BoolProperty(
        name="Identity",
        description="Keep who the face is: only the expression is fitted. Single sliders are kept by the lock beside "
        "them in the Identity panel",
        options=set(),
    )
    keep_expression: bpy.props.BoolProperty(
        name="Expression",
        description="Keep what the face does. Single ones are kept by the lock in the list of shape keys",
        options=set(),
    )
    match_tone: bpy.props.BoolProperty(
        name="Skin Tone", description="Choose the skin tone that is next to the photo's", default=True, options=set()
    )
    match_iris: bpy.props.BoolProperty(
        name="Eye Colour",
        description="Give the irises the photo's colour, roughly freed of the room's light by the white of the eyes. "
        "Where lids hide the irises, or they are small or blurred, they stay as they are",
        default=True, options=set(),
    )  # fmt: skip
    add_camera: bpy.props.BoolProperty(
        name="Camera",
        description="Add a camera that sees the face as the photo's did, with the photo behind it; it "
        "becomes the scene's",
        default=True, options=set(),
    )  # fmt: skip
    match_render: bpy.props.BoolProperty(
        name="Render Size", description="Give renders the photo's shape, so that face and photo cover each other",
        default=True, options=set(),
    )  # fmt: skip
    amount: bpy.props.FloatProperty(
        name="Photo's Detail",
        description="How far the photo's own detail replaces what the sliders would give: 0 the sliders alone, 1 the "
        "photo alone. What a small or blurred photo does not show is guessed",
        default=TRUST, min=0.0, max=1.5, soft_max=1.0, step=5, update=_detail_changed,
    )  # fmt: skip
    wrinkles: bpy.props.FloatProperty(
        name="Photo's Wrinkles",
        description="Strength of the lines that a sharp photo shows and the sliders do not know: 0 none, 1 as they "
        "are, 2 twice as deep. They stay on the skin whatever the sliders do",
        default=WRINKLES, min=0.0, max=2.0, step=5, update=_detail_changed,
    )  # fmt: skip
    colour: bpy.props.FloatProperty(
        name="Photo's Colours",
        description="How much of the photo's colours the skin has; the photo's light is roughly taken out of them",
        default=1.0, min=0.0, max=1.0, step=5, update=_colour_changed,
    )  # fmt: skip
    offset: bpy.props.StringProperty(options={"HIDDEN"})
    relief: bpy.props.StringProperty(options={"HIDDEN"})
    corrective: bpy.props.StringProperty(options={"HIDDEN"})
    colours: bpy.props.StringProperty(options={"HIDDEN"})
    texture: bpy.props.PointerProperty(type=bpy.types.Image, options={"HIDDEN"})
    skin: bpy.props.FloatVectorProperty(size=3, min=0.0, max=1.0, options={"HIDDEN"})
    photos: bpy.props.CollectionProperty(
        type=PhotoItem, override={"LIBRARY_OVERRIDABLE", "NO_PROPERTY_NAME", "USE_INSERTION"}
    )


_STEPS = registration.with_property((PhotoItem, PhotoProperties), names.PHOTO, PhotoProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
