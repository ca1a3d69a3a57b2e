"""What the worker can be asked about videos, and what it answers (`requests.py` has the others). Needs numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .messages import Message
from .requests import Request, TaskEnded


@dataclass(frozen=True, kw_only=True)
class VideoOpened(Message):
    """The video can be read, nothing is computed yet."""

    seconds: float
    """Of video; 0 where its header does not tell."""


@dataclass(frozen=True, kw_only=True)
class VideoOpen(Request[VideoOpened]):
    """Open a video of one person."""

    KIND = "video"
    ANSWER = VideoOpened

    task: str = ""
    """Given by `VideoTask`."""
    path: str
    """A video file."""
    neutral: bool = True
    """Whether the person's rest is taken out of all frames."""
    neutral_s: float | None = None
    """Seconds into the video of a picture that shows it; None: the most frequent still face."""
    smoothing: float = 1.0
    """0: none, 1: usual."""
    kept: str | None = None
    """File in which readings are kept, so that stopped work goes on from there; None: nowhere."""


@dataclass(frozen=True)
class VideoCurves:
    """One person's performance. times (T,) float64 seconds after the first picture; expression (T, 52) float32;
    rotations (T, 9) float32 radians, the head's relative to the camera; confidence (T,) float32, 0 (lost) to 1;
    lost: (begin, end) seconds of spans that were bridged; identity (n_id,) float32; translation (T, 3) float32 mm of
    the head in the camera's space, focal in pixels of a picture of width x height; sound_s: seconds after the first
    picture at which the sound begins, None without one; even: whether the pictures come at one rate, fps; line: all
    of it in one line."""

    times: np.ndarray
    expression: np.ndarray
    rotations: np.ndarray
    confidence: np.ndarray
    lost: tuple[tuple[float, float], ...]
    identity: np.ndarray
    translation: np.ndarray
    focal: float
    width: int
    height: int
    sound_s: float | None
    even: bool
    fps: float
    line: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VideoStepped(Message):
    """Some pictures further."""

    share: float
    """How much is done, 0 to 1."""
    curves: VideoCurves | None = None
    """With the last step."""


@dataclass(frozen=True, kw_only=True)
class VideoStep(Request[VideoStepped]):
    """Go on with a video."""

    KIND = "video_step"
    ANSWER = VideoStepped

    task: str
    """As given to `VideoOpen`."""


@dataclass(frozen=True, kw_only=True)
class VideoEnd(Request[TaskEnded]):
    """Forget a video, finished or not; readings are kept where a file was named for them."""

    KIND = "video_end"
    ANSWER = TaskEnded

    task: str
    """As given to `VideoOpen`."""
