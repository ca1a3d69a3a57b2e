"""What the worker can be asked about pictures of faces: `worker/handlers/portrait.py` answers. Numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .messages import Message
from .requests import Request


@dataclass(frozen=True, kw_only=True)
class PortraitAnswer(Message):
    """A small picture of a face."""

    picture: np.ndarray
    """(S, S, 3) uint8 sRGB, row 0 at the top."""


@dataclass(frozen=True, kw_only=True)
class PortraitRequest(Request[PortraitAnswer]):
    """Draw the face of a preset (`core/photo/portrait.py`)."""

    KIND = "portrait"
    ANSWER = PortraitAnswer

    preset: str
    """Its text, as in a preset's file."""
    actor: str = ""
    """The text of the preset that says what the first one leaves out; empty: the average adult at rest."""
    size: int = 192
    """S, 32 to 512 pixels."""
