"""How sound is made into a face's motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...core.speech import style
from ...core.speech.card import CARD, speakers
from ...core.speech.controls import USUAL
from ...core.speech.emotions import EMOTIONS, USUAL_STRENGTH
from ...core.speech.formats import READ
from ..scene import compat, names, registration, settings
from .keyframes import INTO_ITEMS, INTO_TEXT, START_ITEMS, TARGET_ITEMS, TARGET_TEXT

_MAX_SEED = 2**31 - 1


def _strength(label: str, description: str) -> Any:
    return bpy.props.FloatProperty(
        name=label, description=description, default=1.0, min=0.0, max=3.0, soft_max=2.0, step=5, options=set()
    )


def _amount(label: str, description: str, default: float = 0.0) -> Any:
    return bpy.props.FloatProperty(
        name=label, description=description, default=default, min=0.0, max=1.0, step=5, options=set()
    )


def _felt(label: str) -> Any:
    return bpy.props.FloatProperty(
        name=label, description=f"Strength of {label.lower()} in a mixture. Its keyframes are read when the sound is "
        "baked", min=0.0, max=1.0, step=5,
    )  # fmt: skip


def learnt_styles() -> dict[str, Path]:
    """The learnt styles: name -> card."""
    return style.listed([settings.styles_folder(), *style.folders(_weights())])


def _weights() -> str | None:
    chosen = settings.current().weights
    return chosen if chosen and Path(chosen, CARD).is_file() else None


def _styles(group: bpy.types.PropertyGroup, context: bpy.types.Context, text: str) -> list[str]:
    """What can be chosen: the styles of the weights that the worker uses, and learnt ones."""
    return list(dict.fromkeys([*speakers(_weights()), *learnt_styles()]))


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
        name="Start", description="The frame at which the sound begins", items=START_ITEMS, options=set()
    )
    frame: bpy.props.IntProperty(
        name="Frame", description="The frame at which the sound begins", default=1, options=set()
    )
    offset: bpy.props.FloatProperty(
        name="Offset",
        description="Seconds by which the face moves later (or earlier, below 0) than the sound",
        min=-10.0, max=10.0, soft_min=-0.5, soft_max=0.5, step=1, precision=3, options=set(),
    )  # fmt: skip
    into: bpy.props.EnumProperty(name="Into", description=INTO_TEXT, items=INTO_ITEMS, options=set())
    target: bpy.props.EnumProperty(name="As", description=TARGET_TEXT, items=TARGET_ITEMS, options=set())
    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no slider gets further from its curve than this. 0: one a frame",
        default=0.002, min=0.0, max=0.1, step=0.1, precision=4, options=set(),
    )  # fmt: skip
    add_sound: bpy.props.BoolProperty(
        name="Add Sound Strip",
        description="Put the sound into the sequencer, so that it is heard in playback",
        default=True,
        options=set(),
    )
    fit_scene: bpy.props.BoolProperty(
        name="Fit Scene",
        description="The scene ends where the sound ends (or the sequencer's last strip), and playback keeps in step "
        "with the sound",
        default=True, options=set(),
    )  # fmt: skip
    speaker: bpy.props.StringProperty(
        name="Style", description="A manner of speaking: one of the weights', or one that you learnt from a take. "
        "Empty: the weights' first",
        search=_styles, options=set(),
    )  # fmt: skip
    style_take: bpy.props.EnumProperty(
        name="Take",
        description="The performance that a style is learnt from; its sound is the one chosen above",
        items=[
            ("FACE", "This Face", "Its keyframes, where they lie beside the sound"),
            ("FILE", "File", "A capture that begins with the sound: CSV or JSON of Live Link Face and other programs"),
        ],
        options=set(),
    )
    style_capture: bpy.props.StringProperty(
        name="Capture", description="A capture that begins with the sound", subtype="FILE_PATH",
        options=compat.RELATIVE_PATH,
    )  # fmt: skip
    style_name: bpy.props.StringProperty(
        name="Name", description="What the style will be called", default="My Style", options=set()
    )
    style_licence: bpy.props.StringProperty(
        name="Licence", description="Under which terms the take may be used; a style is made from a person's "
        "performance. It goes into the style's card", options=set(),
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
        name="Still in Silence", description="A closed, still mouth where the sound is silent, or is music or noise",
        default=True, options=set(),
    )  # fmt: skip
    tongue: bpy.props.BoolProperty(
        name="Tongue", description="The tongue shows in th, t, d, n, l, s and z", default=True, options=set()
    )
    blinks: bpy.props.BoolProperty(
        name="Blinks", description="Add blinks, more of them in pauses", default=USUAL.blinks, options=set()
    )
    brow_life: _amount(
        "Brow Life", "How much the brows rise and knit with what is stressed. Rule-based", USUAL.brow_life
    )
    face_life: _amount(
        "Face Life",
        "How much lids, gaze, cheeks, nose, the corners of the mouth and the chin play along. Rule-based",
        USUAL.face_life,
    )
    head_life: _amount("Head Life", "How much the head turns and nods while it speaks. Rule-based", USUAL.head_life)
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="What the face feels while it speaks. Rule-based. Its keyframes are read when the sound is baked",
        items=[
            ("NEUTRAL", "Neutral", "None"),
            *((name.upper(), name.capitalize(), "As strong as Strength says") for name in EMOTIONS),
            ("MIXED", "Mixed", "Several at once, each with a strength of its own"),
            ("AUTO", "From Voice", "Rough: a rule's guess from pitch and harshness (joy, anger, sadness, surprise). It "
             "was never shown to be right more often than Neutral"),
        ],
    )  # fmt: skip
    emotion_strength: bpy.props.FloatProperty(
        name="Strength", description="How strong the emotion is. Its keyframes are read when the sound is baked",
        default=USUAL_STRENGTH, min=0.0, max=1.0, step=5,
    )  # fmt: skip
    joy: _felt("Joy")
    anger: _felt("Anger")
    sadness: _felt("Sadness")
    fear: _felt("Fear")
    disgust: _felt("Disgust")
    surprise: _felt("Surprise")
    contempt: _felt("Contempt")
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
        name="Seed", description="Of all that is not the mouth; the same gives the same motion", min=0, max=_MAX_SEED,
        options=set(),
    )  # fmt: skip


_STEPS = registration.with_property((SpeechProperties,), names.SPEECH, SpeechProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
