"""A report of what is installed and what happened, for whoever looks into a fault."""

from __future__ import annotations

import bpy

from .base import Result
from .scene import diagnostics


class DNPM_OT_copy_diagnostics(bpy.types.Operator):
    """Copy versions, device, weights, settings and the last 100 log lines to the clipboard, without folders' names"""

    bl_idname = "dnpm.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Result:
        text = diagnostics.text()
        context.window_manager.clipboard = text
        self.report({"INFO"}, f"Copied {len(text.splitlines())} lines: paste them into your report")
        return {"FINISHED"}


CLASSES = (DNPM_OT_copy_diagnostics,)
