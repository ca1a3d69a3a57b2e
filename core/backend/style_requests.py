"""What the worker can be asked to learn of a manner of speaking, and what it answers (`requests.py` has the others).
Needs numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .messages import Message
from .requests import Request, TaskEnded


@dataclass(frozen=True, kw_only=True)
class StyleOpened(Message):
    """Take and sound can be read, nothing is computed yet."""

    seconds: float
    """Of sound."""


@dataclass(frozen=True, kw_only=True)
class StyleOpen(Request[StyleOpened]):
    """Learn a style from a take: either the file of a capture, or curves (`times` and `expression`)."""

    KIND = "style"
    ANSWER = StyleOpened

    task: str = ""
    """Given by `StyleTask`."""
    name: str
    """Of the style."""
    licence: str
    """Under which the take may be used, for the style's card."""
    out: str
    """Folder of styles."""
    sound: str
    """A sound file."""
    begin: float = 0.0
    """Seconds into the file at which the take begins."""
    seconds: float | None = None
    """How much of the file from there; None: to its end."""
    capture: str | None = None
    """File of a capture whose first frame is at `begin`."""
    take: str = ""
    """What the card calls curves."""
    times: np.ndarray | None = None
    """(T,) float64 seconds after `begin`."""
    expression: np.ndarray | None = None
    """(T, 52) float32 in ARKit's order."""
    weights: str | None = None
    """Folder of speech weights; None: those beside the detail weights, or else the shipped ones."""
    encoder: str | None = None
    """File of the speech encoder; None: the shipped one."""


@dataclass(frozen=True)
class StyleMade:
    """path: of its card; line: how it does on the part that was held out; notes: what was read."""

    path: str
    line: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StyleStepped(Message):
    """Some seconds of sound further."""

    share: float
    """How much is done, 0 to 1."""
    made: StyleMade | None = None
    """With the last step."""


@dataclass(frozen=True, kw_only=True)
class StyleStep(Request[StyleStepped]):
    """Go on."""

    KIND = "style_step"
    ANSWER = StyleStepped

    task: str


@dataclass(frozen=True, kw_only=True)
class StyleEnd(Request[TaskEnded]):
    """Forget it."""

    KIND = "style_end"
    ANSWER = TaskEnded

    task: str
