"""Operators on a face's sliders: random, reset, mirror, copy and paste."""

from __future__ import annotations

import random

import bpy
import numpy as np

from ..core.errors import DnpmError
from ..core.face_model import presets
from ..core.face_model.arkit import mirror_name
from ..core.face_model.random_look import random_look
from ..core.face_model.sampling import average_adult, random_expression, random_person
from .base import FaceOperator, Result
from .scene import compat, names
from .scene.board import board_keys, posing
from .scene.detail import live, skin_settings
from .scene.face import identity, models, slider_values
from .scene.look import looks
from .scene.photo import code_offset, corrective_shape, photo_colour, photos, wrinkles

_PARTS = (
    ("ALL", "Everything", "Identity and expression"),
    ("IDENTITY", "Identity", "Who it is"),
    ("EXPRESSION", "Expression", "What the face does"),
)


_copied = ""
"""What Copy made last: without a window there is no clipboard."""


def _clipboard(context: bpy.types.Context) -> str:
    return _copied if compat.in_background() else context.window_manager.clipboard


class _OfAPart(FaceOperator):
    part: bpy.props.EnumProperty(name="Sliders", description="Which sliders", items=_PARTS, default="ALL")

    def has(self, part: str) -> bool:
        return self.part in ("ALL", part)


class DNPM_OT_random(_OfAPart, bpy.types.Operator):
    """Set random sliders that make a believable person or expression. The seed is the same in headless batches"""

    bl_idname = "dnpm.random"
    bl_label = "Random"

    seed: bpy.props.IntProperty(name="Seed", description="The same seed gives the same face", default=1, min=0)
    strength: bpy.props.FloatProperty(
        name="Strength", description="How far from the average", default=1.0, min=0.0, soft_max=1.5
    )
    colours: bpy.props.BoolProperty(
        name="Colours",
        description="A new person gets colours that suit the shape, too; those of a photo stay",
        default=True,
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        self.seed = random.randrange(100_000)  # noqa: S311 (a picture, no secret)
        return self.execute(context)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        model = models.model_of(face)
        person = random_person(model, self.seed, self.strength)
        locked = [item.locked for item in getattr(face, names.FACE).identity]
        person[locked] = slider_values.identity_vector(face)[locked]
        identity.set_sliders(
            face,
            identity=person if self.has("IDENTITY") else None,
            expression=random_expression(model, self.seed, self.strength) if self.has("EXPRESSION") else None,
        )
        has_look = not (getattr(face, names.FACE).detail_only or photo_colour.is_shown(face))
        if self.colours and has_look and self.has("IDENTITY"):
            looks.set_look(face, random_look(model, self.seed, person), later=True)
        live.on_sliders_changed(face)


class DNPM_OT_reset(_OfAPart, bpy.types.Operator):
    """Set the sliders to the average person at the age of 30 and the face at rest"""

    bl_idname = "dnpm.reset"
    bl_label = "Reset"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        model = models.model_of(face)
        identity.set_sliders(
            face,
            identity=average_adult(model) if self.has("IDENTITY") else None,
            expression=np.zeros(model.n_exp, np.float32) if self.has("EXPRESSION") else None,
        )
        live.on_sliders_changed(face)


class DNPM_OT_mirror(FaceOperator, bpy.types.Operator):
    """Swap what the left and the right side of the face do"""

    bl_idname = "dnpm.mirror"
    bl_label = "Mirror"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        model = models.model_of(face)
        values = slider_values.expression_vector(face, model)
        places = model.expression_index
        mirrored = [values[places.get(mirror_name(name), place)] for name, place in places.items()]
        slider_values.set_expression(face, model, np.array(mirrored, np.float32))
        live.on_sliders_changed(face)


class DNPM_OT_key_expression(FaceOperator, bpy.types.Operator):
    """Insert a keyframe for every expression slider, or for the face board's controls, at the current frame"""

    bl_idname = "dnpm.key_expression"
    own_heads = False
    bl_label = "Key Expression"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        model = models.model_of(face)
        slider_values.expression_vector(face, model)
        if posing.drives(face) is not None:
            count = board_keys.key_now(face)
            self.report({"INFO"}, f"Keyed {count} channels of the face board at frame {context.scene.frame_current}")
            return
        for name in models.table_of(face).names:
            if (block := slider_values.key_blocks(face).get(name)) is not None:
                block.keyframe_insert("value", group="DNPM Expression")
        self.report({"INFO"}, f"Keyed {model.n_exp} expressions at frame {context.scene.frame_current}")


class DNPM_OT_key_identity(FaceOperator, bpy.types.Operator):
    """Insert a keyframe for every identity slider at the current frame. From then on each can also be keyed or driven by itself: right-click it"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.key_identity"
    bl_label = "Key Identity"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        items = getattr(face, names.FACE).identity
        for item in items:
            item.keyframe_insert("value", group="DNPM Identity")
        self.report({"INFO"}, f"Keyed {len(items)} identity sliders at frame {context.scene.frame_current}")


class DNPM_OT_copy(FaceOperator, bpy.types.Operator):
    """Copy the face's sliders as text, for Paste and for other programs"""

    bl_idname = "dnpm.copy"
    bl_label = "Copy"
    bl_options = {"REGISTER"}
    edits = False

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        global _copied
        _copied = presets.to_text(preset_of(face))
        context.window_manager.clipboard = _copied


class DNPM_OT_paste(FaceOperator, bpy.types.Operator):
    """Set the sliders from the text that Copy made"""

    bl_idname = "dnpm.paste"
    bl_label = "Paste"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        unknown = apply_preset(face, presets.from_text(_clipboard(context), "the clipboard"))
        if unknown:
            self.report({"WARNING"}, f"This face model has no {', '.join(unknown[:6])}: left out")


def preset_of(face: bpy.types.Object) -> presets.Preset:
    """The face's sliders by name. Raises DnpmError when they cannot be read."""
    model = models.model_of(face)
    return presets.preset_of(
        model,
        slider_values.identity_vector(face),
        slider_values.expression_vector(face, model),
        getattr(face, names.FACE).strength,
        looks.look_of(face),
        code_offset.text_of(face),
        wrinkles.text_of(face),
        corrective_shape.text_of(face),
        skin_settings.of(face),
        slider_values.tip_up(face),
        photo_colour.of(face),
    )


def apply_preset(face: bpy.types.Object, preset: presets.Preset) -> list[str]:
    """Set what the preset speaks of; returns the names that this model does not have. Raises DnpmError."""
    person, expression, unknown = presets.vectors(preset, models.model_of(face))
    moved = any(vector is not None and np.any(vector) for vector in (person, expression))
    if (
        unknown
        and not moved
        and preset.strength is None
        and preset.look is None
        and not (
            preset.w_offset
            or preset.relief
            or preset.corrective
            or (preset.skin and preset.skin.as_json())
            or preset.photo
        )
    ):
        raise DnpmError(f"the preset is another model's: none of {', '.join(unknown[:6])} is a slider here")
    shape = corrective_shape.text_of(face)
    if preset.corrective is not None:
        corrective_shape.write(face, preset.corrective)
    try:
        photos.set_colours(face, preset.photo)
    except DnpmError:
        corrective_shape.write(face, shape)
        raise
    identity.set_sliders(face, identity=person, expression=expression, strength=preset.strength,
                          tip_up=presets.tip_up_of(preset))  # fmt: skip
    if preset.look is not None:
        looks.set_look(face, preset.look)
    if preset.w_offset is not None:
        code_offset.write(face, preset.w_offset, amount=1.0)
    if preset.relief is not None:
        wrinkles.write(face, preset.relief, amount=1.0)
    if preset.skin is not None:
        skin_settings.write(face, preset.skin)
    live.on_sliders_changed(face)
    return unknown


CLASSES = (
    DNPM_OT_random,
    DNPM_OT_reset,
    DNPM_OT_mirror,
    DNPM_OT_key_expression,
    DNPM_OT_key_identity,
    DNPM_OT_copy,
    DNPM_OT_paste,
)
