"""Photos of one person to a face through the worker, without ever waiting. Needs numpy alone.

task = PhotoTask(client, PhotoOpen(pictures=(Photo(path="ann.jpg"),)))
while (face := task.advance()) is None: ...          # from a timer; `task.share`, `task.stage` say how far it is
"""

from __future__ import annotations

from dataclasses import replace

from ..requests import PhotoEnd, PhotoFace, PhotoOpen, PhotoOpened, PhotoStep, PhotoStepped
from .task import Asker, Task, new_name


class PhotoTask(Task[PhotoOpened, PhotoStepped, PhotoFace]):
    """One person's photos under way."""

    stage = "reading"
    """What is being done."""

    def __init__(self, client: Asker, photos: PhotoOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self._steps, self._stages = 0, 1
        name = new_name()
        super().__init__(
            client, replace(photos, task=name), PhotoStep(task=name, final=True), PhotoEnd(task=name), name
        )

    def opened(self, answer: PhotoOpened) -> None:
        """See `Task`."""
        self._stages, self._steps = answer.stages, 0
        self.stage = "landmarks"

    def stepped(self, answer: PhotoStepped) -> PhotoFace | None:
        """See `Task`."""
        self._steps += 1
        self.share, self.stage = self._steps / self._stages, answer.stage
        return answer.face
