"""Detail on heads of other programs: add it, correct it, say what drives it, export it in own UVs, remove it."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..core.backend import needs
from ..core.backend.client.task import TransferTask
from ..core.errors import DnpmError
from ..core.files.displacement_maps import write_exr
from ..core.transfer.resample import resampled
from .base import FaceOperator, Result
from .long import BackgroundOperator, Work, scene_of
from .scene import names, session
from .scene.detail import live, map_image
from .scene.face import head_setup, own_heads, rig_motion

_POINT_MM = 2.0
"""A point's size on a head of the average size."""


def _selected(context: bpy.types.Context) -> bpy.types.Object:
    obj = context.active_object
    reason = head_setup.why_not(obj)
    if reason:
        raise DnpmError(reason)
    assert obj is not None
    return obj


def _object(uid: int, name: str) -> bpy.types.Object:
    """Found again after time has passed."""
    for obj in bpy.data.objects:
        if obj.session_uid == uid:
            return obj
    raise DnpmError(f"{name}: was deleted meanwhile")


class DNPM_OT_add_detail(BackgroundOperator, bpy.types.Operator):
    """Give the selected mesh, any that shows a human face, wrinkles and pores that follow its own expressions"""

    bl_idname = "dnpm.add_detail"
    bl_label = "Add Detail to Selected Mesh"
    action, modules = "lay the face model over a mesh", needs.PHOTOS

    points: bpy.props.BoolProperty(
        name="Show Points",
        description="Put empties on the landmarks that were found: drag those that lie wrong and press it again",
        default=False,
    )

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        return head_setup.why_not(context.active_object)

    def subject(self, context: bpy.types.Context) -> bpy.types.Object:
        return _selected(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return self.start(context)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        uid, name, scene_uid = face.session_uid, face.name, context.scene.session_uid
        task = TransferTask(session.usable_client(), head_setup.mesh_request(face, context.scene))
        try:
            while (made := task.advance()) is None:
                waking = session.status().state == "starting"
                yield task.share, "loading the networks" if waking else task.stage
        finally:
            task.cancel()
        obj, scene = _object(uid, name), scene_of(scene_uid)
        notes = head_setup.set_up(obj, scene, made)
        if self.points or head_setup.point_handles(obj):
            head_setup.add_points(obj, scene, made.landmarks, _POINT_MM / made.scale)
        live.restore(obj, recompute=True)
        for note in notes:
            self.report({"WARNING"}, note)
        return f"{name}: {getattr(obj, names.FACE).fit_report}"


class _OwnHeadOperator(FaceOperator):
    """On a head of another program alone."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or not own_heads.is_own(obj):
            cls.poll_message_set("Select a mesh that was given detail (Add Detail to Selected Mesh)")
            return False
        return super().poll(context)


class DNPM_OT_remove_detail(_OwnHeadOperator, bpy.types.Operator):
    """Take the detail away again: UV layer, modifiers, bump, vertex group and map; the mesh is as it was"""

    bl_idname = "dnpm.remove_detail"
    bl_label = "Remove Detail"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        head_setup.remove(face)


class DNPM_OT_find_sources(_OwnHeadOperator, bpy.types.Operator):
    """Find by their names which of the mesh's shape keys stand for which expressions; sources with a data path stay"""

    bl_idname = "dnpm.find_sources"
    bl_label = "Find Sources"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        count = own_heads.find_sources(face)
        live.on_sliders_changed(face)
        self.report({"INFO"}, f"{count} sources found" if count else "No shape key was recognised")


class DNPM_OT_measure_rig(BackgroundOperator, bpy.types.Operator):
    """Move each control of the mesh's rig a little and see what it does to the skin: then the controls drive the
    expressions, whatever they are called: Rigify, Auto-Rig Pro, rigs of your own. The rig must be at rest"""

    bl_idname = "dnpm.measure_rig"
    bl_label = "Measure Rig"
    holds = True

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        obj = context.active_object
        if obj is None or not own_heads.is_own(obj):
            return "Select a mesh that was given detail (Add Detail to Selected Mesh)"
        return "" if rig_motion.armatures_of(obj) else f"{obj.name} has no armature that moves it"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        return self.start(context)

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        uid, name = face.session_uid, face.name
        channels, reading = yield from rig_motion.measure(face)
        if not channels:
            raise DnpmError(f"{name}: no control of its rig bends the face")
        obj = _object(uid, name)
        rig_motion.keep(obj, channels, reading)
        live.on_sliders_changed(obj)
        return f"{name}: {len({channel.bone for channel in channels})} controls of its rig move the face"


class DNPM_OT_forget_rig(_OwnHeadOperator, bpy.types.Operator):
    """Let the rig that was measured no longer drive the expressions; the list of sources stays"""

    bl_idname = "dnpm.forget_rig"
    bl_label = "Forget Rig"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        getattr(face, names.FACE).rig_channels.clear()
        getattr(face, names.FACE).rig_reading = ""
        live.on_sliders_changed(face)


class DNPM_OT_add_source(_OwnHeadOperator, bpy.types.Operator):
    """Add a source of an expression: a shape key by its name, a bone's channel or a custom property by its data path"""

    bl_idname = "dnpm.add_source"
    bl_label = "Add Source"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        group = getattr(face, names.FACE)
        item = group.sources.add()
        item.name, item.expression, item.data_path = "new source", "jawOpen", '["jawOpen"]'
        if face.get("jawOpen") is None:
            face["jawOpen"] = 0.0
        group.active_source = len(group.sources) - 1
        live.on_sliders_changed(face)


class DNPM_OT_remove_source(_OwnHeadOperator, bpy.types.Operator):
    """Remove the selected source"""

    bl_idname = "dnpm.remove_source"
    bl_label = "Remove Source"

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        group = getattr(face, names.FACE)
        if not 0 <= group.active_source < len(group.sources):
            raise DnpmError(f"{face.name}: no source is selected")
        group.sources.remove(group.active_source)
        group.active_source = max(0, group.active_source - 1)
        live.on_sliders_changed(face)


class DNPM_OT_save_own_maps(_OwnHeadOperator, bpy.types.Operator):
    """Save the map of now in the mesh's own UVs, an EXR for each UDIM tile: 32-bit float, signed millimetres"""

    bl_idname = "dnpm.save_own_maps"
    bl_label = "Save Map in Own UVs"
    bl_options = {"REGISTER"}
    edits = False

    filepath: bpy.props.StringProperty(
        name="File", description="EXR to write; on several tiles their number is added", subtype="FILE_PATH",
        default="//detail.exr",
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(default="*.exr", options={"HIDDEN"})
    uv_layer: bpy.props.StringProperty(name="UV Layer", description="Of the mesh; empty: the one that renders use")
    size: bpy.props.IntProperty(name="Size", description="Pixels a side of each tile", default=4096, min=64, max=16384)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        map_image.check_live(face)
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, ".exr")))
        tiles = own_maps(face, self.uv_layer, self.size)
        for number, height in tiles.items():
            write_exr(path if set(tiles) == {1001} else path.with_stem(f"{path.stem}.{number}"), height, channels="RGB")
        unit = 1.0 / (1000.0 * getattr(face, names.FACE).unit_scale)
        self.report({"INFO"}, f"Saved {len(tiles)} tile(s) beside {path}; a millimetre is {unit:.6g} units of the mesh")


def own_maps(face: bpy.types.Object, uv_layer: str, size: int) -> dict[int, np.ndarray]:
    """UDIM number -> (size, size) float32 mm: the shown map in the mesh's own UVs. Raises DnpmError without such."""
    mesh = face.data
    chosen = [layer for layer in mesh.uv_layers if layer.name != names.DETAIL]
    if uv_layer:
        layer = mesh.uv_layers.get(uv_layer)
    else:
        layer = next((one for one in chosen if one.active_render), chosen[0] if chosen else None)
    detail = mesh.uv_layers.get(names.DETAIL)
    if layer is None or detail is None:
        raise DnpmError(f"{face.name}: has no UV layer {uv_layer or 'of its own'}: unwrap it, or choose another")
    mesh.calc_loop_triangles()
    loops = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)

    def read(one: bpy.types.MeshUVLoopLayer) -> np.ndarray:
        values = np.empty(2 * len(mesh.loops), np.float32)
        one.uv.foreach_get("vector", values)
        return values.reshape(-1, 2)

    weight = own_heads.region_weights(face)
    # By corners: the layer holds for every corner its own place.
    triangles = loops.reshape(-1, 3)
    strength = getattr(face, names.FACE).strength
    return resampled(
        strength * map_image.read_map(face), read(detail), weight[corners], triangles, read(layer)[triangles], size
    )


CLASSES = (
    DNPM_OT_add_detail, DNPM_OT_remove_detail, DNPM_OT_find_sources, DNPM_OT_measure_rig, DNPM_OT_forget_rig,
    DNPM_OT_add_source, DNPM_OT_remove_source, DNPM_OT_save_own_maps,
)  # fmt: skip
