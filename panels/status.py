"""The status line: device, milliseconds, what is running, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import blf
import bpy

from ..core.backend.types import BackendStatus
from ..operators.scene import session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_STATES = {"off": "not started", "starting": "starting", "ready": "ready", "busy": "computing", "failed": "stopped"}
_MOST_LINES, _WITHOUT_REGION = 12, 46
_MARGIN, _ICON, _NARROWEST = 82.0, 24.0, 100.0
"""Pixels at scale 1: tabs, panel and box beside a text; an icon; the least room that a text takes."""
_ICONS: dict[str, IconItems] = {
    "off": "RADIOBUT_OFF",
    "starting": "TIME",
    "ready": "CHECKMARK",
    "busy": "SORTTIME",
    "failed": "ERROR",
}


def line(status: BackendStatus) -> str:
    """One line for a person."""
    parts = [_STATES[status.state]]
    if status.last_ms is not None:
        parts.append(f"{status.last_ms:.0f} ms")
    if status.device:
        parts.append(status.device.upper())
    return ", ".join(parts)


def draw(layout: bpy.types.UILayout, *, hint: bool = True) -> None:
    """The line, and the message where there is one. hint: say that the preferences tell how to get a graphics card."""
    status = session.status()
    row = layout.row(align=True)
    row.label(text=f"Detail: {line(status)}", icon=_ICONS[status.state])
    if status.state != "off":
        row.operator("dnpm.restart_backend", text="", icon="FILE_REFRESH")
    if status.device_name:
        paragraph(layout, status.device_name)
    if hint and status.device_note:
        paragraph(layout, "This PyTorch knows no graphics cards; the preferences say how to get one that does")
    if status.message:
        paragraph(layout, status.message)
    if status.state == "failed":
        layout.label(text="The face works without its detail.")


def missing(layout: bpy.types.UILayout, modules: Mapping[str, str]) -> None:
    """What the backend's Python lacks for the buttons below, and what to do; nothing where nothing is lacking."""
    if text := session.missing_in_short(modules):
        paragraph(layout.box(), text, icon="ERROR")


def paragraph(layout: bpy.types.UILayout, text: str, icon: IconItems = "NONE") -> None:
    """A text over several lines, because a label is one line that is cut off; as wide as the region is."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    measure, room, of_icon = _room()
    first = room if icon == "NONE" else room - of_icon
    for number, part in enumerate(wrapped(text, measure, room, first)[:_MOST_LINES]):
        column.label(text=part, icon=icon if number == 0 else "NONE")


def wrapped(text: str, measure: Callable[[str], float], room: float, first: float) -> list[str]:
    """Lines no wider than `room`, the first than `first`; a word that is wider, as a path is, goes over several."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if measure(longer) <= (first if len(lines) == 1 else room):
            lines[-1] = longer
            continue
        if lines[-1] or len(lines) == 1:
            lines.append("")
        for letter in word:
            if lines[-1] and measure(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _room() -> tuple[Callable[[str], float], float, float]:
    """How wide a text is in Blender's interface font, how wide a line of the region may be, and how wide an icon is."""
    region = bpy.context.region
    if region is None or region.width < 2:  # A panel that is drawn without a window, or not laid out yet.
        return len, _WITHOUT_REGION, 0.0
    scale = bpy.context.preferences.system.ui_scale
    blf.size(0, bpy.context.preferences.ui_styles[0].widget.points * scale)
    room = max(region.width - _MARGIN * scale, _NARROWEST * scale)
    return lambda text: blf.dimensions(0, text)[0], room, _ICON * scale
