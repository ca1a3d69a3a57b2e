"""The Speech panel: a sound to the face's motion, captures in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import DnpmError
from ..core.speech.card import CARD, speakers
from ..core.speech.formats import READ
from ..operators.scene import compat, names, registration, settings, sounds

_MAX_SEED = 2**31 - 1


def _strength(label: str, description: str) -> Any:
    return bpy.props.FloatProperty(
        name=label, description=description, default=1.0, min=0.0, max=3.0, soft_max=2.0, step=5, options=set()
    )


def _amount(label: str, description: str, default: float = 0.0) -> Any:
    return bpy.props.FloatProperty(
        name=label, description=description, default=default, min=0.0, max=1.0, step=5, options=set()
    )


def _styles(group: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    """What can be chosen: the styles of the weights that the worker uses."""
    chosen = settings.current().weights
    return list(speakers(chosen if chosen and Path(chosen, CARD).is_file() else None))


class SpeechProperties(bpy.types.PropertyGroup):
    """How sound is made into this face's motion."""

    source: bpy.props.EnumProperty(
        name="Sound from",
        description="Where the sound comes from",
        items=[
            ("FILE", "File", f"A sound file: {READ}"),
            ("STRIP", "Strips", "The sequencer's selected sound strips, where they stand and as they are trimmed"),
        ],
        options=set(),
    )
    sound: bpy.props.StringProperty(
        name="File",
        description=f"Sound file: {READ}",
        subtype="FILE_PATH",
        options=compat.RELATIVE_PATH,
    )
    skip: bpy.props.FloatProperty(
        name="Skip", description="Seconds of the file that are left out at its begin", min=0.0, unit="TIME_ABSOLUTE",
        options=set(),
    )  # fmt: skip
    length: bpy.props.FloatProperty(
        name="Length", description="Seconds of the file that are used. 0: to its end", min=0.0, unit="TIME_ABSOLUTE",
        options=set(),
    )  # fmt: skip
    start: bpy.props.EnumProperty(
        name="Start",
        description="The frame at which the sound begins",
        items=[
            ("SCENE", "First Frame", "The scene's first frame"),
            ("CURRENT", "Current Frame", "The frame that is shown"),
            ("FRAME", "Frame", "A frame of your choice"),
        ],
        options=set(),
    )
    frame: bpy.props.IntProperty(
        name="Frame", description="The frame at which the sound begins", default=1, options=set()
    )
    offset: bpy.props.FloatProperty(
        name="Offset",
        description="Seconds by which the face moves later (or earlier, below 0) than the sound",
        min=-10.0, max=10.0, soft_min=-0.5, soft_max=0.5, step=1, precision=3, options=set(),
    )  # fmt: skip
    target: bpy.props.EnumProperty(
        name="Into",
        description="Where the keyframes go",
        items=[
            ("ACTION", "New Action", "In place of what moved the expressions before, which stays in the file"),
            ("LAYER", "NLA Strip", "On top of what moves the expressions already; sliders that do not move are left "
             "to it"),
        ],
        options=set(),
    )  # fmt: skip
    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no slider gets further from its curve than this. 0: one a frame",
        default=0.002, min=0.0, max=0.1, step=0.1, precision=4, options=set(),
    )  # fmt: skip
    add_sound: bpy.props.BoolProperty(
        name="Add Sound to Sequencer", description="So that it is heard in playback", default=True, options=set()
    )
    speaker: bpy.props.StringProperty(
        name="Style", description="A manner of speaking that the weights have learnt. Empty: their first",
        search=_styles, options=set(),
    )  # fmt: skip
    mouth: _strength("Mouth", "How far the lips, cheeks and tongue move")
    jaw: _strength("Jaw", "How far the jaw opens")
    brows: _strength("Brows", "How much of the brows' motion that the sound brings is used")
    eyes: _strength("Eyes", "How much of the lids' and eyes' motion that the sound brings is used")
    smoothing: bpy.props.FloatProperty(
        name="Smoothing", description="Seconds over which the curves are smoothed (sigma of a Gaussian)", min=0.0,
        max=1.0, soft_max=0.2, step=1, precision=3, options=set(),
    )  # fmt: skip
    contact: bpy.props.BoolProperty(
        name="Lips Meet", description="Lips that all but meet (m, b, p), or all but reach the teeth (f, v), do so",
        default=True, options=set(),
    )  # fmt: skip
    gate: bpy.props.BoolProperty(
        name="Still in Silence", description="A closed, still mouth where the sound is silent", default=True,
        options=set(),
    )  # fmt: skip
    blinks: bpy.props.BoolProperty(
        name="Blinks", description="Add blinks, more of them in pauses", default=True, options=set()
    )
    brow_life: _amount("Brow Life", "How much the brows rise with what is stressed", 0.3)
    head_life: _amount("Head Life", "How much the head turns and nods while it speaks", 0.5)
    head: bpy.props.EnumProperty(
        name="Turn",
        description="What turns with the head",
        items=[
            ("NONE", "Nothing", "The head stays still"),
            ("OBJECT", "The Face", "The face itself turns, about its origin between the ears"),
            ("EMPTY", "An Empty", "An empty beside the face, for a rig to follow"),
        ],
        options=set(),
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="Of blinks and head; the same gives the same motion", min=0, max=_MAX_SEED,
        options=set(),
    )  # fmt: skip


class DNPM_PT_speech(bpy.types.Panel):
    """Sound to motion."""

    bl_idname = "DNPM_PT_speech"
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Speech"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DNPM Face"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        group = getattr(context.active_object, names.FACE, None)
        return group is not None and group.is_face

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        group = getattr(context.active_object, names.SPEECH)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(group, "source", expand=True)
        if group.source == "FILE":
            layout.prop(group, "sound")
            column = layout.column(align=True)
            column.prop(group, "start")
            if group.start == "FRAME":
                column.prop(group, "frame")
        else:
            layout.label(text=_strip_text(context), icon="SEQUENCE")
        layout.prop(group, "offset")
        row = layout.row()
        row.scale_y = 1.4
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("dnpm.animate_from_audio", icon="PLAY_SOUND")

        header, body = layout.panel("dnpm_speech_motion", default_closed=True)
        header.label(text="Motion")
        if body:
            _draw_motion(body, group)
        header, body = layout.panel("dnpm_speech_keys", default_closed=True)
        header.label(text="Keyframes")
        if body:
            _draw_keys(body, group)
        header, body = layout.panel("dnpm_speech_capture", default_closed=True)
        header.label(text="Capture")
        if body:
            body.operator_context = "INVOKE_DEFAULT"
            body.operator("dnpm.import_live_link", icon="IMPORT")
            body.operator("dnpm.export_live_link", icon="EXPORT")


def _draw_motion(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    column = layout.column(align=True)
    for name in ("mouth", "jaw", "brows", "eyes"):
        column.prop(group, name, slider=True)
    column = layout.column(align=True)
    column.prop(group, "smoothing")
    column.prop(group, "contact")
    column.prop(group, "gate")
    column = layout.column(align=True)
    column.prop(group, "blinks")
    column.prop(group, "brow_life", slider=True)
    column.prop(group, "head")
    if group.head != "NONE":
        column.prop(group, "head_life", slider=True)
    column.prop(group, "seed")
    layout.prop(group, "speaker")


def _draw_keys(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    layout.prop(group, "target")
    layout.prop(group, "tolerance")
    if group.source == "FILE":
        layout.prop(group, "add_sound")
        column = layout.column(align=True)
        column.prop(group, "skip")
        column.prop(group, "length")


def _strip_text(context: bpy.types.Context) -> str:
    try:
        first, *more = sounds.chosen_strips(compat.sequencer_scene(context))
    except DnpmError:
        return "Select a sound strip"
    others = f" and {len(more)} more" if more else ""
    return f"{first.name}{others}, from frame {first.frame_final_start}"


CLASSES = (SpeechProperties, DNPM_PT_speech)


_STEPS = registration.with_property(CLASSES, names.SPEECH, SpeechProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
