"""How a Blender without a window ends after a render that went wrong: farms look at the exit code alone."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
from pathlib import Path

import bpy

from ...core import logs
from . import compat, session

log = logs.logger(__name__)

CODE = 3
"""Exit code of a Blender without a window after a face was rendered with a map that is not its frame's."""

_failed = False
_broken_off = False


def with_failure() -> None:
    """From now on Blender ends with `CODE`; one with a window, which goes on, ends as ever."""
    global _failed
    if compat.in_background() and not _failed:
        _failed = True
        atexit.register(_end)


def stop_render(scene: bpy.types.Scene, reason: str) -> None:
    """End the render that is under way, without the frame's picture.

    Blender itself is told to break off as by Ctrl-C, finishes its films and goes on to its end. As a Python module it
    cannot be told, and neither a second time: then the process ends here.
    """
    global _broken_off
    log.error(
        "the render is stopped at frame %d, because %s. (Preferences > Add-ons > DNPM Face > Stop Renders)",
        scene.frame_current, reason,
    )  # fmt: skip
    with_failure()
    # Python knows no handler of Blender's program; in the module it has its own.
    if signal.getsignal(signal.SIGINT) is None and not _broken_off:
        _broken_off = True  # told twice, it would kill itself
        signal.raise_signal(signal.SIGINT)
        return
    placeholder = Path(scene.render.frame_path(frame=scene.frame_current))
    if scene.render.use_placeholder and placeholder.is_file() and placeholder.stat().st_size == 0:
        placeholder.unlink()  # else another machine would take the frame for done
    _end()


def _end() -> None:
    session.stop()
    folder = Path(bpy.app.tempdir)
    if folder.name.startswith("blender_"):  # this Blender's own, which it would have removed later
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(CODE)
