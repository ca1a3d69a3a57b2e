"""Everything in which the supported Blenders (4.2 to 5.3) differ, in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeGuard

import bpy

RELATIVE_PATH = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Option of a property for a path that may begin with //: from 4.5 it has to be said."""
SHELF_CALLS_OPERATORS = bpy.app.version >= (5, 0, 0)
"""Whether an asset shelf names the operators of its clicks and drags; before, a key map does."""
NODES_ALWAYS_ON = bpy.app.version >= (5, 0, 0)


def eevee_engine() -> str:
    """EEVEE's id: it was renamed back in 5.0."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def use_nodes(owner: bpy.types.Material | bpy.types.World) -> None:
    """Switch the node tree on. From 5.0 it always is, and setting it warns."""
    if not NODES_ALWAYS_ON:
        owner.use_nodes = True


def no_mipmap(texture: bpy.types.ImageTexture) -> None:
    """Texture mipmaps are gone from 5.0; before, they only blur."""
    if hasattr(texture, "use_mipmap"):
        texture.use_mipmap = False


def user_folder(package: str, name: str) -> Path:
    """The folder in the user's profile in which the extension may write; not made here.

    An installed extension has one of its own; a package imported from elsewhere uses the configuration folder.
    """
    if package.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(package, path=name))
    return Path(bpy.utils.user_resource("CONFIG", path="dnpm_face")) / name


def animate_again(owner: bpy.types.Key | bpy.types.Mesh) -> None:
    """Let the depsgraph evaluate this data block's animation again, although no other frame was set.

    There is no call for it: `update_tag` knows the refresh TIME for objects alone. What Blender does when a property of
    the animation data is set is just that.
    """
    data = owner.animation_data
    if data is not None:
        data.action_influence = data.action_influence


def is_rendering(depsgraph: bpy.types.Depsgraph | None) -> TypeGuard[bpy.types.Depsgraph]:
    """Whether this depsgraph is a final render's."""
    return depsgraph is not None and depsgraph.mode == "RENDER"


def is_render_running() -> bool:
    """Whether a render runs beside the window: it owns the pixels then."""
    return bool(bpy.app.is_job_running("RENDER"))


def in_background() -> bool:
    """Whether Blender has no window: then timers need not fire, and there is no clipboard."""
    return bpy.app.background


def is_by_button(context: bpy.types.Context) -> bool:
    """Whether a property is being set with the mouse or the keyboard in a button, and not by a script."""
    return getattr(context, "property", None) is not None


def sequences(editor: bpy.types.SequenceEditor) -> Any:
    """The sequencer's strips: `sequences` was their name before 4.4, and is gone from 5.0."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


_STRIP_NAMES = {
    "left_handle": "frame_final_start",
    "right_handle": "frame_final_end",
    "duration": "frame_final_duration",
    "content_start": "frame_start",
    "left_handle_offset": "frame_offset_start",
    "content_trim_start": "animation_offset_start",
}


def strip_name(strip: Any, name: str) -> str:
    """What a property of a sequencer's strip is called here: these names are 5.1's; the older ones go in 6.0."""
    return name if name in strip.bl_rna.properties else _STRIP_NAMES[name]


def strip_value(strip: Any, name: str) -> float:
    """A strip's property by the name that it has from 5.1 on: frames."""
    return getattr(strip, strip_name(strip, name))


def set_strip(strip: Any, name: str, value: float) -> None:
    """Set a strip's property by the name that it has from 5.1 on: frames."""
    setattr(strip, strip_name(strip, name), value)


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the sequencer shows: from 5.0 a workspace may have one pinned."""
    return getattr(context, "sequencer_scene", None) or context.scene


HAS_SLOTS = "slots" in bpy.types.Action.bl_rna.properties
"""From 4.4 an action holds the curves of several data blocks, each in a slot of its own."""


def slot_of(data: bpy.types.AnimData) -> Any:
    """The slot of the assigned action; None without slots."""
    return data.action_slot if HAS_SLOTS else None


def assign(data: bpy.types.AnimData, action: bpy.types.Action | None, slot: Any) -> None:
    """Let an action move the data block, by this slot of it."""
    data.action = action
    if HAS_SLOTS and slot is not None:
        data.action_slot = slot


def assign_new(data: bpy.types.AnimData, action: bpy.types.Action, owner: bpy.types.ID) -> None:
    """Assign an empty action, with a slot for the owner."""
    slot = action.slots.new(id_type=owner.id_type, name=owner.name) if HAS_SLOTS else None
    assign(data, action, slot)


def assign_strip_slot(strip: bpy.types.NlaStrip, slot: Any) -> None:
    """Let an NLA strip read this slot of its action."""
    if HAS_SLOTS and slot is not None:
        strip.action_slot = slot


def new_curve(action: bpy.types.Action, owner: bpy.types.ID, path: str, index: int, group: str) -> bpy.types.FCurve:
    """A new curve of an action that is assigned to `owner`."""
    if not HAS_SLOTS:
        return action.fcurves.new(path, index=index, action_group=group)
    ensure: Any = action.fcurve_ensure_for_datablock  # the stubs are 4.5's
    if bpy.app.version >= (5, 0, 0):
        return ensure(owner, path, index=index, group_name=group)
    return ensure(owner, path, index=index)


def curves_of(data: bpy.types.AnimData) -> list[bpy.types.FCurve]:
    """The curves of the assigned action that move this data block."""
    action = data.action
    if action is None:
        return []
    if not HAS_SLOTS:
        return list(action.fcurves)
    slot = data.action_slot
    strips: list[Any] = [strip for layer in action.layers for strip in layer.strips]
    return [
        curve
        for strip in strips
        for bag in strip.channelbags
        if slot is not None and bag.slot_handle == slot.handle
        for curve in bag.fcurves
    ]


def same_drive(path: Path, other: str) -> bool:
    """Whether a relative path can lead from one to the other: on Windows only on one drive."""
    return Path(path).drive.lower() == Path(other).drive.lower()


def use_video(settings: Any) -> None:
    """Let a render's ImageFormatSettings write a film: from 5.0 the kind of media is chosen first."""
    if "media_type" in settings.bl_rna.properties:
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"


def is_locked(block: bpy.types.ShapeKey) -> bool:
    """Whether the shape key's lock is closed; a Blender that has none locks nothing."""
    return bool(getattr(block, "lock_shape", False))


def line_width(bone: bpy.types.PoseBone, width: float) -> None:
    """How thick the lines of a bone's shape are: from 4.2 on."""
    if hasattr(bone, "custom_shape_wire_width"):
        bone.custom_shape_wire_width = width


def hide(bone: Any) -> None:
    """Hide a bone in Pose Mode: from 5.0 the posed bone says so."""
    bone.bone.hide = True
    if "hide" in bone.bl_rna.properties:
        bone.hide = True
