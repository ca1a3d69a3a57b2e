"""Sound to curves in the worker, in pieces: between two of them the maps of faces that are being moved get their turn.

speech: open a sound. Nothing is computed yet.
    params: run (a name of the client's choice), path, or else arrays samples (n,) or (n, channels) and params rate;
        begin, seconds (a part of the file; default: all of it), fps (default: the decoder's own), first (seconds, of
        the first frame), speaker, controls (fields of core/speech/controls.py), weights, encoder (default: the shipped)
    answer's params: seconds (of sound), weights (their name), speakers
speech_step: some seconds of sound further on.
    params: run
    answer's params: share (0 to 1), done; with the last one notes (about the sound, for a person), and the arrays times
        (T,) float64 seconds, expression (T, 52) float32 and, with head life, rotations (T, 9) float32 radians in the
        order of `ROTATION_NAMES`
speech_end: forget a run, finished or not.
    params: run

The networks are loaded with the first sound. `core/backend/client/speech.py` is the client's side.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .... import devices
from ....errors import DnpmError
from ... import needs
from ..engine import Engine
from ..job import Job
from ..registry import Answer, handler, read_number, read_params
from ..task_registry import Runs, run_name

if TYPE_CHECKING:
    from ....speech.animate import Animation, Animator
    from ....speech.audio import Samples, Sound
    from ....speech.controls import Controls

STEP_S = 0.3
"""A step ends with the piece of sound in which so much time has passed."""
_RUNS = 4
_TEXELS = 1024 * 1024
"""The encoder's work, as maps count it: several threads are good."""


class _Speech:
    """What one engine holds for speech: networks by where they came from, and the runs under way."""

    def __init__(self) -> None:
        self.animators: dict[tuple[str, str, str], Animator] = {}
        self.runs: Runs[float, Animation] = Runs(_RUNS)


_of_engine: WeakKeyDictionary[Engine, _Speech] = WeakKeyDictionary()


def _speech(engine: Engine) -> _Speech:
    return _of_engine.setdefault(engine, _Speech())


@handler("speech")
def speech(engine: Engine, job: Job) -> Answer:
    """Open a sound and check all that can be checked before computing."""
    values = read_params(
        job, {"run": None, "path": None, "rate": None, "begin": 0.0, "seconds": None, "fps": None, "first": 0.0,
              "speaker": None, "controls": {}, "weights": None, "encoder": None},
    )  # fmt: skip
    run = run_name(values)
    sound = _sound(job, values)
    controls = _controls(values["controls"])
    animator = _animator(engine, values["weights"], values["encoder"])
    from ....speech.animate import steps

    fps = None if values["fps"] is None else read_number(values, "fps")
    animator.decoder.config.speaker(values["speaker"])
    work = steps(
        sound, animator, fps=fps, first=read_number(values, "first"), speaker=values["speaker"], controls=controls
    )
    _speech(engine).runs.open(run, work)
    facts = {"seconds": sound.seconds, "weights": animator.name, "speakers": list(animator.decoder.config.speakers)}
    return {}, facts


@handler("speech_step")
def speech_step(engine: Engine, job: Job) -> Answer:
    """Go on with a run for about STEP_S."""
    if engine.device.type == "cpu":
        devices.use_threads_for(_TEXELS)
    share, made = _speech(engine).runs.advance(job, STEP_S)
    if made is None:
        return {}, {"share": share, "done": False}
    track = made.track
    arrays = {"times": track.times, "expression": track.expression}
    if track.rotations is not None:
        arrays["rotations"] = track.rotations
    return arrays, {"share": 1.0, "done": True, "notes": list(made.notes)}


@handler("speech_end")
def speech_end(engine: Engine, job: Job) -> Answer:
    """Forget a run."""
    _speech(engine).runs.end(job)
    return {}, {}


def _sound(job: Job, values: dict[str, Any]) -> Sound | Samples:
    needs.require("read sound", needs.SOUND)
    from ....speech.audio import Samples, open_sound

    if (values["path"] is None) == ("samples" not in job.arrays):
        raise DnpmError("speech: give either a path or samples")
    if values["path"] is None:
        return Samples(job.arrays["samples"], round(read_number(values, "rate")))
    sound = open_sound(str(values["path"]))
    begin, seconds = read_number(values, "begin"), values["seconds"]
    if begin or seconds is not None:
        sound = sound.part(begin, None if seconds is None else read_number(values, "seconds"))
    return sound


def _controls(values: object) -> Controls:
    from ....speech.controls import Controls

    known = {field.name: type(field.default) for field in fields(Controls)}
    if not isinstance(values, dict) or set(values) - set(known):
        raise DnpmError(f"speech: controls must be some of {', '.join(known)}, are {values!r}")
    for name, value in values.items():
        wanted: tuple[type, ...] = (int, float) if known[name] is float else (known[name],)
        if not isinstance(value, wanted) or (isinstance(value, bool) and known[name] is not bool):
            raise DnpmError(f"speech: the control {name} cannot be {value!r}")
    return Controls(**values)


def _animator(engine: Engine, weights: object, encoder: object) -> Animator:
    """The networks, loaded once. A folder of weights that holds no speech leaves the shipped ones in use."""
    from ....speech.animate import open_animator
    from ....speech.card import CARD

    folder = engine.weights["folder"]
    if weights is None and (Path(folder) / CARD).is_file():
        weights = folder
    key = (str(weights), str(encoder), str(engine.device))
    state = _speech(engine)
    if key not in state.animators:
        state.animators[key] = open_animator(
            None if weights is None else str(weights), None if encoder is None else str(encoder), str(engine.device)
        )
    return state.animators[key]
