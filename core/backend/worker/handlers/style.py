"""Learns a style of speaking in the worker, in pieces, as `dnpm train style` does.

`core/backend/style_requests.py` says what comes and goes, `core/backend/client/style_task.py` is the client's side.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .... import devices
from ....capture.track import CurveTrack
from ....errors import DnpmError
from ....face_model.arkit import ARKIT_NAMES
from ... import needs
from ...requests import TaskEnded
from ...style_requests import StyleEnd, StyleMade, StyleOpen, StyleOpened, StyleStep, StyleStepped
from ..engine import Engine
from ..job import Job
from ..registry import handler
from ..task_registry import TaskRegistry
from .speech import STEP_S, TEXELS, animator_of

if TYPE_CHECKING:
    from ....speech.animate import Animator
    from ....training.speech.captures import Take
    from ....training.speech.style import Heard

_TASKS = 1
_of_engine: WeakKeyDictionary[Engine, TaskRegistry[float, StyleMade]] = WeakKeyDictionary()


def _tasks(engine: Engine) -> TaskRegistry[float, StyleMade]:
    return _of_engine.setdefault(engine, TaskRegistry(_TASKS))


@handler(StyleOpen)
def open_style(engine: Engine, request: StyleOpen, job: Job) -> StyleOpened:
    """Read the take and check all that can be checked before computing."""
    needs.require("read sound", needs.SOUND)
    from ....speech import style
    from ....speech.audio import open_sound

    style.check_name(request.name)
    if not request.licence.strip():
        raise DnpmError("say under which terms the take may be used: it goes into the style's card")
    sound = open_sound(request.sound)
    seconds = max(0.0, sound.seconds - request.begin)
    if request.seconds is not None:
        seconds = min(seconds, request.seconds)
    take = _take(request, seconds)
    animator = animator_of(engine, request.weights, request.encoder)
    _tasks(engine).open(request.task, _work(request, take, animator))
    return StyleOpened(seconds=seconds)


@handler(StyleStep)
def step_style(engine: Engine, request: StyleStep, job: Job) -> StyleStepped:
    """Go on for about STEP_S."""
    if engine.device.type == "cpu":
        devices.use_threads_for(TEXELS)
    share, made = _tasks(engine).advance(request.task, job, STEP_S)
    return StyleStepped(share=1.0 if share is None else share, made=made)


@handler(StyleEnd)
def end_style(engine: Engine, request: StyleEnd, job: Job) -> TaskEnded:
    """Forget it."""
    _tasks(engine).end(request.task)
    return TaskEnded()


def _take(request: StyleOpen, seconds: float) -> Take:
    """The take whose sound lasts so many seconds."""
    from ....training.speech.captures import read_take, take_of_track

    sound = Path(request.sound)
    if request.capture is not None:
        return read_take(Path(request.capture), sound, seconds)
    if request.times is None or request.expression is None:
        raise DnpmError("style: give either a capture or curves")
    if request.expression.shape != (len(request.times), len(ARKIT_NAMES)) or len(request.times) < 2:
        raise DnpmError(f"style: curves must be (T, {len(ARKIT_NAMES)}) at (T,) times, T at least 2")
    inside = request.times <= seconds
    if inside.sum() < 2:
        raise DnpmError(f"{sound.name} ends before the face begins to move: nothing can be learnt from this")
    track = CurveTrack(request.times[inside].astype(np.float64), request.expression[inside].astype(np.float32))
    return take_of_track(request.take or sound.stem, sound, track, "keyframes of a face")


def _work(request: StyleOpen, take: Take, animator: Animator) -> Generator[float, None, StyleMade]:
    from ....evaluation.speech_validation import style_scores
    from ....speech import style
    from ....training.speech.style import hearing, learn, learnt_card

    started = time.monotonic()
    decoder = animator.decoder
    heard = yield from _scaled(hearing(take, animator.encoder, decoder, request.begin, request.seconds), 0.95)
    made, scores = learn(request.name, [heard], animator.encoder.kind, decoder.config.rate, style_scores)
    spent = time.monotonic() - started
    card = learnt_card(
        [take], [heard], scores, request.licence, "Learn Style, in Blender", spent, decoder.config.rate
    )  # fmt: skip
    path = style.save(request.out, made, card)
    return StyleMade(str(path), _line(scores), (take.line,))


def _scaled(work: Generator[float, None, Heard], most: float) -> Generator[float, None, Heard]:
    try:
        while True:
            yield most * next(work)
    except StopIteration as end:
        return end.value
    finally:
        work.close()


def _line(scores: dict[str, dict[str, float]]) -> str:
    """The scores in few words."""
    parts = []
    for key, what in (("jaw_r", "jaw"), ("mouth_r", "mouth")):
        ours, default = (scores[kind].get(key) for kind in ("style", "default"))
        if ours is not None and default is not None:
            parts.append(f"{what} {ours:.2f} (default style {default:.2f})")
    told = ", ".join(parts) or "not measured"
    return f"correlation with the performer on the last fifth: {told}"
