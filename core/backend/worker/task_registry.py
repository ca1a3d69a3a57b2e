"""The worker's side of work in steps (`client/task.py` is the client's): generators by the names that clients gave."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Generator
from typing import Generic, TypeVar

from ...errors import DnpmError
from ..types import UNKNOWN_TASK
from .job import Job

Progress = TypeVar("Progress")
Result = TypeVar("Result")


class TaskRegistry(Generic[Progress, Result]):
    """What is under way of one kind; the oldest go when there are more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: OrderedDict[str, Generator[Progress, None, Result]] = OrderedDict()

    def open(self, task: str, work: Generator[Progress, None, Result]) -> None:
        """Keep work under a name. Raises DnpmError when the name is empty."""
        if not task:
            raise DnpmError("the parameter task is missing, a name for what is asked")
        self._work[task] = work
        while len(self._work) > self._most:
            self._work.popitem(last=False)[1].close()

    def advance(self, task: str, job: Job, step_s: float = 0.0) -> tuple[Progress | None, Result | None]:
        """Take a task further, for about step_s seconds and one piece at least -> its last progress, None; or at its
        end None, its result. Raises DnpmError when there is no such task, or what it raised, and forgets it."""
        work = self._work.get(task)
        if work is None:
            raise DnpmError(f"{UNKNOWN_TASK}: {task}")
        end = time.monotonic() + step_s
        try:
            while True:
                job.check()
                progress = next(work)
                if time.monotonic() >= end:
                    return progress, None
        except StopIteration as finished:
            del self._work[task]
            return None, finished.value
        except BaseException:
            self._work.pop(task, None)
            raise

    def end(self, task: str) -> None:
        """Forget a task, finished or not."""
        work = self._work.pop(task, None)
        if work is not None:
            work.close()
