"""What the operators that make keyframes of a recording are asked alike."""

from __future__ import annotations

import bpy

from .base import OperatorMixin
from .properties.keyframes import INTO_ITEMS, INTO_TEXT, START_ITEMS, TARGET_ITEMS, TARGET_TEXT


class KeyframeOptions(OperatorMixin):
    """Mixin: where the recording begins, and where its keyframes go."""

    start: bpy.props.EnumProperty(
        name="Start", description="The frame at which the recording begins", items=START_ITEMS
    )
    frame: bpy.props.IntProperty(name="Frame", description="The frame at which the recording begins", default=1)
    into: bpy.props.EnumProperty(name="Into", description=INTO_TEXT, items=INTO_ITEMS)
    target: bpy.props.EnumProperty(name="As", description=TARGET_TEXT, items=TARGET_ITEMS)

    def shown_start(self) -> list[str]:
        """The properties of the begin that are shown."""
        return ["start", "frame"] if self.start == "FRAME" else ["start"]

    def first_frame(self, scene: bpy.types.Scene, current: int | None = None) -> int:
        """Where it begins; `current`: the frame that was shown when the work began."""
        frames = {"SCENE": scene.frame_start, "CURRENT": scene.frame_current if current is None else current}
        return frames.get(self.start, self.frame)
