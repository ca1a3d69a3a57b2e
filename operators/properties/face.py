"""A face's own properties, kept in the .blend: its identity sliders and how its detail is shown."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.face_model.looks import AMOUNT_LIMIT, DEFAULT_LOOK, DEFAULT_TONE, HAIRS, TONES, TONES_HAIR
from ...core.face_model.presets import IDENTITY_LIMIT, STRENGTH_LIMIT
from ..scene import compat, names, registration
from ..scene.board import boards
from ..scene.detail import live, map_image
from ..scene.face import pairs, slider_values
from ..scene.look import looks, materials


def _identity_changed(item: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if not slider_values.updates_suppressed():
        with live.as_drag(item.id_data) as is_drag:
            live.on_sliders_changed(item.id_data, dragged=is_drag and compat.is_by_button(context))


def _strength_changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    map_image.update_strength(group.id_data)
    materials.update_strength(group.id_data)
    live.on_sliders_changed(group.id_data)


def _detail_changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    live.on_sliders_changed(group.id_data)


def _sources_changed(item: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if slider_values.is_face(item.id_data):
        live.on_sliders_changed(item.id_data)


def _board_changed(group: FaceProperties, context: bpy.types.Context) -> None:
    boards.set_drives(group.id_data, on=group.board_drives)


def _look_changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    looks.on_look_changed(group.id_data)


def _amount(name: str, description: str, default: float, soft_max: float = 1.0) -> Any:
    """A slider of the look."""
    return bpy.props.FloatProperty(
        name=name,
        description=description,
        default=default,
        min=0.0,
        max=AMOUNT_LIMIT,
        soft_max=soft_max,
        step=5,
        update=_look_changed,
    )


_TONES = [(name, name.capitalize(), f"Skin tone {k + 1} of {len(TONES)}") for k, name in enumerate(TONES)]
_HAIRS = [(TONES_HAIR, "As Skin Tone", "The colour that is most common with the skin tone")] + [
    (name, name.replace("_", " ").title(), "Colour of brows, stubble and cropped hair") for name in HAIRS
]


class IdentityValue(bpy.types.PropertyGroup):
    """One identity slider; `name` is what the component does."""

    value: bpy.props.FloatProperty(
        name="Value",
        description="This component of the person, in standard deviations from the average",
        soft_min=-3.0,
        soft_max=3.0,
        min=-IDENTITY_LIMIT,
        max=IDENTITY_LIMIT,
        step=5,
        precision=2,
        update=_identity_changed,
    )
    locked: bpy.props.BoolProperty(
        name="Locked",
        description="Keep this slider when a photo is fitted or a random person is made",
        default=False,
        options=set(),
    )


def _linked_value(item: LinkedValue) -> float:
    keys = item.id_data.data.shape_keys
    block = keys.key_blocks.get(item.name) if keys is not None else None
    return block.value if block is not None else 0.0


def _set_linked_value(item: LinkedValue, value: float) -> None:
    keys = item.id_data.data.shape_keys
    for name in filter(None, (item.name, pairs.partner(item.name))):
        if keys is not None and name in keys.key_blocks:
            keys.key_blocks[name].value = value


class LinkedValue(bpy.types.PropertyGroup):
    """One slider for both sides; `name` is the right side's shape key. It holds nothing itself."""

    value: bpy.props.FloatProperty(
        name="Both Sides",
        description="Move this expression on both sides of the face. To animate them, switch Link Left and Right off, "
        "or press Key Expression",
        min=0.0,
        max=1.0,
        precision=3,
        get=_linked_value,
        set=_set_linked_value,
        options=set(),
    )


class ExpressionSource(bpy.types.PropertyGroup):
    """What drives one expression of a head of another program; `name` is its shape key, or a title."""

    expression: bpy.props.StringProperty(
        name="Expression", description="ARKit's name of the expression that it drives", update=_sources_changed
    )
    weight: bpy.props.FloatProperty(
        name="Weight",
        description="How much of the expression the source stands for at 1; several sources add up",
        default=1.0,
        soft_min=-1.0,
        soft_max=1.0,
        update=_sources_changed,
    )
    owner: bpy.props.PointerProperty(
        type=bpy.types.Object,
        name="Object",
        description="Whose number the data path names; empty for the head itself",
        update=_sources_changed,
    )
    data_path: bpy.props.StringProperty(
        name="Data Path",
        description='A number of the object, such as ["smile"] or pose.bones["brow.L"].location[1]; empty for the '
        "shape key",
        update=_sources_changed,
    )


class RigChannel(bpy.types.PropertyGroup):
    """A number of a rig that was measured, which drives a head of another program; `name` is a title."""

    owner: bpy.props.PointerProperty(type=bpy.types.Object, options={"HIDDEN"})
    data_path: bpy.props.StringProperty(options={"HIDDEN"})
    rest: bpy.props.FloatProperty(options={"HIDDEN"})


class FaceProperties(bpy.types.PropertyGroup):
    """What makes an object a DNPM face."""

    is_face: bpy.props.BoolProperty(options={"HIDDEN"})
    detail_only: bpy.props.BoolProperty(options={"HIDDEN"})
    sources: bpy.props.CollectionProperty(type=ExpressionSource)
    active_source: bpy.props.IntProperty(options={"HIDDEN"})
    rig_channels: bpy.props.CollectionProperty(type=RigChannel)
    rig_reading: bpy.props.StringProperty(options={"HIDDEN"})
    fit_report: bpy.props.StringProperty(options={"HIDDEN"})
    bump_scale: bpy.props.FloatProperty(default=1.0, options={"HIDDEN"})
    model: bpy.props.StringProperty(options={"HIDDEN"})
    fingerprint: bpy.props.StringProperty(options={"HIDDEN"})
    resting_level: bpy.props.IntProperty(
        description="The viewport's level of subdivision while a drag has lowered it; -1: none has",
        default=-1,
        options={"HIDDEN"},
    )
    unit_scale: bpy.props.FloatProperty(default=1.0, options={"HIDDEN"})
    identity: bpy.props.CollectionProperty(type=IdentityValue)
    linked: bpy.props.CollectionProperty(type=LinkedValue)
    tone: bpy.props.EnumProperty(
        name="Skin Tone",
        description="Colour of the skin and the lips, from light to dark",
        items=_TONES,
        default=DEFAULT_TONE,
        update=_look_changed,
    )
    flush: _amount("Redness", "How red cheeks, nose and lids are", DEFAULT_LOOK.flush)
    brow_width: _amount("Brow Width", "How wide the painted brows are", DEFAULT_LOOK.brow_width, AMOUNT_LIMIT)
    brow_arch: _amount("Brow Arch", "How arched the painted brows are", DEFAULT_LOOK.brow_arch, AMOUNT_LIMIT)
    brows: _amount("Brows", "How dark the painted brows are; 0 leaves room for brows of hair", DEFAULT_LOOK.brows)
    freckles: _amount("Freckles", "How freckled nose and cheeks are", DEFAULT_LOOK.freckles)
    stubble: _amount("Stubble", "How much of a shaved beard shows", DEFAULT_LOOK.stubble)
    hair: _amount("Cropped Hair", "How much closely cropped hair shows on the scalp, as colour", DEFAULT_LOOK.hair)
    hair_colour: bpy.props.EnumProperty(
        name="Hair Colour",
        description="Colour of brows, stubble and cropped hair",
        items=_HAIRS,
        default=TONES_HAIR,
        update=_look_changed,
    )
    iris: bpy.props.FloatVectorProperty(
        name="Iris",
        description="Colour of the eyes' irises",
        subtype="COLOR",
        size=3,
        min=0.0,
        max=1.0,
        default=DEFAULT_LOOK.iris,
        update=_look_changed,
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How strong the wrinkles and pores are: 0 is the smooth face, 1 as the network made them",
        default=1.0,
        min=0.0,
        max=STRENGTH_LIMIT,
        soft_max=2.0,
        step=5,
        update=_strength_changed,
    )
    live: bpy.props.BoolProperty(
        name="Live",
        description="Recompute the detail whenever a slider moves",
        default=True,
        update=_detail_changed,
    )
    preview_size: bpy.props.EnumProperty(
        name="Preview",
        description="Size of the map while a slider is dragged: smaller is quicker",
        items=[(str(n), f"{n} x {n}", f"{n} pixels a side") for n in (128, 256, 512, 1024)],
        default="256",
    )
    full_on_release: bpy.props.BoolProperty(
        name="Full on Release",
        description="Compute the whole map of 1024 x 1024 pixels when the slider is let go",
        default=True,
        update=_detail_changed,
    )
    on_playback: bpy.props.BoolProperty(
        name="Follow Playback",
        description="Compute the detail for every frame that is played, too. Renders always have it",
        default=False,
    )
    link_sides: bpy.props.BoolProperty(
        name="Link Left and Right",
        description="Show one slider for both sides of the face; without, each side has its own",
        default=True,
    )
    board: bpy.props.PointerProperty(type=bpy.types.Object, options={"HIDDEN"})
    board_drives: bpy.props.BoolProperty(
        name="Board Moves Face",
        description="Let the face board move the expressions. Off, keyframes and sliders of the face do",
        default=False,
        options=set(),
        update=_board_changed,
    )
    frozen: bpy.props.BoolProperty(
        name="Frozen",
        description="Keep the map as it is, whatever the sliders do",
        default=False,
        update=_detail_changed,
    )


CLASSES = (IdentityValue, LinkedValue, ExpressionSource, RigChannel, FaceProperties)


_STEPS = registration.with_property(CLASSES, names.FACE, FaceProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
