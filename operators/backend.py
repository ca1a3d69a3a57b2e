"""Operators on the process that computes the detail: restart it, test it."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.backend.requests import InfoAnswer, InfoRequest, MapAnswer, MapRequest
from ..core.backend.types import Pending, Reply
from ..core.errors import DnpmError
from .base import Result, failed
from .scene import compat, session
from .scene.detail import live
from .scene.face import models

_TICK_S = 0.1
_CHANNEL = "test of the backend"


class DNPM_OT_restart_backend(bpy.types.Operator):
    """Start the process that recomputes the detail, with the preferences as they are now"""

    bl_idname = "dnpm.restart_backend"
    bl_label = "Restart"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Result:
        session.restart()
        live.backend_changed()
        live.run_timer()
        return {"FINISHED"}


class DNPM_OT_test_backend(bpy.types.Operator):
    """Start the backend with the preferences as they are now, let it compute one map, and say what it runs on"""

    bl_idname = "dnpm.test_backend"
    bl_label = "Test Backend"
    bl_options = {"REGISTER"}

    _info: Pending[InfoAnswer]
    _map: Pending[MapAnswer]

    def execute(self, context: bpy.types.Context) -> Result:
        """Wait for it."""
        try:
            self._ask()
        except DnpmError as error:
            return failed(self, error)
        return self._told(self._info.wait(), self._map.wait())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if compat.in_background():
            return self.execute(context)
        try:
            self._ask()
        except DnpmError as error:
            return failed(self, error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        context.workspace.status_text_set("Test Backend: starting and computing a map      Esc: stop waiting")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if event.type == "ESC" and event.value == "PRESS":
            self._stop(context)
            return {"CANCELLED"}
        if event.type != "TIMER" or self._map.reply is None or self._info.reply is None:
            return {"PASS_THROUGH"}
        self._stop(context)
        return self._told(self._info.reply, self._map.reply)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends, or another file is opened."""
        self._stop(context)

    def _ask(self) -> None:
        model = models.current_model()
        if session.status().state == "failed":
            session.restart()
        client = session.usable_client()
        self._info = client.submit(f"{_CHANNEL}: info", InfoRequest())
        nobody, rest = np.zeros(model.n_id, np.float32), np.zeros(model.n_exp, np.float32)
        # At the weights' own size: smaller ones differ from generator to generator.
        self._map = client.submit(f"{_CHANNEL}: map", MapRequest(identity=nobody, expression=rest))

    def _told(self, info: Reply[InfoAnswer] | None, found: Reply[MapAnswer] | None) -> Result:
        session.redraw()
        assert info is not None
        assert found is not None
        for reply in (info, found):
            if reply.error is not None:
                return failed(self, DnpmError(reply.error))
        facts, (height, width) = info.answer, found.answer.displacement.shape[-2:]
        self.report(
            {"INFO"},
            f"The backend works: PyTorch {facts.torch_version} on {facts.device_name or facts.device}, weights "
            f"{facts.weights_name}, a map of {width} x {height} in {found.ms:.0f} ms",
        )
        return {"FINISHED"}

    def _stop(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


CLASSES = (DNPM_OT_restart_backend, DNPM_OT_test_backend)
