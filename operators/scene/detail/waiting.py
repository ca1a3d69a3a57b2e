"""Where somebody waits for a map that need not be there: saving, and frames that are played. Nobody waits long.

A render, and the buttons that say so, wait until the map is there (`live.update_now`).
"""

from __future__ import annotations

import time

import bpy

from ....core.errors import DnpmError
from .. import names, session
from . import live, map_state
from .map_state import MapState

PATIENCE_S = 1.0
"""For all faces together."""
_STEP_S = 0.005


def play_frame(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    """Bring a face up to a frame that is played: at preview size, and the whole map once the playback stops.

    Waits at most `PATIENCE_S`, and after a frame that came too late not at all until the worker answers: one that is
    stuck costs a playback one second and not one a frame. Raises DnpmError when the map was not there in time.
    """
    stuck = live.is_waiting() and not live.take_answers()
    before = map_state.of(obj).problem
    state = live.ask_now(obj, depsgraph, full=False, wanted=getattr(obj, names.FACE).on_playback)
    in_time = state is None or _wait([state], 0.0 if stuck else PATIENCE_S)
    problem = map_state.of(obj).problem
    if problem and problem != before:
        map_state.of(obj).problem = before
        raise DnpmError(problem)
    if not in_time and not stuck:
        raise DnpmError(f"the backend did not answer within {PATIENCE_S:g} s; the map follows when it does")


def finish(faces: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Before saving: bring the maps up to the sliders as far as that can be done within `PATIENCE_S`.

    Returns the faces whose map is behind. Their image will name the sliders that it does show, or none
    (`map_state.pack`), so that the map is asked for when the file is opened, and before a render.
    """
    behind, waiting = [], []
    for obj in faces:
        if not (live.follows(obj) and getattr(obj, names.FACE).live and session.status().state in {"ready", "busy"}):
            continue
        try:
            state = live.ask_now(obj, full=True)
        except DnpmError as error:
            live.set_problem(obj, str(error))
            continue
        if state is not None:
            waiting.append(state)
        behind.append(obj)
    _wait(waiting, PATIENCE_S)
    return [obj for obj in behind if not map_state.of(obj).shows(map_state.of(obj).wanted)]


def _wait(states: list[MapState], seconds: float) -> bool:
    """Show answers until these faces wait for none any more, at most so long; returns whether that was in time."""
    deadline = time.monotonic() + seconds
    while True:
        live.take_answers()
        if not any(state.tickets for state in states):
            return True
        if time.monotonic() >= deadline:
            live.run_timer()  # It comes later.
            return False
        time.sleep(_STEP_S)
