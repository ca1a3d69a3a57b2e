"""The folded part of the Detail panel: age of the skin, whose skin it is, how strong which region is."""

from __future__ import annotations

from typing import Any

import bpy

from ..operators.scene import controls, live, names, registration, state

_LABELS = {
    "forehead": "Forehead", "glabella": "Between the Brows", "crows_feet": "Crow's Feet", "nose_bridge": "Nose Bridge",
    "nasolabial": "Nasolabial Folds", "lips": "Lips", "chin": "Chin", "under_eye": "Under the Eyes",
}  # fmt: skip


def _changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if state.is_face(group.id_data):
        live.notice(group.id_data)


def _is_another_face(group: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return state.is_face(obj) and obj != group.id_data


def _factor(label: str) -> Any:
    return bpy.props.FloatProperty(
        name=label,
        description=f"How strong wrinkles and pores are here ({label.lower()}): 0 smooth, 1 as the network made them",
        default=1.0, min=0.0, max=3.0, soft_max=2.0, step=5, update=_changed,
    )  # fmt: skip


class ControlProperties(bpy.types.PropertyGroup):
    """What steers a face's detail beyond its sliders; all at their defaults it is the network's own."""

    age: bpy.props.FloatProperty(
        name="Age of the Skin",
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


class DNPM_PT_controls(bpy.types.Panel):
    """Folded: an artist who wants no more than sliders never meets it."""

    bl_idname = "DNPM_PT_controls"
    bl_parent_id = "DNPM_PT_detail"
    bl_label = "Age and Regions"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DNPM Face"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, obj = self.layout, state.active_face(context)
        group = getattr(obj, names.CONTROLS)
        layout.use_property_split = True
        layout.enabled = not getattr(obj, names.FACE).frozen
        column = layout.column(align=True)
        column.prop(group, "age", slider=True)
        column.prop(group, "truncation", slider=True)
        column = layout.column(align=True)
        column.prop(group, "mix_with")
        if group.mix_with is not None:
            column.prop(group, "mix_from")
        column = layout.column(align=True)
        for name in controls.REGIONS:
            column.prop(group, f"region_{name}", slider=True)
        column = layout.column(align=True)
        column.prop_search(group, "mask", obj, "vertex_groups")
        if group.mask:
            column.prop(group, "mask_low")
            column.prop(group, "mask_high")


CLASSES = (ControlProperties, DNPM_PT_controls)


_STEPS = registration.with_property(CLASSES, names.CONTROLS, ControlProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
