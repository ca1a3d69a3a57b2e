"""The client's side of `speech_handlers.py`: one sound to curves, without ever waiting. Needs numpy alone.

job = SpeechJob(client, path="a.wav", fps=24)
while (curves := job.advance()) is None: ...         # from a timer; `job.share` says how far it is
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Reply
from .task import Asker, Run


@dataclass(frozen=True)
class Curves:
    """times (T,) float64 seconds; expression (T, 52) float32 in ARKit's order; rotations (T, 9) float32 radians in the
    order of `tracks.ROTATION_NAMES`, or None; weights: the name of those that made them; notes: what had to be done to
    the sound, and what is missing of it."""

    times: np.ndarray
    expression: np.ndarray
    rotations: np.ndarray | None
    weights: str
    notes: tuple[str, ...] = ()


class SpeechJob(Run[Curves]):
    """One sound under way."""

    def __init__(
        self,
        client: Asker,
        *,
        path: str | os.PathLike[str] | None = None,
        samples: np.ndarray | None = None,
        **params: Any,
    ) -> None:
        """path, or samples with `rate`; params: those of the request `speech` (fps, first, begin, seconds, speaker,
        controls, weights, encoder). Raises DnpmError when a parameter cannot be sent."""
        self.seconds, self.weights = 0.0, ""
        place = {} if path is None else {"path": os.fspath(path)}
        super().__init__(client, "speech", {} if samples is None else {"samples": samples}, {**params, **place})

    def opened(self, reply: Reply) -> None:
        """See `Run`."""
        self.seconds, self.weights = float(reply.params["seconds"]), str(reply.params["weights"])

    def stepped(self, reply: Reply) -> None:
        """See `Run`."""
        self.share = float(reply.params["share"])

    def made(self, reply: Reply) -> Curves:
        """See `Run`."""
        arrays, notes = reply.arrays, tuple(map(str, reply.params.get("notes", ())))
        return Curves(arrays["times"], arrays["expression"], arrays.get("rotations"), self.weights, notes)
