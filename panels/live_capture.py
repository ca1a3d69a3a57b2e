"""The Live Capture panel: a phone moves the face."""

from __future__ import annotations

import bpy

from ..operators.scene import names, registration
from ..operators.scene.motion import live_capture
from .status import paragraph
from .tab import FaceTab


class DNPM_PT_live_capture(FaceTab, bpy.types.Panel):
    """Live Link Face or iFacialMocap, live."""

    bl_idname = "DNPM_PT_live_capture"
    own_heads = False
    bl_order = 6
    bl_parent_id = "DNPM_PT_main"
    bl_label = "Live Capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, context.active_object
        assert face is not None
        group, running = getattr(face, names.LIVE_CAPTURE), live_capture.running()
        on = running is not None and running.uid == face.session_uid
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.enabled = not on
        column.prop(group, "source")
        column.prop(group, "address")
        column.prop(group, "phone" if group.source == "IFACIALMOCAP" else "port")
        column.prop(group, "head")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("dnpm.live_capture", text="Stop" if on else "Start", icon="PAUSE" if on else "PLAY", depress=on)
        if on and running is not None:
            self._draw_state(running)
            row = layout.row(align=True)
            row.operator("dnpm.live_capture_neutral", icon="USER")
            recording = running.take is not None
            row.operator(
                "dnpm.live_capture_record", text="End Take" if recording else "Record",
                icon="SNAP_FACE" if recording else "REC", depress=recording,
            )  # fmt: skip
        column = layout.column(align=True)
        column.prop(group, "mirror")
        column.prop(group, "smoothing", slider=True)
        if group.head != "NONE":
            column.prop(group, "flip")
        column = layout.column(align=True)
        column.prop(group, "into")
        column.prop(group, "target")
        column.prop(group, "tolerance")

    def _draw_state(self, running: live_capture.LiveCapture) -> None:
        paragraph(self.layout, state_text(running), icon="INFO")


def state_text(running: live_capture.LiveCapture) -> str:
    """What the panel says of a session."""
    counts = running.counts
    if running.problem:
        return running.problem
    if not counts.received:
        return f"Nothing yet at port {running.receiver.port}" + (f": {counts.reason}" if counts.reason else "")
    parts = [f"{running.subject}: {running.rate:.0f} packets a second" if running.rate else "Nothing comes any more"]
    if not running.sees_face:
        parts.append("the phone sees no face")
    if running.is_calibrating:
        parts.append("hold still")
    if running.take is not None:
        parts.append(f"recording, {len(running.take.times)} frames")
    if counts.ignored:
        parts.append(f"{counts.ignored} ignored ({counts.reason})")
    return ", ".join(parts)


CLASSES = (DNPM_PT_live_capture,)


_STEPS = registration.classes(CLASSES)


def register() -> None:
    """Called by the front door."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
