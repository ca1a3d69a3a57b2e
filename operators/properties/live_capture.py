"""How a phone's performance moves a face while it is sent."""

from __future__ import annotations

import bpy

from ...core.capture.packets import IFACIALMOCAP_PORT, LIVE_LINK_PORT
from ..scene import names, registration
from ..scene.motion import live_capture
from .keyframes import INTO_ITEMS, INTO_TEXT, TARGET_ITEMS, TARGET_TEXT


def _changed(group: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    running = live_capture.running()
    if running is not None and running.uid == group.id_data.session_uid:
        running.adopt(mapping_of(group.id_data))


class LiveCaptureProperties(bpy.types.PropertyGroup):
    """Where a phone's packets come from, and how they are mapped."""

    source: bpy.props.EnumProperty(
        name="From",
        description="The program on the phone",
        items=[
            (
                "LIVE_LINK",
                "Live Link Face",
                f"Epic's app, which sends by itself to this computer, port {LIVE_LINK_PORT}",
            ),
            ("IFACIALMOCAP", "iFacialMocap", f"Is asked to send, at the phone's address, port {IFACIALMOCAP_PORT}"),
        ],
        options=set(),
    )
    address: bpy.props.StringProperty(
        name="Listen At",
        description="Address of this computer that packets are taken at. 0.0.0.0: at all of its networks; "
        "127.0.0.1: from programs on this computer alone",
        default="0.0.0.0",  # noqa: S104 -- a phone is another machine, and it runs only while it is switched on
        options=set(),
    )
    port: bpy.props.IntProperty(
        name="Port", description="UDP port that Live Link Face sends to", default=LIVE_LINK_PORT, min=1024, max=65535,
        options=set(),
    )  # fmt: skip
    phone: bpy.props.StringProperty(
        name="Phone", description="Address of the phone, as iFacialMocap shows it", default="", options=set()
    )
    mirror: bpy.props.BoolProperty(
        name="Mirror",
        description="Exchange left and right, so that the face moves as in a mirror",
        default=False,
        options=set(),
        update=_changed,
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing",
        description="How still what rests becomes: 0 leaves the packets as they are. Quick movements stay quick",
        default=0.3,
        min=0.0,
        max=1.0,
        options=set(),
        update=_changed,
    )
    head: bpy.props.EnumProperty(
        name="Turn",
        description="What turns as the head does",
        items=[
            ("NONE", "Nothing", "Expressions alone"),
            ("OBJECT", "The Face", "The face itself turns, about its origin between the ears"),
            ("EMPTY", "An Empty", "An empty beside the face, for a rig to follow"),
        ],
        options=set(),
    )
    flip: bpy.props.BoolVectorProperty(
        name="Flip Yaw, Pitch, Roll",
        description="Turn the head the other way: for programs whose axes are others",
        size=3,
        options=set(),
        update=_changed,
    )
    into: bpy.props.EnumProperty(name="Into", description=INTO_TEXT, items=INTO_ITEMS, options=set())
    target: bpy.props.EnumProperty(name="As", description=TARGET_TEXT, items=TARGET_ITEMS, options=set())
    tolerance: bpy.props.FloatProperty(
        name="Thin Out",
        description="Leave out keyframes as long as no slider gets further from its curve than this. 0: one a frame",
        min=0.0, max=0.1, step=0.1, precision=4, options=set(),
    )  # fmt: skip


_SLOWEST_HZ, _QUICKEST_HZ = 0.8, 12.0


def mapping_of(face: bpy.types.Object) -> live_capture.Mapping:
    """What the face's settings say."""
    group = getattr(face, names.LIVE_CAPTURE)
    cutoff = _QUICKEST_HZ * (_SLOWEST_HZ / _QUICKEST_HZ) ** group.smoothing if group.smoothing > 0 else 0.0
    return live_capture.Mapping(group.mirror, cutoff, group.head, tuple(group.flip))


CLASSES = (LiveCaptureProperties,)


_STEPS = registration.with_property(CLASSES, names.LIVE_CAPTURE, LiveCaptureProperties)


def register() -> None:
    """Class, and the property on every object."""
    registration.do(_STEPS)


def unregister() -> None:
    """The reverse."""
    registration.undo(_STEPS)
