"""A video under way (`task.py` has the others). Needs numpy alone."""

from __future__ import annotations

from dataclasses import replace

from ..video_requests import VideoCurves, VideoEnd, VideoOpen, VideoOpened, VideoStep, VideoStepped
from .task import Asker, Task, new_name


class VideoTask(Task[VideoOpened, VideoStepped, VideoCurves]):
    """One video under way."""

    def __init__(self, client: Asker, video: VideoOpen) -> None:
        """Raises DnpmError when the request cannot be sent."""
        self.seconds = 0.0
        """Of video, once it is open; 0 where its header does not tell."""
        name = new_name()
        super().__init__(client, replace(video, task=name), VideoStep(task=name, final=True), VideoEnd(task=name), name)

    def opened(self, answer: VideoOpened) -> None:
        """See `Task`."""
        self.seconds = answer.seconds

    def stepped(self, answer: VideoStepped) -> VideoCurves | None:
        """See `Task`."""
        self.share = answer.share
        return answer.curves
