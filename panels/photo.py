"""The sidebar's part for photos: which ones, what stays, how much of them shows."""

from __future__ import annotations

import bpy

from ..core.photo.choices import TRUST
from ..operators.scene import compat, live, names, photo_colour, photo_points, registration, state


def _detail_changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    if state.is_face(group.id_data):
        live.notice(group.id_data)


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
    colour: bpy.props.FloatProperty(
        name="Photo's Colours",
        description="How much of the photo's colours the skin has; light and shadow of the photo are in them",
        default=1.0, min=0.0, max=1.0, step=5, update=_colour_changed,
    )  # fmt: skip
    offset: bpy.props.StringProperty(options={"HIDDEN"})
    texture: bpy.props.PointerProperty(type=bpy.types.Image, options={"HIDDEN"})
    skin: bpy.props.FloatVectorProperty(size=3, min=0.0, max=1.0, options={"HIDDEN"})
    photos: bpy.props.CollectionProperty(
        type=PhotoItem, override={"LIBRARY_OVERRIDABLE", "NO_PROPERTY_NAME", "USE_INSERTION"}
    )


class DNPM_PT_photo(bpy.types.Panel):
    """A photo to this face."""

    bl_idname = "DNPM_PT_photo"
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Photo"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DNPM Face"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return state.is_face(context.active_object)

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, state.active_face(context)
        group = getattr(face, names.PHOTO)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(group, "source", expand=True)
        if group.source == "FILE":
            layout.prop(group, "filepath")
        else:
            layout.template_ID(group, "image", open="image.open")
        layout.prop(group, "which")
        column = layout.column(align=True, heading="Keep")
        column.prop(group, "keep_identity")
        column.prop(group, "keep_expression")
        column = layout.column(align=True, heading="Match")
        column.prop(group, "match_tone")
        column.prop(group, "add_camera")
        size = column.column()
        size.enabled = group.add_camera
        size.prop(group, "match_render")
        layout.prop(group, "refine")
        column = layout.column(align=True)
        column.operator_context = "INVOKE_DEFAULT"
        column.scale_y = 1.2
        column.operator("dnpm.face_from_image", icon="OUTLINER_OB_IMAGE")
        if any(item.name for item in group.photos) or group.offset or group.texture is not None:
            _draw_result(layout, face, group)


def _draw_result(layout: bpy.types.UILayout, face: bpy.types.Object, group: PhotoProperties) -> None:
    layout.separator()
    column = layout.column(align=True)
    column.prop(group, "amount", slider=True)
    column.prop(group, "colour", slider=True)
    column = layout.column(align=True)
    for place, item in enumerate(group.photos):
        if not item.name:
            continue  # taken off a library override
        row = column.row(align=True)
        row.label(text=f"{item.name}: {100 * item.error:.1f} % off", icon="IMAGE_DATA")
        if item.camera is not None:
            row.operator("dnpm.look_through", text="", icon="VIEW_CAMERA").photo = place
    shown = photo_points.are_shown(face)
    row = layout.row(align=True)
    row.operator("dnpm.photo_points", text="Points" if not shown else "No Points", icon="EMPTY_AXIS", depress=shown)
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("dnpm.fit_photo_again", icon="FILE_REFRESH")
    layout.operator("dnpm.remove_photo", icon="X")


CLASSES = (PhotoItem, PhotoProperties, DNPM_PT_photo)


_STEPS = registration.with_property(CLASSES, names.PHOTO, PhotoProperties)


def register() -> None:
    """Classes, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
