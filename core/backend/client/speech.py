"""One sound to curves through the worker, without ever waiting. Needs numpy alone.

task = SpeechTask(client, SpeechOpen(path="a.wav", fps=24))
while (curves := task.advance()) is None: ...        # from a timer; `task.share` says how far it is
"""

from __future__ import annotations

from dataclasses import replace

from ..requests import Curves, SpeechEnd, SpeechOpen, SpeechOpened, SpeechStep, SpeechStepped
from .task import Asker, Task, new_name


class SpeechTask(Task[SpeechOpened, SpeechStepped, Curves]):
    """One sound under way."""

    def __init__(self, client: Asker, sound: SpeechOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self.seconds = 0.0
        """Of sound, once it is open."""
        name = new_name()
        super().__init__(
            client, replace(sound, task=name), SpeechStep(task=name, final=True), SpeechEnd(task=name), name
        )

    def opened(self, answer: SpeechOpened) -> None:
        """See `Task`."""
        self.seconds = answer.seconds

    def stepped(self, answer: SpeechStepped) -> Curves | None:
        """See `Task`."""
        self.share = answer.share
        return answer.curves
