"""Presets as assets: the library, applied by a click, a double click, or dropped onto a face."""

from __future__ import annotations

from typing import Any

import bpy
from bpy_extras import view3d_utils

from ..core.errors import DnpmError
from ..core.face_model import presets
from .base import FaceOperator, Result, failed, the_face
from .scene import asset_library, compat, saved_presets, session, thumbnails
from .scene.face import slider_values
from .sliders import apply_preset

_LIBRARIES = [
    ("LOCAL", "Current File", "Assets of this file", 1),
    ("ALL", "All", "Assets of all libraries", 2),
    ("ESSENTIALS", "Essentials", "Blender's own assets", 3),
    ("ONLINE_ESSENTIALS", "Online Essentials", "Blender's own assets from the network", 4),
    ("CUSTOM", "Custom", "Assets of a library in the preferences", 100),
]
"""Names and numbers as Blender's own."""


class DNPM_OT_add_asset_library(bpy.types.Operator):
    """Write the people, the expressions and your saved faces as an asset library into your Blender profile, and add it to the preferences (File Paths > Asset Libraries)"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.add_asset_library"
    bl_label = "Add Asset Library"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            count = asset_library.add()
        except DnpmError as error:
            return failed(self, error)
        if isinstance(context.space_data, bpy.types.SpaceView3D):
            context.space_data.show_region_asset_shelf = True
        _read_again()
        self.report({"INFO"}, f"{count} assets in {asset_library.folder()}")
        return {"FINISHED"}


class DNPM_OT_remove_asset_library(bpy.types.Operator):
    """Take the asset library out of the preferences and delete its files. Your presets stay"""

    bl_idname = "dnpm.remove_asset_library"
    bl_label = "Remove Asset Library"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if asset_library.entry() is None:
            cls.poll_message_set("It was not added")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            asset_library.remove()
        except DnpmError as error:
            return failed(self, error)
        _read_again()
        return {"FINISHED"}


class DNPM_OT_draw_pictures(bpy.types.Operator):
    """Draw a picture of each saved preset that has none, one after the other, while you go on working"""

    bl_idname = "dnpm.draw_pictures"
    bl_label = "Draw Missing Pictures"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Result:
        lacking = [path for path in saved_presets.saved() if thumbnails.picture_of(path) is None]
        try:
            session.usable_client()
            for path in lacking:
                if compat.in_background():
                    thumbnails.draw_now(path)
                else:
                    thumbnails.draw(path, asset_library.refresh_saved)
            if compat.in_background():
                asset_library.refresh_saved()
        except DnpmError as error:
            return failed(self, error)
        self.report({"INFO"}, f"{len(lacking)} pictures are drawn")
        return {"FINISHED"}


class _OfAnAsset:
    """Which asset an operator is about: the one under the mouse, or what an asset shelf of Blender 5 names."""

    asset_library_type: bpy.props.EnumProperty(items=_LIBRARIES, options={"HIDDEN", "SKIP_SAVE"})
    asset_library_identifier: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    relative_asset_identifier: bpy.props.StringProperty(
        name="Asset", description='Path of the asset in its library, such as "people.blend/Action/Amara 28"',
        options={"HIDDEN", "SKIP_SAVE"},
    )  # fmt: skip

    def preset(self, context: bpy.types.Context) -> presets.Preset:
        """Its preset. Raises DnpmError when it is none of ours."""
        text = _text(context) if not self.relative_asset_identifier else ""
        text = text or asset_library.text_at(self.relative_asset_identifier)
        return presets.from_text(text, "the asset")


def _text(context: bpy.types.Context) -> str:
    asset = getattr(context, "asset", None)
    return asset_library.text_of(asset) if asset is not None else ""


def _concerns(context: bpy.types.Context) -> bool:
    """Whether a click may be meant for us: on other assets, and on files, it is left to others."""
    if getattr(context, "asset", None) is not None:
        return bool(_text(context))
    return context.area is None or context.area.type != "FILE_BROWSER"


class DNPM_OT_apply_asset(_OfAnAsset, FaceOperator, bpy.types.Operator):
    """Set the sliders of the selected face from this asset"""

    bl_idname = "dnpm.apply_asset"
    bl_label = "Apply to Face"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _concerns(context) and super().poll(context)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        _report_unknown(self, apply_preset(face, self.preset(context)))


class DNPM_OT_drop_asset(_OfAnAsset, bpy.types.Operator):
    """Drag this asset onto a face in the 3D view to set its sliders. Esc leaves it"""

    bl_idname = "dnpm.drop_asset"
    bl_label = "Drop onto a Face"
    bl_options = {"REGISTER", "UNDO"}
    _preset: presets.Preset

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _concerns(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        try:
            self._preset = self.preset(context)
        except DnpmError as error:
            return failed(self, error)
        assert context.window is not None
        context.window.cursor_modal_set("HAND")
        context.workspace.status_text_set("Release it over a face; Esc leaves it")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self._end(context)
            return {"CANCELLED"}
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._end(context)
            return self.drop(context, event.mouse_x, event.mouse_y)
        return {"RUNNING_MODAL"}

    def _end(self, context: bpy.types.Context) -> None:
        assert context.window is not None
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)

    def drop(self, context: bpy.types.Context, x: int, y: int) -> Result:
        """Apply it to the face at this place of the window."""
        face = _face_at(context, x, y)
        if face is None:
            self.report({"WARNING"}, "There is no DNPM face there")
            return {"CANCELLED"}
        context.view_layer.objects.active = face
        face.select_set(True)
        try:
            _report_unknown(self, apply_preset(the_face(context), self._preset))
        except DnpmError as error:
            return failed(self, error)
        return {"FINISHED"}


def _report_unknown(operator: bpy.types.Operator, unknown: list[str]) -> None:
    if unknown:
        operator.report({"WARNING"}, f"This face model has no {', '.join(unknown[:6])}: left out")


def _face_at(context: bpy.types.Context, x: int, y: int) -> bpy.types.Object | None:
    """The face under a place of the window, in whichever 3D view is there."""
    for area in context.screen.areas if context.screen is not None else ():
        space = area.spaces.active
        if not isinstance(space, bpy.types.SpaceView3D) or space.region_3d is None:
            continue
        for region in area.regions:
            inside = region.x <= x < region.x + region.width and region.y <= y < region.y + region.height
            if region.type == "WINDOW" and inside:
                return _hit(context, region, space.region_3d, (x - region.x, y - region.y))
    return None


def _hit(
    context: bpy.types.Context, region: bpy.types.Region, view: bpy.types.RegionView3D, place: tuple[int, int]
) -> bpy.types.Object | None:
    origin = view3d_utils.region_2d_to_origin_3d(region, view, place)
    direction = view3d_utils.region_2d_to_vector_3d(region, view, place)
    hit, _, _, _, obj, _ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    return obj.original if hit and slider_values.is_face(obj.original) else None


class DNPM_AST_presets(bpy.types.AssetShelf):
    """The presets along the lower edge of the 3D view, while a face is selected."""

    bl_idname = "DNPM_AST_presets"
    bl_space_type = "VIEW_3D"
    bl_default_preview_size = 96
    if compat.SHELF_CALLS_OPERATORS:
        bl_activate_operator = "DNPM_OT_apply_asset"
        bl_drag_operator = "DNPM_OT_drop_asset"
    else:
        bl_options = {"NO_ASSET_DRAG"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.mode == "OBJECT" and slider_values.is_face(context.active_object)

    @classmethod
    def asset_poll(cls, asset: bpy.types.AssetRepresentation | None) -> bool:
        return asset is not None and asset.id_type == "ACTION" and bool(asset_library.text_of(asset))


def _draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if _text(context):
        menu.layout.operator(DNPM_OT_apply_asset.bl_idname)
        menu.layout.separator()


def _show_menu() -> None:
    bpy.types.ASSETBROWSER_MT_context_menu.prepend(_draw_menu)


def _hide_menu() -> None:
    bpy.types.ASSETBROWSER_MT_context_menu.remove(_draw_menu)


_keys: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def _add_keys() -> None:
    """A double click in the Asset Browser; up to Blender 4.5 also what a shelf's click and drag do."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:  # without a window
        return
    wanted: list[tuple[str, Any, str, Any]] = [
        ("File Browser Main", "FILE_BROWSER", DNPM_OT_apply_asset.bl_idname, "DOUBLE_CLICK")
    ]
    if not compat.SHELF_CALLS_OPERATORS:
        wanted += [("Asset Shelf", "EMPTY", DNPM_OT_apply_asset.bl_idname, "CLICK"),
                   ("Asset Shelf", "EMPTY", DNPM_OT_drop_asset.bl_idname, "CLICK_DRAG")]  # fmt: skip
    for name, space, operator, value in wanted:
        keys = configuration.keymaps.new(name=name, space_type=space)
        _keys.append((keys, keys.keymap_items.new(operator, "LEFTMOUSE", value)))


def _remove_keys() -> None:
    for keys, item in _keys:
        keys.keymap_items.remove(item)
    _keys.clear()


def _read_again() -> None:
    """Let open asset browsers and shelves read the libraries again."""
    refresh: Any = bpy.ops.asset.library_refresh
    if not compat.in_background() and refresh.poll():
        refresh()


CLASSES = (
    DNPM_OT_add_asset_library,
    DNPM_OT_remove_asset_library,
    DNPM_OT_draw_pictures,
    DNPM_OT_apply_asset,
    DNPM_OT_drop_asset,
    DNPM_AST_presets,
)
EXTRAS = ((_show_menu, _hide_menu), (_add_keys, _remove_keys))
"""What is not a class."""
