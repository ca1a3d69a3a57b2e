"""Live Capture: a phone moves the face; what it does can be recorded."""

from __future__ import annotations

from contextlib import ExitStack

import bpy
import numpy as np

from ..core.capture.packets import IFACIALMOCAP_PORT
from ..core.capture.resample import resampled
from ..core.errors import DnpmError
from .base import FaceOperator, Result, failed
from .properties.live_capture import mapping_of
from .scene import names
from .scene.face import models, slider_values
from .scene.motion import apply_curves, live_capture, sounds

_LOOPBACK = "127."


class DNPM_OT_live_capture(FaceOperator, bpy.types.Operator):
    """Listen for a phone's packets, and let this face follow; press again to stop"""

    bl_idname = "dnpm.live_capture"
    own_heads = False
    bl_label = "Live Capture"
    bl_options = {"REGISTER"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        running = live_capture.running()
        if running is not None:
            if running.take is not None:
                raise DnpmError("a take is being recorded: stop the recording first")
            live_capture.stop()
            if running.uid == face.session_uid:
                return
        group, model = getattr(face, names.LIVE_CAPTURE), models.model_of(face)
        apply_curves.check(face, model)
        asked = group.source == "IFACIALMOCAP"
        if asked and not group.phone.strip():
            raise DnpmError("give the phone's address, as iFacialMocap shows it")
        if not group.address.startswith(_LOOPBACK) and not getattr(bpy.app, "online_access", True):
            raise DnpmError(
                "online access is off: allow it in Preferences > System > Network, or listen at 127.0.0.1 alone"
            )
        port = IFACIALMOCAP_PORT if asked else group.port
        live_capture.start(face, group.address.strip(), port, group.phone.strip() if asked else "", mapping_of(face))
        self.report({"INFO"}, f"Listening at {group.address}, port {port}")
        if moved := apply_curves.animated(face, model):
            self.report(
                {"WARNING"}, f"Keyframes or drivers move {', '.join(moved[:5])} too: playback overrides the phone"
            )


class DNPM_OT_live_capture_neutral(FaceOperator, bpy.types.Operator):
    """Take the next half second as this person's face at rest: hold still, look ahead, mouth closed"""

    bl_idname = "dnpm.live_capture_neutral"
    bl_label = "Set Neutral"
    bl_options = {"REGISTER"}

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        _session_of(face).calibrate()


class DNPM_OT_live_capture_record(FaceOperator, bpy.types.Operator):
    """Record what the phone sends; press again to end the take, which becomes keyframes from the current frame on"""

    bl_idname = "dnpm.live_capture_record"
    bl_label = "Record"

    def execute(self, context: bpy.types.Context) -> Result:
        face = context.active_object
        try:
            session = _session_of(face)
            if session.take is None:
                session.take = live_capture.Take()
                return {"CANCELLED"}  # nothing to undo: Blender keeps a step for what has finished
        except DnpmError as error:
            return failed(self, error)
        return super().execute(context)

    def apply(self, context: bpy.types.Context, face: bpy.types.Object) -> None:
        session, group, scene = _session_of(face), getattr(face, names.LIVE_CAPTURE), context.scene
        track = session.end_take()
        times, expression, rotations = resampled(track, sounds.fps_of(scene))
        frames, model = scene.frame_current + np.arange(len(times)), models.model_of(face)
        label = f"{face.name} {session.subject or 'take'}"
        if session.mapping.head == "OBJECT":
            session.stand_up(face)
        with ExitStack() as undo:
            written = apply_curves.key_expression(
                face, model, label, frames, np.clip(expression, 0, 1), group.tolerance,
                layered=group.target == "LAYER", missing=track.missing, into=group.into,
            )  # fmt: skip
            undo.callback(written.undo)
            if rotations is not None:
                apply_curves.key_head(
                    face, scene, session.mapping.head, label, frames, rotations, group.tolerance, undo
                )
            undo.pop_all()
        live_capture.stop()
        self.report(
            {"INFO"},
            f"{len(track.times)} packets in {track.times[-1]:.1f} s ({track.rate:.1f} a second) from "
            f"{session.subject}: {written.keys} keyframes from frame {frames[0]} to {frames[-1]}",
        )


def _session_of(face: bpy.types.Object | None) -> live_capture.LiveCapture:
    running = live_capture.running()
    if running is None or face is None or running.uid != face.session_uid:
        raise DnpmError("Live Capture is not on for this face")
    if slider_values.find(running.uid) is None:
        raise DnpmError(f"{running.name}: was deleted")
    return running


CLASSES = (DNPM_OT_live_capture, DNPM_OT_live_capture_neutral, DNPM_OT_live_capture_record)
