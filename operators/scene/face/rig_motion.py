"""Which expressions a rig makes on a head of another program: each of its controls is moved a little both ways, and the
skin is looked at (`core/transfer/motion.py`). From then on the controls' numbers tell the expressions, as a reading
that is kept with the face. Works on any rig that moves the mesh, whatever its controls are called.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ....core.errors import DnpmError
from ....core.transfer.motion import Motion, Reading
from .. import names
from ..board import posing
from . import head_setup, models, own_heads, slider_values

_KEEP_COUNT = frozenset({
    "ARMATURE", "CAST", "CORRECTIVE_SMOOTH", "CURVE", "HOOK", "LAPLACIANDEFORM", "LATTICE", "MESH_DEFORM", "SHRINKWRAP",
    "SIMPLE_DEFORM", "SMOOTH", "LAPLACIANSMOOTH", "SURFACE_DEFORM", "WARP", "MESH_CACHE", "MESH_SEQUENCE_CACHE",
})  # fmt: skip
"""Modifiers that move vertices and make none; the others are switched off while controls are moved."""
_INNER = ("DEF-", "ORG-", "MCH-", "VIS_")
"""Rigify's bones that are no controls."""
_SHIFT_MM, _TURN = 5.0, 0.15
"""The steps: millimetres of the head's size, radians. About half of what an expression needs: lids slide over the eye
and chains of bones pull their neighbours along, so that what the first millimetre does is not what the tenth does."""
_WAYS = (1.0, -1.0)
_LEAST_MM = 0.25
"""A control that takes the skin less far with a step does not count."""
_AT_REST_MM, _AT_REST_SHARE = 2.0, 0.9
"""A rig counts as posed when more than the rest of this share of the face is farther off than that."""


@dataclass(frozen=True)
class Channel:
    """A number of a bone: the armature's name, the bone's, the property, its index, and a radian or unit of it in
    the number's own (a quaternion's component is half an angle)."""

    armature: str
    bone: str
    what: str
    index: int
    per_unit: float

    @property
    def path(self) -> str:
        """As drivers name it."""
        return f'pose.bones["{bpy.utils.escape_identifier(self.bone)}"].{self.what}[{self.index}]'

    @property
    def title(self) -> str:
        """For the list of sources."""
        letters = "WXYZ" if self.what == "rotation_quaternion" else "XYZ"
        return f"{self.bone} {'turn' if self.what.startswith('rotation') else 'move'} {letters[self.index]}"

    def shift(self, step: float) -> float:
        """Add to the number; what it was."""
        values = getattr(posing.bones_of(bpy.data.objects[self.armature])[self.bone], self.what)
        before = float(values[self.index])
        values[self.index] = before + step * self.per_unit
        return before

    def put_back(self, value: float) -> None:
        """Set the number, where the bone is still there."""
        rig = bpy.data.objects.get(self.armature)
        bone = posing.bones_of(rig).get(self.bone) if rig is not None else None
        if bone is not None:
            getattr(bone, self.what)[self.index] = value


def armatures_of(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """The armatures that move the mesh, by a modifier or as its parent."""
    found = [m.object for m in obj.modifiers if isinstance(m, bpy.types.ArmatureModifier) and m.object is not None]
    if obj.parent is not None and obj.parent.type == "ARMATURE" and obj.parent not in found:
        found.append(obj.parent)
    return found


def controls_of(armature: bpy.types.Object) -> list[str]:
    """The bones that an artist moves: those with a shape of their own, where the rig has such; else all."""
    bones = posing.bones_of(armature)
    shaped = [bone.name for bone in bones if bone.custom_shape is not None and not bone.name.startswith(_INNER)]
    return shaped or [bone.name for bone in bones if not bone.name.startswith(_INNER)]


def channels_of(armature: bpy.types.Object, name: str) -> list[Channel]:
    """What of a bone can be moved: unlocked places and turns that no driver holds."""
    bone: Any = posing.bones_of(armature)[name]
    data = armature.animation_data
    driven = {(curve.data_path, curve.array_index) for curve in data.drivers} if data is not None else set()
    found = []
    if not bone.bone.use_connect:
        found += [Channel(armature.name, name, "location", k, 1.0) for k in range(3) if not bone.lock_location[k]]
    if bone.rotation_mode == "QUATERNION":
        turns = [Channel(armature.name, name, "rotation_quaternion", k + 1, 0.5) for k in range(3)]
    elif bone.rotation_mode == "AXIS_ANGLE":
        turns = []
    else:
        turns = [Channel(armature.name, name, "rotation_euler", k, 1.0) for k in range(3)]
    found += [channel for k, channel in enumerate(turns) if not bone.lock_rotation[k]]
    return [channel for channel in found if (channel.path[: channel.path.rindex("[")], channel.index) not in driven]


def places_of(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """(V, 2) and (V,): where each vertex of a head that was given detail lies in the detail layer, and its weight."""
    mesh = obj.data
    layer = mesh.uv_layers.get(names.DETAIL)
    if layer is None:
        raise DnpmError(f"{obj.name}: its UV layer {names.DETAIL!r} was deleted: press Add Detail again")
    corners, flat = np.empty(len(mesh.loops), np.int32), np.empty(2 * len(mesh.loops), np.float32)
    mesh.loops.foreach_get("vertex_index", corners)
    layer.uv.foreach_get("vector", flat)
    uv, weight = np.zeros((len(mesh.vertices), 2), np.float32), own_heads.region_weights(obj)
    # A vertex at the rim also has corners on the layer's own corner, where no detail is.
    inside = (flat.reshape(-1, 2) != 0).any(1)
    uv[corners[inside]] = flat.reshape(-1, 2)[inside]
    weight[(uv == 0).all(1)] = 0.0
    return uv, weight


class Measurement:
    """Controls moved one after the other; `close` puts everything back."""

    def __init__(self, obj: bpy.types.Object) -> None:
        """Raises DnpmError when no rig moves the mesh, or it is not at rest."""
        if not armatures_of(obj):
            raise DnpmError(f"{obj.name}: no armature moves it: give it an Armature modifier, or parent it to its rig")
        self.name = obj.name
        self._hidden = [m.name for m in obj.modifiers if m.show_viewport and m.type not in _KEEP_COUNT]
        self._moved: list[tuple[Channel, float]] = []
        for name in self._hidden:
            obj.modifiers[name].show_viewport = False
        try:
            self._prepare(obj)
        except BaseException:
            self.close()
            raise

    def _prepare(self, obj: bpy.types.Object) -> None:
        uv, weight = places_of(obj)
        self.used = np.arange(len(uv))
        self.rest = self._skin()
        identity = slider_values.identity_vector(obj)
        self.motion = Motion(models.model_of(obj), identity, uv, weight, self.rest)
        self.used = self.motion.used
        self.rest = self.rest[self.used]

    def check_rest(self, rest_points: np.ndarray) -> None:
        """rest_points (V, 3): the mesh without its rig. Raises DnpmError when the rig is posed."""
        # A rig's own constraints may hold lids and lips a little off the mesh's rest.
        off = self.motion.moved_mm(self.rest - rest_points[self.used], share=_AT_REST_SHARE)
        if off > _AT_REST_MM:
            raise DnpmError(
                f"{self.name}: the rig is posed, {off:.0f} mm off: put it at rest first (Pose > Clear Transform > All)"
            )

    def _skin(self) -> np.ndarray:
        """(n, 3) float64: the used vertices as the rig has them now, the object's own space."""
        bpy.context.view_layer.update()
        mesh = bpy.data.objects[self.name].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        if len(mesh.vertices) < len(self.used):
            raise DnpmError(f"{self.name}: the mesh was changed meanwhile: try again")
        flat = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", flat)
        return flat.reshape(-1, 3)[self.used].astype(np.float64)

    def step_of(self, channel: Channel) -> float:
        """How far it is moved: units of the armature, or radians."""
        if channel.what != "location":
            return _TURN
        obj, armature = bpy.data.objects[self.name], bpy.data.objects[channel.armature]
        ratio = obj.matrix_world.median_scale / max(armature.matrix_world.median_scale, 1e-9)
        return _SHIFT_MM * self.motion.unit * ratio

    def field(self, channels: list[Channel], way: float) -> np.ndarray:
        """(n, 3): how far the skin goes when they are moved by a step together; way: 1 forwards, -1 backwards."""
        try:
            for channel in channels:
                self._moved.append((channel, channel.shift(way * self.step_of(channel))))
            return self._skin() - self.rest
        finally:
            self._put_back()

    def _put_back(self) -> None:
        while self._moved:
            channel, before = self._moved.pop()
            channel.put_back(before)

    def bends(self, channels: list[Channel]) -> bool:
        """Whether a step of all of them bends the face, forwards or backwards."""
        return any(self.motion.moved_mm(self.field(channels, way)) >= _LEAST_MM for way in _WAYS)

    def pulls(self, channel: Channel) -> tuple[np.ndarray, np.ndarray] | None:
        """What it does to the expressions forwards and backwards (`Motion.seen`); None when it does not bend the
        face."""
        step, found, counts = self.step_of(channel) * channel.per_unit, [], False
        for way in _WAYS:
            field = self.field([channel], way)
            pull = self.motion.seen(field, way * step)
            found.append(np.zeros(len(self.motion.names)) if pull is None else pull)
            counts |= pull is not None and self.motion.moved_mm(field) >= _LEAST_MM
        return (found[0], found[1]) if counts else None

    def close(self) -> None:
        """Everything as it was."""
        self._put_back()
        obj = bpy.data.objects.get(self.name)
        for name in self._hidden:
            modifier = obj.modifiers.get(name) if obj is not None else None
            if modifier is not None:
                modifier.show_viewport = True
        bpy.context.view_layer.update()


def measure(obj: bpy.types.Object) -> Generator[tuple[float, str], None, tuple[list[Channel], Reading]]:
    """Move every control, and tell what the channels that bend the face do. Yields the share done and the control's
    name. Raises DnpmError when no rig moves the mesh, or it is posed."""
    rest_points = head_setup.rest_points(obj)
    bones = [(rig.name, bone) for rig in armatures_of(obj) for bone in controls_of(rig)]
    work = Measurement(obj)
    try:
        work.check_rest(rest_points)
        channels: list[Channel] = []
        pulls: list[tuple[np.ndarray, np.ndarray]] = []
        for k, (rig, bone) in enumerate(bones):
            yield k / len(bones), bone
            tried = channels_of(bpy.data.objects[rig], bone)
            # All at once first: most controls of a rig do not bend the face.
            if not tried or not work.bends(tried):
                continue
            for channel in tried:
                pull = work.pulls(channel)
                if pull is not None:
                    channels.append(channel)
                    pulls.append(pull)
        return channels, work.motion.reading(pulls)
    finally:
        work.close()


def keep(obj: bpy.types.Object, channels: list[Channel], reading: Reading) -> None:
    """Let these drive the head's expressions from now on, beside its sources; none: no rig does any more."""
    group = getattr(obj, names.FACE)
    group.rig_channels.clear()
    with slider_values.suppress_updates():
        for channel in channels:
            item = group.rig_channels.add()
            item.name, item.data_path = channel.title, channel.path
            item.owner = bpy.data.objects[channel.armature]
            item.rest = float(item.owner.path_resolve(channel.path))
        rounded = {
            "names": reading.names,
            "gram": [[float(f"{value:.6g}") for value in row] for row in reading.gram],
            "pull": [[[float(f"{value:.5g}") for value in row] for row in way] for way in reading.pull],
        }
        group.rig_reading = json.dumps(rounded, separators=(",", ":")) if channels else ""
