"""The status line: device, milliseconds, what is running, and what stands in the way."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import bpy

from ..core.backend.types import BackendStatus
from ..operators.scene import session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_STATES = {"off": "not started", "starting": "starting", "ready": "ready", "busy": "computing", "failed": "stopped"}
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


def draw(layout: bpy.types.UILayout, width: int = 46) -> None:
    """The line, and the message where there is one."""
    status = session.status()
    row = layout.row(align=True)
    row.label(text=f"Detail: {line(status)}", icon=_ICONS[status.state])
    if status.state != "off":
        row.operator("dnpm.restart_backend", text="", icon="FILE_REFRESH")
    if status.device_name:
        paragraph(layout, status.device_name, width)
    if status.message:
        paragraph(layout, status.message, width)
    if status.state == "failed":
        layout.label(text="The face works without its detail.")


def paragraph(layout: bpy.types.UILayout, text: str, width: int = 46, icon: IconItems = "NONE") -> None:
    """A text over several lines, because a label is one line that is cut off."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, part in enumerate(textwrap.wrap(text, width, break_on_hyphens=False)[:12]):
        column.label(text=part, icon=icon if number == 0 else "NONE")
