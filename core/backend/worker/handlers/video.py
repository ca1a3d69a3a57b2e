"""A video to a performance in the worker, in pieces: between two of them other faces' maps get their turn.

`core/backend/video_requests.py` says what comes and goes, `core/backend/client/video_task.py` is the client's side. The
networks are loaded with the first video.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .... import devices
from ....errors import DnpmError
from ... import needs
from ...requests import TaskEnded
from ...video_requests import VideoCurves, VideoEnd, VideoOpen, VideoOpened, VideoStep, VideoStepped
from ..engine import Engine
from ..job import Job
from ..registry import handler
from ..task_registry import TaskRegistry

if TYPE_CHECKING:
    from ....video.capturing import Tools
    from ....video.performance import Performance

STEP_S = 0.3
_TASKS = 2
_TEXELS = 512 * 512
"""The networks' work, as maps count it: two threads are enough."""
_MOST_SMOOTHING = 10.0


class _Videos:
    """What one engine holds for videos: networks, and the tasks under way."""

    def __init__(self) -> None:
        self.tools: Tools | None = None
        self.tasks: TaskRegistry[float, VideoCurves] = TaskRegistry(_TASKS)


_of_engine: WeakKeyDictionary[Engine, _Videos] = WeakKeyDictionary()


def _videos(engine: Engine) -> _Videos:
    return _of_engine.setdefault(engine, _Videos())


@handler(VideoOpen)
def open_video(engine: Engine, request: VideoOpen, job: Job) -> VideoOpened:
    """Open a video and check all that can be checked before computing."""
    needs.require("read videos", needs.VIDEOS)
    from ....video import capturing, decoding

    if not 0 <= request.smoothing <= _MOST_SMOOTHING:
        raise DnpmError(f"video: smoothing {request.smoothing:g}: must be 0 to {_MOST_SMOOTHING:g}")
    path = Path(request.path)
    seconds = decoding.open_video(path).seconds
    state = _videos(engine)
    if state.tools is None:
        state.tools = capturing.Tools.open(engine.face_model.path)
    choices = capturing.Choices(request.neutral, request.neutral_s, request.smoothing)
    kept = Path(request.kept) if request.kept else None
    state.tasks.open(request.task, _curves(capturing.steps(path, state.tools, choices, kept)))
    return VideoOpened(seconds=seconds)


@handler(VideoStep)
def step_video(engine: Engine, request: VideoStep, job: Job) -> VideoStepped:
    """Go on with a video for about STEP_S."""
    if engine.device.type == "cpu":
        devices.use_threads_for(_TEXELS)
    share, curves = _videos(engine).tasks.advance(request.task, job, STEP_S)
    return VideoStepped(share=1.0 if share is None else share, curves=curves)


@handler(VideoEnd)
def end_video(engine: Engine, request: VideoEnd, job: Job) -> TaskEnded:
    """Forget a video."""
    _videos(engine).tasks.end(request.task)
    return TaskEnded()


def _curves(work: Generator[float, None, Performance]) -> Generator[float, None, VideoCurves]:
    """The work with its result as it travels."""
    from ....video.decoding import is_uneven

    made = yield from work
    track = made.track
    assert track.rotations is not None
    return VideoCurves(
        times=track.times, expression=track.expression, rotations=track.rotations,
        confidence=made.confidence.astype(np.float32), lost=made.lost, identity=made.identity.astype(np.float32),
        translation=made.translation.astype(np.float32), focal=float(made.focal), width=made.size[0],
        height=made.size[1], sound_s=made.sound_s, even=not is_uneven(track.times), fps=float(made.capture.fps),
        line=made.line(), notes=made.capture.notes,
    )  # fmt: skip
