"""A style that is being learnt (`task.py` has the others). Needs numpy alone."""

from __future__ import annotations

from dataclasses import replace

from ..style_requests import StyleEnd, StyleMade, StyleOpen, StyleOpened, StyleStep, StyleStepped
from .task import Asker, Task, new_name


class StyleTask(Task[StyleOpened, StyleStepped, StyleMade]):
    """One style being learnt."""

    def __init__(self, client: Asker, style: StyleOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        name = new_name()
        super().__init__(client, replace(style, task=name), StyleStep(task=name), StyleEnd(task=name), name)

    def opened(self, answer: StyleOpened) -> None:
        """See `Task`."""

    def stepped(self, answer: StyleStepped) -> StyleMade | None:
        """See `Task`."""
        self.share = answer.share
        return answer.made
