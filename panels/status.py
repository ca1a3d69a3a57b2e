"""The status line: device, milliseconds, what is running, and what stands in the way."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import blf
import bpy

from ..core.backend.types import BackendStatus
from ..operators.scene import session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_STATES = {"off": "not started", "starting": "starting", "ready": "ready", "busy": "computing", "failed": "stopped"}
_MOST_LINES, _FEWEST, _WITHOUT_REGION = 12, 20, 46
_MARGIN = 60.0
"""Pixels at scale 1: the icon, the box and the scroll bar."""
_SAMPLE = "the backend computes the detail of this face, 1024 x 1024 pixels"
"""Typical text, by which the font's width is measured."""
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


def missing(layout: bpy.types.UILayout, action: str, modules: Mapping[str, str]) -> None:
    """What the backend's Python lacks for the buttons below, and what to do; nothing where nothing is lacking."""
    if text := session.missing(action, modules):
        paragraph(layout.box(), text[0].upper() + text[1:], icon="ERROR")


def paragraph(layout: bpy.types.UILayout, text: str, icon: IconItems = "NONE") -> None:
    """A text over several lines, because a label is one line that is cut off; as wide as the region is."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, part in enumerate(textwrap.wrap(text, _characters(), break_on_hyphens=False)[:_MOST_LINES]):
        column.label(text=part, icon=icon if number == 0 else "NONE")


def _characters() -> int:
    """How many characters of Blender's interface font a line of the region holds, its icon and margins left out."""
    region = bpy.context.region
    if region is None or region.width < 2:  # A panel that is drawn without a window, or not laid out yet.
        return _WITHOUT_REGION
    style = bpy.context.preferences.ui_styles[0].widget
    scale = bpy.context.preferences.system.ui_scale
    blf.size(0, style.points * scale)
    width, _ = blf.dimensions(0, _SAMPLE)
    return max(_FEWEST, int((region.width - _MARGIN * scale) / max(width / len(_SAMPLE), 1.0)))
