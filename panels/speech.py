"""The Speech panel: a sound to the face's motion, captures in and out."""

from __future__ import annotations

import bpy

from ..core.backend import needs
from ..core.errors import DnpmError
from ..core.speech.emotions import EMOTIONS
from ..core.speech.formats import BY_FFMPEG
from ..operators.properties.speech import SpeechProperties
from ..operators.scene import compat, names, registration
from ..operators.scene.motion import sounds
from . import status
from .tab import FaceTab


class DNPM_PT_speech(FaceTab, bpy.types.Panel):
    """A sound to keyframes, and captured performances."""

    bl_idname = "DNPM_PT_speech"
    own_heads = False
    bl_order = 6
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Speech"
    bl_options = {"DEFAULT_CLOSED"}

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
        by_ffmpeg = group.source == "FILE" and group.sound.lower().endswith(BY_FFMPEG)
        status.missing(layout, needs.FFMPEG_SOUND if by_ffmpeg else needs.SOUND)
        row = layout.row()
        row.scale_y = 1.4
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("dnpm.animate_from_audio", icon="PLAY_SOUND")

        _draw_emotion(layout, group)
        header, body = layout.panel("dnpm_speech_motion", default_closed=True)
        header.label(text="Motion")
        if body:
            _draw_motion(body, group)
        header, body = layout.panel("dnpm_speech_keys", default_closed=True)
        header.label(text="Keyframes")
        if body:
            _draw_keys(body, group)
        header, body = layout.panel("dnpm_speech_style", default_closed=True)
        header.label(text="Own Style")
        if body:
            _draw_style(body, group)
        header, body = layout.panel("dnpm_speech_capture", default_closed=True)
        header.label(text="Capture")
        if body:
            body.operator_context = "INVOKE_DEFAULT"
            status.missing(body, needs.VIDEOS)
            body.operator("dnpm.animate_from_video", icon="FILE_MOVIE")
            body.operator("dnpm.import_live_link", icon="IMPORT")
            body.operator("dnpm.export_live_link", icon="EXPORT")


def _draw_emotion(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    column = layout.column(align=True)
    column.use_property_decorate = True  # The dots beside them: what is keyed here is read by the bake.
    column.prop(group, "emotion")
    if group.emotion == "MIXED":
        for name in EMOTIONS:
            column.prop(group, name, slider=True)
    elif group.emotion != "NEUTRAL":
        column.prop(group, "emotion_strength", slider=True)
    if group.emotion == "AUTO":
        # What it can do, where it is chosen: of eight kinds two could be tested (docs/speech.md).
        status.paragraph(layout, "A rough guess: a harsh voice is angry. Joy, sadness and surprise are untested; "
                  "fear, disgust and contempt are never guessed", icon="INFO")  # fmt: skip


def _draw_motion(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    column = layout.column(align=True)
    for name in ("mouth", "jaw", "brows", "eyes"):
        column.prop(group, name, slider=True)
    column = layout.column(align=True)
    column.prop(group, "smoothing")
    column.prop(group, "contact")
    column.prop(group, "gate")
    column.prop(group, "tongue")
    column = layout.column(align=True)
    column.prop(group, "blinks")
    column.prop(group, "brow_life", slider=True)
    column.prop(group, "face_life", slider=True)
    column.prop(group, "head")
    if group.head != "NONE":
        column.prop(group, "head_life", slider=True)
    column.prop(group, "seed")
    layout.prop(group, "speaker")


def _draw_keys(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    layout.prop(group, "into")
    layout.prop(group, "target")
    layout.prop(group, "tolerance")
    layout.prop(group, "fit_scene")
    if group.source == "FILE":
        layout.prop(group, "add_sound")
        column = layout.column(align=True)
        column.prop(group, "skip")
        column.prop(group, "length")


def _draw_style(layout: bpy.types.UILayout, group: SpeechProperties) -> None:
    layout.row().prop(group, "style_take", expand=True)
    if group.style_take == "FILE":
        layout.prop(group, "style_capture")
    column = layout.column(align=True)
    column.prop(group, "style_name")
    column.prop(group, "style_licence")
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("dnpm.learn_style", icon="USER")


def _strip_text(context: bpy.types.Context) -> str:
    try:
        first, *more = sounds.chosen_strips(compat.sequencer_scene(context))
    except DnpmError:
        return "Select a sound strip"
    others = f" and {len(more)} more" if more else ""
    return f"{first.name}{others}, from frame {sounds.first_frame(first):g}"


CLASSES = (DNPM_PT_speech,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
