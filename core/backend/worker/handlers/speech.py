"""Sound to curves in the worker, in pieces: between two of them the maps of faces that are being moved get their turn.

`core/backend/requests.py` says what comes and goes, `core/backend/client/task.py` is the client's side. The networks
are loaded with the first sound.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .... import devices
from ....errors import DnpmError
from ... import needs
from ...requests import Curves, SpeechEnd, SpeechOpen, SpeechOpened, SpeechStep, SpeechStepped, TaskEnded
from ..engine import Engine
from ..job import Job
from ..registry import handler
from ..task_registry import TaskRegistry

if TYPE_CHECKING:
    from ....speech.animate import Animation, Animator
    from ....speech.audio import Samples, Sound

STEP_S = 0.3
"""A step ends with the piece of sound in which so much time has passed."""
_TASKS = 4
TEXELS = 1024 * 1024
"""The encoder's work, as maps count it: several threads are good."""


class _Speech:
    """What one engine holds for speech: networks by where they came from, and the tasks under way."""

    def __init__(self) -> None:
        self.animators: dict[tuple[str, str, str], Animator] = {}
        self.tasks: TaskRegistry[float, Curves] = TaskRegistry(_TASKS)


_of_engine: WeakKeyDictionary[Engine, _Speech] = WeakKeyDictionary()


def _speech(engine: Engine) -> _Speech:
    return _of_engine.setdefault(engine, _Speech())


@handler(SpeechOpen)
def open_speech(engine: Engine, request: SpeechOpen, job: Job) -> SpeechOpened:
    """Open a sound and check all that can be checked before computing."""
    sound = _sound(request)
    animator = animator_of(engine, request.weights, request.encoder)
    from ....speech.animate import steps

    animator.voice(request.speaker)
    work = steps(
        sound, animator, fps=request.fps, first=request.first, speaker=request.speaker, controls=request.controls
    )
    _speech(engine).tasks.open(request.task, _curves(work, animator.name))
    return SpeechOpened(seconds=sound.seconds, weights=animator.name, speakers=tuple(animator.decoder.config.speakers))


@handler(SpeechStep)
def step_speech(engine: Engine, request: SpeechStep, job: Job) -> SpeechStepped:
    """Go on with a sound for about STEP_S."""
    if engine.device.type == "cpu":
        devices.use_threads_for(TEXELS)
    share, curves = _speech(engine).tasks.advance(request.task, job, STEP_S)
    return SpeechStepped(share=1.0 if share is None else share, curves=curves)


@handler(SpeechEnd)
def end_speech(engine: Engine, request: SpeechEnd, job: Job) -> TaskEnded:
    """Forget a sound."""
    _speech(engine).tasks.end(request.task)
    return TaskEnded()


def _curves(work: Generator[float, None, Animation], weights: str) -> Generator[float, None, Curves]:
    """The work with its result as it travels."""
    made = yield from work
    track = made.track
    return Curves(track.times, track.expression, track.rotations, weights, tuple(made.notes), track.tip_up)


def _sound(request: SpeechOpen) -> Sound | Samples:
    needs.require("read sound", needs.SOUND)
    from ....speech.audio import Samples, open_sound

    if (request.path is None) == (request.samples is None):
        raise DnpmError("speech: give either a path or samples")
    if request.samples is not None:
        if request.rate is None:
            raise DnpmError("speech: samples need their rate in Hz")
        return Samples(request.samples, round(request.rate))
    sound = open_sound(str(request.path))
    if request.begin or request.seconds is not None:
        sound = sound.part(request.begin, request.seconds)
    return sound


def animator_of(engine: Engine, weights: str | None, encoder: str | None) -> Animator:
    """The speech networks, loaded once. A folder of weights that holds no speech leaves the shipped ones in use."""
    from ....speech.animate import open_animator
    from ....speech.card import CARD

    folder = engine.weights.folder
    if weights is None and (Path(folder) / CARD).is_file():
        weights = folder
    key = (str(weights), str(encoder), str(engine.device))
    state = _speech(engine)
    if key not in state.animators:
        state.animators[key] = open_animator(weights, encoder, str(engine.device))
    return state.animators[key]
