"""Where and how a face's maps are baked."""

from __future__ import annotations

import bpy

from ..scene import compat, names, registration


class SequenceProperties(bpy.types.PropertyGroup):
    """Where and how a face's maps are baked, and what stands aside while they are shown."""

    folder: bpy.props.StringProperty(
        name="Folder", description="Folder for the maps; // is the folder of the .blend", subtype="DIR_PATH",
        default="//dnpm_detail", options=compat.RELATIVE_PATH,
    )  # fmt: skip
    frames: bpy.props.EnumProperty(
        name="Frames",
        description="Which frames are baked",
        items=[("SCENE", "Scene", "The scene's range"), ("RANGE", "Range", "A range of your choice")],
        options=set(),
    )
    first: bpy.props.IntProperty(name="First", description="First frame", default=1, min=0, options=set())
    last: bpy.props.IntProperty(name="Last", description="Last frame", default=250, min=0, options=set())
    form: bpy.props.EnumProperty(
        name="Format",
        description="How the maps are written",
        items=[
            ("EXR16", "EXR, Half Float", "Millimetres; exact to half a micrometre, small files"),
            ("EXR32", "EXR, Full Float", "Millimetres, as they were computed"),
            ("PNG16", "PNG, 16 Bit", "-2 to 2 mm in grey, the middle grey is 0; for programs that read no EXR"),
        ],
        options=set(),
    )
    size: bpy.props.EnumProperty(
        name="Size",
        description="Size of the maps",
        items=[(str(n), f"{n} x {n}", f"{n} pixels a side") for n in (256, 512, 1024)],
        default="1024", options=set(),
    )  # fmt: skip
    live_texture: bpy.props.PointerProperty(type=bpy.types.Texture, options={"HIDDEN"})
    is_png: bpy.props.BoolProperty(options={"HIDDEN"})


_STEPS = registration.with_property((SequenceProperties,), names.SEQUENCE, SequenceProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
