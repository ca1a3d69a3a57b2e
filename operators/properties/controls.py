"""What steers a face's detail beyond its sliders: age, whose skin, strength by region."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import names, registration
from ..scene.detail import live
from ..scene.face import slider_values

_LABELS = {
    "forehead": "Forehead", "glabella": "Between Brows", "crows_feet": "Crow's Feet", "nose_bridge": "Nose Bridge",
    "nasolabial": "Nasolabial Folds", "lips": "Lips", "chin": "Chin", "under_eye": "Under Eyes",
}  # fmt: skip


def _changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if slider_values.is_face(group.id_data):
        live.on_sliders_changed(group.id_data)


def _is_another_face(group: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return slider_values.is_face(obj) and obj != group.id_data


def _factor(label: str) -> Any:
    return bpy.props.FloatProperty(
        name=label,
        description=f"How strong wrinkles and pores are here ({label.lower()}): 0 smooth, 1 as the network made them",
        default=1.0, min=0.0, max=3.0, soft_max=2.0, step=5, update=_changed,
    )  # fmt: skip


class ControlProperties(bpy.types.PropertyGroup):
    """What steers a face's detail beyond its sliders; all at their defaults it is the network's own."""

    age: bpy.props.FloatProperty(
        name="Skin Age",
        description="Years by which the skin is older or younger than the person; the shape of the face stays",
        default=0.0, min=-60.0, max=60.0, soft_min=-40.0, soft_max=40.0, step=100, precision=0, update=_changed,
    )  # fmt: skip
    truncation: bpy.props.FloatProperty(
        name="Individuality",
        description="How much the skin is this person's own: 0 the average skin, 1 as learnt, above 1 exaggerated "
        "(truncation of the style code)",
        default=1.0, min=0.0, max=2.0, soft_max=1.5, step=5, update=_changed,
    )  # fmt: skip
    mix_with: bpy.props.PointerProperty(
        name="Skin from",
        description="Another face of the scene, whose fine skin this one gets (style mixing)",
        type=bpy.types.Object, poll=_is_another_face, update=_changed,
    )  # fmt: skip
    mix_from: bpy.props.EnumProperty(
        name="Take",
        description="What comes from the other face",
        items=[
            ("256", "Pores", "Only the finest relief"),
            ("128", "Pores and Fine Lines", "Relief finer than about 4 mm"),
            ("64", "All but Folds", "Relief finer than about 8 mm"),
            ("32", "Nearly Everything", "All but the broadest forms"),
        ],
        default="128", update=_changed,
    )  # fmt: skip
    mask: bpy.props.StringProperty(
        name="Painted Mask",
        description="A vertex group or a painted point attribute of this mesh that says where the detail is weak (0) "
        "and strong (1); empty: none",
        update=_changed,
    )
    mask_low: bpy.props.FloatProperty(
        name="At 0", description="Strength where the mask is 0", default=0.0, min=0.0, max=3.0, update=_changed
    )
    mask_high: bpy.props.FloatProperty(
        name="At 1", description="Strength where the mask is 1", default=1.0, min=0.0, max=3.0, update=_changed
    )
    region_forehead: _factor(_LABELS["forehead"])
    region_glabella: _factor(_LABELS["glabella"])
    region_crows_feet: _factor(_LABELS["crows_feet"])
    region_nose_bridge: _factor(_LABELS["nose_bridge"])
    region_nasolabial: _factor(_LABELS["nasolabial"])
    region_lips: _factor(_LABELS["lips"])
    region_chin: _factor(_LABELS["chin"])
    region_under_eye: _factor(_LABELS["under_eye"])


_STEPS = registration.with_property((ControlProperties,), names.CONTROLS, ControlProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
