"""What long operators share: with a window they go on beside the artist's work, without one they are waited for.

An operator is a generator (`work`): it yields how far it is, changes the scene at its end alone, and puts back whatever
it touched on the way when it is closed. Esc closes it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import bpy

from ..core import logs
from ..core.errors import DnpmError
from .base import OperatorMixin, Result, failed, the_face
from .scene import compat, session
from .scene.face import own_heads, slider_values

log = logs.logger(__name__)

Work = Generator[tuple[float, str], None, str]
"""Yields the share done (0 to 1) and what is going on; returns what to tell in the end."""
_TICK_S = 0.02


class BackgroundOperator(OperatorMixin):
    """Mixin of an operator on the active face: subclasses write `work`."""

    bl_options = {"REGISTER"}
    """Not UNDO: the one step is pushed when there is something to undo."""
    edits: ClassVar[bool] = True
    """As `FaceOperator.edits`."""
    holds = False
    """Whether the artist's work has to wait, too: while the operator goes through the scene's frames."""
    _running: ClassVar[str] = ""
    """The label of the operator under way: one at a time."""

    own_heads: ClassVar[bool] = True
    """As `FaceOperator.own_heads`."""

    action: ClassVar[str] = ""
    """What the backend's Python must be able to do, to complete "cannot ..."; empty where torch is enough."""
    modules: ClassVar[Mapping[str, str]] = {}
    """The modules for that (`core/backend/needs.py`)."""

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why it cannot work on the active object; empty when it can."""
        obj = context.active_object
        return slider_values.why_not(obj, edits=cls.edits) or own_heads.why_not(obj, allowed=cls.own_heads)

    def subject(self, context: bpy.types.Context) -> bpy.types.Object:
        """What it works on. Raises DnpmError when it cannot."""
        return the_face(context, edits=self.edits)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.why_not(context)
        if reason:
            cls.poll_message_set(reason)
            return False
        if BackgroundOperator._running:
            cls.poll_message_set(f"{BackgroundOperator._running} is under way: wait for it, or press Esc")
            return False
        if missing := session.missing(cls.action, cls.modules):
            cls.poll_message_set(missing)
            return False
        return True

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        """The work. No reference to data of Blender's may be held over a yield (undo moves it): find it again.
        Raises DnpmError with the scene as it was."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> Result:
        """Wait for it."""
        try:
            work = self.work(context, self.subject(context))
            try:
                while True:
                    next(work)
                    time.sleep(0.001)
            except StopIteration as end:
                return self._finished(context, end.value)
            finally:
                work.close()
        except DnpmError as error:
            return failed(self, error)

    def start(self, context: bpy.types.Context) -> Result:
        """Go on beside the artist's work; without a window wait for it."""
        if compat.in_background():
            return self.execute(context)
        try:
            self._work = self.work(context, self.subject(context))
            next(self._work)
        except DnpmError as error:
            return failed(self, error)
        except StopIteration as end:
            return self._finished(context, end.value)
        BackgroundOperator._running = self.bl_label
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        manager.progress_begin(0, 100)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if event.type == "ESC" and event.value == "PRESS":
            self._stop(context)
            self.report({"INFO"}, f"{self.bl_label}: cancelled")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"} if self.holds else {"PASS_THROUGH"}
        try:
            share, text = next(self._work)
        except StopIteration as end:
            self._stop(context)
            return self._finished(context, end.value)
        except DnpmError as error:
            self._stop(context)
            return failed(self, error)
        except BaseException:
            self._stop(context)
            log.exception("%s", self.bl_label)
            raise
        context.window_manager.progress_update(round(100 * share))
        context.workspace.status_text_set(f"{self.bl_label}: {text}, {100 * share:.0f} %      Esc: cancel")
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends, or another file is opened."""
        self._stop(context)

    def _stop(self, context: bpy.types.Context) -> None:
        BackgroundOperator._running = ""
        self._work.close()
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)
        session.redraw()

    def _finished(self, context: bpy.types.Context, text: str) -> Result:
        undo: Any = bpy.ops.ed.undo_push  # the stubs give its poll an argument
        if "UNDO" not in self.bl_options and undo.poll():
            undo(message=self.bl_label)
        self.report({"INFO"}, text)
        log.info("%s: %s", self.bl_label, text)
        return {"FINISHED"}


class FileOperator(BackgroundOperator):
    """Mixin of a background operator that lets the artist choose a file first, unless one is named already."""

    from_browser: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})
    """Whether `execute` is called by the file browser, after which the work goes on in the background."""

    def has_file(self, context: bpy.types.Context) -> bool:
        """Whether nothing need be asked. Without a window nothing is asked ever."""
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        if compat.in_background() or self.has_file(context):
            return self.start(context)
        self.from_browser = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        if self.from_browser:
            self.from_browser = False
            return self.start(context)
        return super().execute(context)


def scene_of(uid: int) -> bpy.types.Scene:
    """The scene, found again. Raises DnpmError when it was deleted meanwhile."""
    for scene in bpy.data.scenes:
        if scene.session_uid == uid:
            return scene
    raise DnpmError("the scene was deleted")


def with_label(
    work: Generator[float, None, Any], text: str, whole: float = 1.0
) -> Generator[tuple[float, str], None, Any]:
    """A generator of shares as a part of an operator's work: what it yields counts up to `whole`."""
    try:
        while True:
            yield next(work) * whole, text
    except StopIteration as end:
        return end.value
    finally:
        work.close()
